"""What a page about a pair says: both markets in words, the comparison of their texts, what stands in the way.

Venue texts are taken without control characters and cut to a readable length; page.py lays them out.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from controller.discovery.cache import Alike
from controller.discovery.names import load as load_names
from controller.discovery.settlement.compare import Finding, Settlement, settle
from controller.model import Pair
from controller.pairs.store import Decision, uncovered
from trading.market import Market

__all__ = ["Side", "Sheet", "clean", "one_line", "sheet_of", "sheet_of_alike", "sheet_of_row"]

_RULES_SHOWN = 4_000
"""Characters; the longest real text seen is shown whole."""
_TEAMS = re.compile(r"(?:[^:?]{1,40}: )?([^:?]{1,80}?) vs\.? ([^:?]{1,80}?)(?: - [^:?]{1,40})?")


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
    approval: str = ""
    """What it takes for the pair to trade; "" where nobody can say."""
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


def one_line(text: object, limit: int = 300) -> str:
    """As clean, and on one line: a name or a title with a line break in it could pass for a line of ours."""
    return " ".join(clean(text, limit).split())


def sheet_of(pair: Pair, first: Market, second: Market, *, sport: str, decision: Decision | None = None) -> Sheet:
    """The page of a pair that discovery found."""
    league = pair.league
    return Sheet(
        pair_id=one_line(pair.id),
        description=one_line(pair.description),
        state=pair.state,
        terms=pair.terms,
        first=_side("Kalshi", first, 0),
        second=_side("Polymarket", second, int(pair.outcome_index)),
        settlement=settle(first.rules, second.rules, sport=sport, league=league, draw=first.id.endswith("-TIE")),
        doubts=tuple(one_line(doubt) for doubt in pair.doubts),
        decision=_decision(decision),
        approval=_approval(pair),
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
        pair_id=one_line(alike.id),
        description=one_line(f"{first.question} / {second.question}"),
        state="look-alike",
        terms="not compared for trading",
        first=_side("Kalshi", first, 0),
        second=_side("Polymarket", second, 0),
        settlement=settle(first.rules, second.rules, sport=league.sport if league else "", league=alike.league),
        doubts=doubts,
        decision=_decision(decision),
        polarity_proven=False,
    )


def sheet_of_row(row: Mapping[str, Any], *, outcome_index: int | None = None, doubts: Sequence[str] = ()) -> Sheet:
    """The page of a recorded row {"pair_id", "kalshi", "polymarket"}, whatever its fields hold.

    outcome_index: the outcome that means Kalshi's YES; None = nobody has proven it, and the page says so with the doubts.
    """
    ours, theirs = (part if isinstance(part, Mapping) else {} for part in (row.get("kalshi"), row.get("polymarket")))
    ticker, outcomes = one_line(ours.get("ticker") or "?"), _two(theirs.get("outcomes"), one_line(theirs.get("question") or ""))
    series = one_line(ours.get("series_ticker") or ticker.partition("-")[0])
    league = next((one for one in load_names().leagues.values() if series in one.series), None)
    rules = "\n\n".join(str(ours[name]) for name in ("rules_primary", "rules_secondary") if ours.get(name))
    yes = one_line(ours.get("yes_sub_title") or "Yes")  # a title names no side: the ticker above the columns tells which market
    settlement = settle(
        rules,
        str(theirs.get("description") or ""),
        sport=league.sport if league else "game" if theirs.get("sports_market_type") or theirs.get("sport") else "",
        league=league.id if league else "",
        draw=ticker.endswith("-TIE"),
    )
    index = 1 if outcome_index == 1 else 0
    return Sheet(
        pair_id=one_line(row.get("pair_id") or "?"),
        description=f"{one_line(ours.get('title') or ticker)} / {one_line(theirs.get('question') or '?')}",
        state="not known here",
        polarity_proven=outcome_index is not None,
        terms="conflict" if settlement.conflicts else "unverified" if settlement.unknown else "verified",
        first=Side(
            venue="Kalshi",
            id=ticker,
            question=one_line(ours.get("title") or "?"),
            yes=yes,
            no="No" if yes == "Yes" else f"not {yes}",
            starts=one_line(ours.get("event_sub_title") or ours.get("ticker_date") or "not said"),
            rules=_rules(rules),
        ),
        second=Side(
            venue="Polymarket",
            id=one_line(theirs.get("condition_id") or theirs.get("id") or "?"),
            question=one_line(theirs.get("question") or "?"),
            yes=outcomes[index],
            no=outcomes[1 - index],
            starts=one_line(theirs.get("game_start_time") or theirs.get("event_condition_date") or "not said"),
            rules=_rules(str(theirs.get("description") or "")),
        ),
        settlement=settlement,
        doubts=tuple(one_line(doubt) for doubt in doubts),
    )


def _approval(pair: Pair) -> str:
    """What it takes for the pair to trade, in words (B-056, B-294)."""
    if pair.state == "approved":
        return one_line(pair.evidence[-1]) if "approved by" in "".join(pair.evidence[-1:]) else "by its structure (auto)"
    if pair.terms == "conflict":
        return "never: its texts conflict"
    if pair.state != "proposed":
        return ""
    if pair.sent_back:
        return "by a person: it was sent back to review, whatever REQUIRE_PAIR_APPROVAL says"
    if pair.terms != "verified":
        return "by a person who says with --why how they know what the texts leave open (not asked for under none)"
    why_not = uncovered(pair)
    covered = f"no template covers it: {why_not}" if why_not else f"or by the template {pair.league}/{pair.kind}"
    return f"by a person, {covered} (neither is asked for under REQUIRE_PAIR_APPROVAL=none)"


def _rules(text: str) -> str:
    shown = clean(text, _RULES_SHOWN)
    return f"{shown}\n(cut: the text has {len(text)} characters)" if shown.endswith("…") and len(text) > _RULES_SHOWN else shown


def _side(venue: str, market: Market, same: int) -> Side:
    yes, no = market.outcomes[same], market.outcomes[1 - same]
    starts = market.starts_at
    return Side(
        venue=venue,
        id=one_line(market.id),
        question=one_line(market.question),
        yes=one_line(yes),
        no=one_line(no if no != yes else f"not {no}"),
        starts=datetime.fromtimestamp(starts / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC") if starts else "not said",
        rules=_rules(market.rules),
    )


def _two(outcomes: object, question: str) -> tuple[str, str]:
    """The outcomes of a recorded row; where it has none, as the venue names them for such a question."""
    if isinstance(outcomes, list | tuple) and len(outcomes) == 2:
        return one_line(outcomes[0]), one_line(outcomes[1])
    if "O/U " in question:
        return "Over", "Under"
    teams = _TEAMS.fullmatch(question)
    return (teams[1], teams[2]) if teams else ("Yes", "No")


def _decision(decision: Decision | None) -> str:
    if decision is None:
        return ""
    when = datetime.fromtimestamp(decision.at / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return one_line(f"{decision.state} by {decision.by}, {when}" + (f": {decision.why}" if decision.why else ""))
