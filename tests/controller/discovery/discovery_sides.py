"""Venue objects beside full-game winners for the discovery tests: lines of one game, a season's future, a race, a decision."""

import json
from typing import Any

from discovery_games import gamma_game, gamma_market, kalshi_game, milestone

Row = dict[str, Any]

CODE = "26NOV19UTAGSW"
START = "2026-11-20T03:00:00Z"
GAMMA_START = "2026-11-20 03:00:00+00"
SLUG = "nba-uta-gsw-2026-11-19"


def kalshi_lines(series: str, tail: str, lines: list[tuple[str, str, float | None]], code: str = CODE) -> Row:
    """An event of a series beside the winners with one market per (suffix, title, strike)."""
    event = kalshi_game(f"{series}-{code}", f"Utah at Golden State: {tail}", ())
    for suffix, title, strike in lines:
        row = kalshi_game(f"{series}-{code}", "Utah at Golden State", ((suffix, title),))["markets"][0]
        row |= {"title": f"{title}?", "yes_sub_title": title, "no_sub_title": title}
        event["markets"].append(row if strike is None else row | {"strike_type": "greater", "floor_strike": strike})
    return event


def gamma_lines(code: int = 0x51, start: str = GAMMA_START) -> Row:
    """The game's event with moneyline, one spread and one total."""
    event = gamma_game(start=start, condition=f"0x{code:064x}")
    event["slug"] = SLUG
    spread = gamma_market(
        "Spread: Warriors (-3.5)", ("Warriors", "Jazz"), start, condition=f"0x{code + 1:064x}",
        sportsMarketType="spreads", line=-3.5, slug=f"{SLUG}-spread-home-3pt5",
    )  # fmt: skip
    total = gamma_market(
        "Jazz vs. Warriors: O/U 229.5", ("Over", "Under"), start, condition=f"0x{code + 2:064x}",
        sportsMarketType="totals", line=229.5, slug=f"{SLUG}-total-229pt5",
    )  # fmt: skip
    event["markets"] += [spread, total]
    return event


def nba_lines() -> list[Row]:
    """Kalshi's events of the same game: winner, spread and total, one line of each alike and one that is not."""
    return [
        kalshi_game(),
        kalshi_lines("KXNBASPREAD", "Spread", [("GSW4", "Golden State wins by over 3.5 points", 3.5),
                                               ("GSW7", "Golden State wins by over 6.5 points", 6.5)]),
        kalshi_lines("KXNBATOTAL", "Total Points", [("230", "Over 229.5 points scored", 229.5),
                                                    ("233", "Over 232.5 points scored", 232.5)]),
    ]  # fmt: skip


def stones(*events: Row, start: str = START) -> list[Row]:
    return [milestone(event["event_ticker"], start) for event in events]


def kalshi_question(event_ticker: str, title: str, code: str, asked: str, yes: str = "Yes") -> Row:
    """An event that no game decides, with one market."""
    event = kalshi_game(event_ticker, title, ((code, yes),), category="Politics")
    event["markets"][0]["title"] = asked
    return event


def gamma_question(question: str, title: str, ends: str, code: int, **fields: Any) -> Row:
    """An event that no game decides, with one Yes/No market."""
    market = gamma_market(question, ("Yes", "No"), None, condition=f"0x{code:064x}", **fields)
    del market["sportsMarketType"]
    return {"id": str(code), "slug": f"q-{code}", "title": title, "endDate": ends, "tags": [], "markets": [market]}


def tokens(market: Row) -> list[str]:
    found: list[str] = json.loads(market["clobTokenIds"])
    return found
