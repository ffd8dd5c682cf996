"""One pair on one page: both markets side by side, every outcome in which the venues part, and what each hedge then pays.

The page is written for somebody who has never seen the pair: alone with it they can name the outcomes in which a hedge fails.
Venue texts are shown without control characters and cut to a readable length.
"""

import textwrap
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

import msgspec

from controller.discovery.cache import Alike
from controller.discovery.names import load as load_names
from controller.discovery.settlement.compare import Finding, Settlement, settle
from controller.model import Pair
from controller.pairs.store import Decision
from trading.market import Market
from trading.units import DOLLAR, ONE, Price

__all__ = ["Side", "Sheet", "clean", "lines_of", "sheet_of", "sheet_of_alike", "sheet_of_row", "to_json"]

_RULES_SHOWN = 1_500
_WIDTH = 120
_HALF = 58
_RIGHT = 66
"""A condition id fits."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's market in words. yes is what it pays a dollar for in the pair's sense of YES, no the other side."""

    venue: str
    id: str
    question: str
    yes: str
    no: str
    starts: str
    rules: str


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What `controller pairs show` says."""

    pair_id: str
    description: str
    state: str
    terms: str
    first: Side
    second: Side
    settlement: Settlement
    doubts: tuple[str, ...] = ()
    decision: str = ""
    polarity_proven: bool = True
    """False: which outcome of the second market means YES of the first is not proven; nothing may be bought on it."""

    @property
    def fails(self) -> tuple[Finding, ...]:
        """Outcomes in which a hedge may pay less than a dollar."""
        return tuple(one for one in self.settlement.findings if one.shortfall > 0)


def clean(text: object, limit: int = 300) -> str:
    """Text of a venue for a terminal: no control or hidden characters, at most limit characters."""
    kept = "".join(char for char in str(text)[: 2 * limit] if char == "\n" or unicodedata.category(char)[0] != "C")
    return kept if len(kept) <= limit and len(str(text)) <= 2 * limit else kept[: limit - 1] + "…"


def sheet_of(pair: Pair, first: Market, second: Market, *, sport: str, decision: Decision | None = None) -> Sheet:
    """The page of a pair that discovery found."""
    league = pair.league
    return Sheet(
        pair_id=pair.id,
        description=clean(pair.description),
        state=pair.state,
        terms=pair.terms,
        first=_side("Kalshi", first, 0),
        second=_side("Polymarket", second, int(pair.outcome_index)),
        settlement=settle(first.rules, second.rules, sport=sport, league=league, draw=first.id.endswith("-TIE")),
        doubts=tuple(clean(doubt) for doubt in pair.doubts),
        decision=_decision(decision),
    )


def sheet_of_alike(alike: Alike, *, decision: Decision | None = None) -> Sheet:
    """The page of two markets that only read alike: nothing says which outcomes mean the same, or that any do."""
    first, second = alike.first, alike.second
    league = load_names().leagues.get(alike.league)
    doubts = (
        f"the titles are {alike.similarity} of 100 alike; nothing proves that both ask the same",
        "a look-alike is never traded: a name, day, line or stage that one title leaves out may be what they differ in",
    )
    return Sheet(
        pair_id=alike.id,
        description=clean(f"{first.question} / {second.question}"),
        state="look-alike",
        terms="not compared for trading",
        first=_side("Kalshi", first, 0),
        second=_side("Polymarket", second, 0),
        settlement=settle(first.rules, second.rules, sport=league.sport if league else "", league=alike.league),
        doubts=doubts,
        decision=_decision(decision),
        polarity_proven=False,
    )


def sheet_of_row(row: Mapping[str, Any], *, outcome_index: int | None = None) -> Sheet:
    """The page of a recorded row {"pair_id", "kalshi", "polymarket"}, whatever its fields hold.

    outcome_index: the outcome that means Kalshi's YES; None = nobody has proven it, and the page says so.
    """
    ours, theirs = (part if isinstance(part, Mapping) else {} for part in (row.get("kalshi"), row.get("polymarket")))
    ticker, outcomes = clean(ours.get("ticker") or "?"), _two(theirs.get("outcomes"))
    series = clean(ours.get("series_ticker") or ticker.partition("-")[0])
    league = next((one for one in load_names().leagues.values() if series in one.series), None)
    rules = "\n\n".join(str(ours[name]) for name in ("rules_primary", "rules_secondary") if ours.get(name))
    yes = clean(ours.get("yes_sub_title") or "Yes")  # a title names no side: the ticker above the columns tells which market
    settlement = settle(
        rules,
        str(theirs.get("description") or ""),
        sport=league.sport if league else "game" if theirs.get("sports_market_type") or theirs.get("sport") else "",
        league=league.id if league else "",
        draw=ticker.endswith("-TIE"),
    )
    index = 1 if outcome_index == 1 else 0
    return Sheet(
        pair_id=clean(row.get("pair_id") or "?"),
        description=f"{clean(ours.get('title') or ticker)} / {clean(theirs.get('question') or '?')}",
        state="not known here",
        polarity_proven=outcome_index is not None,
        terms="conflict" if settlement.conflicts else "unverified" if settlement.unknown else "verified",
        first=Side(
            venue="Kalshi",
            id=ticker,
            question=clean(ours.get("title") or "?"),
            yes=yes,
            no="No" if yes == "Yes" else f"not {yes}",
            starts=clean(ours.get("event_sub_title") or ours.get("ticker_date") or "not said"),
            rules=clean(rules, _RULES_SHOWN),
        ),
        second=Side(
            venue="Polymarket",
            id=clean(theirs.get("condition_id") or theirs.get("id") or "?"),
            question=clean(theirs.get("question") or "?"),
            yes=outcomes[index],
            no=outcomes[1 - index],
            starts=clean(theirs.get("game_start_time") or theirs.get("event_condition_date") or "not said"),
            rules=clean(theirs.get("description") or "", _RULES_SHOWN),
        ),
        settlement=settlement,
    )


def lines_of(sheet: Sheet) -> list[str]:
    """The page as text."""
    one, two, deal = sheet.first, sheet.second, sheet.settlement
    charge = f"{deal.charge * 100 / DOLLAR:.2f}c a contract, at most ${deal.cap // DOLLAR:,} on the pair"
    same = "the same there" if sheet.polarity_proven else "perhaps the same there, not proven"
    out = [
        f"{sheet.pair_id}",
        f"{sheet.description}",
        f"state {sheet.state}" + (f" ({sheet.decision})" if sheet.decision else ""),
        f"terms {sheet.terms}, class {deal.grade}: "
        + (charge if deal.grade != "C" else "watched; a person must read it first"),
        "",
        _columns(one.venue, two.venue),
        _columns(one.id, two.id),
        _columns(one.question, two.question),
        _columns(f"YES here: {one.yes}", f"{same}: {two.yes}"),
        _columns(f"NO here: {one.no}", f"{same}: {two.no}"),
        _columns(f"starts: {one.starts}", f"starts: {two.starts}"),
        "",
        *(
            ()
            if sheet.polarity_proven
            else ("Which outcomes mean the same is not proven: if it is the other way round, both hedges below are bets.",)
        ),
        f"Hedge 1: buy {one.yes!r} on {one.venue} and {two.no!r} on {two.venue}.",
        f"Hedge 2: buy {one.no!r} on {one.venue} and {two.yes!r} on {two.venue}.",
        "Either pays $1.00 when both venues settle on the same result. Otherwise, per contract:",
        "",
    ]
    for found in deal.findings:
        out.append(f"* {found.point} [{found.verdict}]")
        if found.verdict == "same":
            out.append(f"    both: {found.first}")
            continue
        out.append(f"    {one.venue}: {found.first}")
        out.append(f"    {two.venue}: {found.second}")
        out.append(f"    hedge 1 {_pays(found.yes_here)}; hedge 2 {_pays(found.no_here)}")
    for number, least in ((1, "yes_here"), (2, "no_here")):
        points = [found.point for found in deal.findings if getattr(found, least) < ONE]
        out.append("")
        out.append(
            f"Hedge {number} fails when: " + "; ".join(points) if points else f"Hedge {number}: no failing outcome is known."
        )
    out += ["", *(f"doubt: {doubt}" for doubt in sheet.doubts)] if sheet.doubts else []
    for side in (one, two):
        out += ["", f"{side.venue} rules:", *(_wrapped(side.rules) if side.rules.strip() else ["  (none)"])]
    out.append(f"texts {deal.texts}")
    return out


def to_json(sheet: Sheet) -> dict[str, Any]:
    """The page for programs: dollars as exact decimals."""
    deal = sheet.settlement
    return {
        "schema": 1,
        "pair_id": sheet.pair_id,
        "description": sheet.description,
        "state": sheet.state,
        "terms": sheet.terms,
        "decision": sheet.decision,
        "polarity_proven": sheet.polarity_proven,
        "class": deal.grade,
        "charge_dollars": f"{deal.charge / DOLLAR:.4f}",
        "cap_dollars": str(deal.cap // DOLLAR),
        "texts": deal.texts,
        "doubts": list(sheet.doubts),
        "kalshi": msgspec.to_builtins(sheet.first),
        "polymarket": msgspec.to_builtins(sheet.second),
        "settlement": [
            {
                "point": one.point,
                "kalshi": one.first,
                "polymarket": one.second,
                "verdict": one.verdict,
                "least_yes_kalshi_no_polymarket": _dollars(one.yes_here),
                "least_no_kalshi_yes_polymarket": _dollars(one.no_here),
                "charge_dollars": f"{one.charge / DOLLAR:.4f}",
            }
            for one in deal.findings
        ],
    }


def _side(venue: str, market: Market, same: int) -> Side:
    yes, no = market.outcomes[same], market.outcomes[1 - same]
    starts = market.starts_at
    return Side(
        venue=venue,
        id=market.id,
        question=clean(market.question),
        yes=clean(yes),
        no=clean(no if no != yes else f"not {no}"),
        starts=datetime.fromtimestamp(starts / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC") if starts else "not said",
        rules=clean(market.rules, _RULES_SHOWN),
    )


def _two(outcomes: object) -> tuple[str, str]:
    if isinstance(outcomes, list | tuple) and len(outcomes) == 2:
        return clean(outcomes[0]), clean(outcomes[1])
    return "Yes", "No"


def _decision(decision: Decision | None) -> str:
    if decision is None:
        return ""
    when = datetime.fromtimestamp(decision.at / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return clean(f"{decision.state} by {decision.by}, {when}" + (f": {decision.why}" if decision.why else ""))


def _dollars(price: Price) -> str:
    return f"{price / ONE:.2f}"


def _pays(least: Price) -> str:
    return f"pays at least ${_dollars(least)}" if least >= ONE else f"may pay only ${_dollars(least)}"


def _columns(left: str, right: str) -> str:
    """Two cells, wrapped and never cut: an id is copied from here, and a cut outcome could be taken for another."""
    cells = (textwrap.wrap(left, _HALF) or [""], textwrap.wrap(right, _RIGHT) or [""])
    return "\n".join(f"{one:<{_HALF}}  {two}".rstrip() for one, two in zip_longest(*cells, fillvalue=""))


def _wrapped(text: str) -> list[str]:
    return [
        line for part in text.splitlines() for line in textwrap.wrap(part, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    ]
