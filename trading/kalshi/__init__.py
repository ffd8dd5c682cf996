"""Kalshi as its Trade API stands today (kalshi.md).

    sign ► rest ► client (orders, account, catalogue, hints)        session ► feed (books, lifecycle) · poll without a key

orders, books, hints, lifecycle and the wire files are pure; client, feed and poll carry their bytes.
"""
