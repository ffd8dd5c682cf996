"""Kalshi as its Trade API stands today (kalshi.md).

    sign budget ► rest ► client, a leg's life (orders, lookup, hints, holds, account)
                       └ catalogue · exchange, terms, mode · portfolio · dealing, groups · transfers, treasury
    session ► feed (books, lifecycle) · listen (channels) · poll without a key

What an answer means stands in statuses and stream_codes, its words in explain. These, orders, books, channels, hints, holds,
lifecycle, mode, budget and the wire files are pure; the others carry their bytes.
"""
