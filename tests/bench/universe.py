"""Rows of many domains as the venues list them, all distinct, made by number: game winners, spreads, totals and elections.

Each Kalshi row has at most one partner; Polymarket lists more rows than have one. Nothing is random, so runs compare.
"""

import json
from collections.abc import Iterator
from datetime import date, timedelta

from controller.discovery.game import Row
from controller.discovery.matching import KalshiRow, PolymarketRow

__all__ = ["kalshi_rows", "polymarket_rows"]

_TEAMS = (
    ("ATL", "Atlanta", "Hawks"), ("BOS", "Boston", "Celtics"), ("CHI", "Chicago", "Bulls"), ("DAL", "Dallas", "Mavericks"),
    ("DEN", "Denver", "Nuggets"), ("HOU", "Houston", "Rockets"), ("MIA", "Miami", "Heat"), ("MIL", "Milwaukee", "Bucks"),
    ("PHX", "Phoenix", "Suns"), ("SAC", "Sacramento", "Kings"), ("TOR", "Toronto", "Raptors"), ("UTA", "Utah", "Jazz"),
)  # fmt: skip
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_LINES = tuple(f"{whole}.5" for whole in range(1, 15))
_FIRST = date(2026, 1, 1)
_PER_GAME = 1 + 2 * len(_LINES)


def _game(number: int) -> tuple[date, tuple[str, str, str], tuple[str, str, str]]:
    """Game number of the calendar: six a day, no team twice on one day."""
    day, slot = divmod(number, 6)
    return _FIRST + timedelta(days=day), _TEAMS[(slot + day) % 12], _TEAMS[(slot + day + 6) % 12]


def kalshi_rows(count: int) -> Iterator[KalshiRow]:
    """count rows: of each five one is a House race, the others belong to games."""
    for number in range(count):
        if number % 5 == 4:
            yield _race(number // 5)
            continue
        game, what = divmod(number - number // 5, _PER_GAME)
        day, away, home = _game(game)
        code = f"{day:%y}{_MONTHS[day.month - 1]}{day:%d}{away[0]}{home[0]}"
        pair = f"{away[1]} at {home[1]}"
        if what == 0:
            yield _kalshi("KXNBAGAME", code, away[0], pair, f"{pair} Winner?", away[1], None)
            continue
        spread, line = what <= len(_LINES), _LINES[(what - 1) % len(_LINES)]
        series, tail = ("KXNBASPREAD", "Spread") if spread else ("KXNBATOTAL", "Total Points")
        says = f"{away[1]} wins by over {line} points" if spread else f"Over {line} points scored"
        yield _kalshi(series, code, f"{away[0]}{what}", f"{pair}: {tail}", f"{says}?", says, float(line))


def polymarket_rows(count: int) -> Iterator[PolymarketRow]:
    """count rows in the same order; those beyond the other venue's have no partner."""
    for number in range(count):
        if number % 5 == 4:
            asked = f"Will the Republican Party win the {_district(number // 5)} House seat?"
            event = {"title": f"{_district(number // 5)} House", "endDate": "2026-11-03T00:00:00Z"}
            yield event, _gamma(f"r{number}", asked, ["Yes", "No"])
            continue
        game, what = divmod(number - number // 5, _PER_GAME)
        day, away, home = _game(game)
        pair = f"{away[2]} vs. {home[2]}"
        slug = f"nba-{away[0].lower()}-{home[0].lower()}-{day}"
        line = _LINES[(what - 1) % len(_LINES)]
        spread = 0 < what <= len(_LINES)
        question = pair if what == 0 else f"Spread: {away[2]} (-{line})" if spread else f"{pair}: O/U {line}"
        kind = "moneyline" if what == 0 else "spreads" if spread else "totals"
        outcomes = ["Over", "Under"] if kind == "totals" else [away[2], home[2]]
        start = f"{day + timedelta(days=1)} 00:00:00+00"
        yield (
            {"slug": slug, "title": pair, "eventDate": str(day), "seriesSlug": "nba-2026", "tags": [{"slug": "nba"}]},
            {**_gamma(f"g{number}", question, outcomes), "sportsMarketType": kind, "gameStartTime": start},
        )


def _kalshi(series: str, code: str, side: str, event_title: str, title: str, yes: str, strike: float | None) -> KalshiRow:
    ticker = f"{series}-{code}"
    market: Row = {"ticker": f"{ticker}-{side}", "title": title, "yes_sub_title": yes, "floor_strike": strike}
    return {"event_ticker": ticker, "series_ticker": series, "title": event_title, "markets": [market]}, market, None


def _race(number: int) -> KalshiRow:
    place = _district(number)
    ticker = f"KXHOUSERACE-{place.replace('-', '')}-26"
    market: Row = {"ticker": f"{ticker}-R", "title": f"Will Republican win the House race for {place}?"}
    event: Row = {
        "event_ticker": ticker,
        "series_ticker": "KXHOUSERACE",
        "title": f"{place} House winner?",
        "markets": [market],
    }
    return event, market, None


def _district(number: int) -> str:
    return f"{('CA', 'TX', 'NY', 'FL', 'OH', 'PA', 'IL', 'GA')[number % 8]}-{number // 8 + 1:02d}"


def _gamma(ident: str, question: str, outcomes: list[str]) -> Row:
    return {"conditionId": ident, "question": question, "outcomes": json.dumps(outcomes)}
