"""Turn matches into what the controller trades: pairs with their approval and their settlement terms.

A structural match (both starts known, every name given by the venue) may trade by itself under REQUIRE_PAIR_APPROVAL=auto
(C-11); everything else waits for a person, whatever the setting. Prices are never a proof, but prices far apart are a doubt
(matching.md 3.4): such a pair waits too.
"""

from typing import Literal

from controller.discovery.claims import ClaimedPair
from controller.discovery.game import Row
from controller.discovery.matching import MatchedPair
from controller.discovery.names import DRAW
from controller.discovery.rules import Standing, compare, compare_texts
from controller.discovery.settlement.clauses import read
from controller.model import EventId, Pair, PairState
from trading.market import Market, Outcome
from trading.units import CENT, ONE, Price, complement, parse_price

__all__ = ["KIND", "MAX_GAP", "ApprovalMode", "read_as", "to_claimed_pair", "to_pair"]

ApprovalMode = Literal["auto", "all", "none"]
KIND = "game_winner"
MAX_GAP = Price(15 * CENT)
"""Mid prices further apart than this are a doubt about the pair, not an opportunity."""
_MAX_SPREAD = Price(10 * CENT)


def to_pair(
    found: MatchedPair, kalshi: Market, polymarket: Market, *, mode: ApprovalMode, rows: tuple[Row, Row] | None = None
) -> Pair:
    """The pair of a full-game winner. rows are both raw markets, for the price check; without them it is skipped."""
    standing = compare(kalshi.rules, polymarket.rules, found.key, draw=found.side == DRAW)
    return _pair(
        found,
        standing,
        (kalshi, polymarket),
        league=found.key.league,
        kind=KIND,
        says=f"{kalshi.question} {found.side}",
        sport=found.key.sport,
        mode=mode,
        rows=rows,
    )


def to_claimed_pair(
    found: ClaimedPair, kalshi: Market, polymarket: Market, *, mode: ApprovalMode, rows: tuple[Row, Row] | None = None
) -> Pair:
    """The pair of any other question. Where no game decides, dates, sources and prints of both texts must agree."""
    if found.game is not None:
        standing = compare(kalshi.rules, polymarket.rules, found.game, draw=found.claim[-1] == DRAW)
    else:
        standing = compare_texts(kalshi.rules, polymarket.rules)
    return _pair(
        found,
        standing,
        (kalshi, polymarket),
        league=found.league,
        kind=found.kind,
        says=f"{kalshi.question} {kalshi.outcomes[0]}",
        sport=found.game.sport if found.game is not None else "",
        mode=mode,
        rows=rows,
    )


def read_as(texts: str, outcome_index: Outcome) -> str:
    """What a decision about a pair holds for: both texts, and which outcome means YES. A reader that learned to see it the other
    way round sends the pair back to people, as a changed text does."""
    return f"{texts}/{int(outcome_index)}"


def _pair(
    found: MatchedPair | ClaimedPair,
    standing: Standing,
    markets: tuple[Market, Market],
    *,
    league: str,
    kind: str,
    says: str,
    sport: str,
    mode: ApprovalMode,
    rows: tuple[Row, Row] | None,
) -> Pair:
    first, second = markets
    doubts = list(standing.doubts)
    if sport == "tennis":
        doubts.append("walkover and retirement rules differ")  # execution.md section 6: blocked until a person has read them
    gap = _gap(rows[0], rows[1], found.outcome_index) if rows else None
    if gap is not None and gap > MAX_GAP:
        doubts.append(f"mid prices are {gap / CENT:g} cents apart")
    state: PairState = "approved" if found.structural and not doubts and mode != "all" else "proposed"
    return Pair(
        id=f"{first.id}:{second.id}",
        event=EventId(found.event),
        league=league,
        kind=kind,
        description=f"{says} = {second.outcomes[found.outcome_index]} ({second.question})",
        first=first.id,
        second=second.id,
        outcome_index=found.outcome_index,
        state=state,
        terms=standing.terms,
        starts_at=found.starts_at,
        settlement_charge=standing.settlement.charge,
        evidence=(*found.evidence, *standing.notes, *(f"doubt: {doubt}" for doubt in doubts)),
        source="" if sport else " + ".join(read(first.rules).sources),
        texts=read_as(standing.settlement.texts, found.outcome_index),
        structural=found.structural,
        doubts=tuple(doubts),
    )


def _gap(kalshi: Row, polymarket: Row, index: Outcome) -> Price | None:
    """How far the mids of both markets are apart, None unless both venues show a two-sided price of at most 10 cents spread."""
    ours = _mid(kalshi.get("yes_bid_dollars"), kalshi.get("yes_ask_dollars"))
    theirs = _mid(polymarket.get("bestBid"), polymarket.get("bestAsk"))
    if ours is None or theirs is None:
        return None
    if index is Outcome.NO:
        theirs = complement(theirs)
    return Price(abs(ours - theirs))


def _mid(bid: object, ask: object) -> Price | None:
    try:
        low, high = parse_price(str(bid)), parse_price(str(ask))
    except ValueError:
        return None
    if not 0 < low < high < ONE or high - low > _MAX_SPREAD:
        return None
    return Price((low + high) // 2)
