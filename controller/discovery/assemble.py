"""From rows that were read to Market and Pair values: every pair one reading proves, or the known ones renewed.

Pure work on values, so that it can run off the loop while trading goes on. Full-game winners are matched as whole games, every
other question by its claim; what neither pairs is compared by its text alone, for people.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from controller.discovery.cache import Alike, Cached
from controller.discovery.candidates import look_alikes
from controller.discovery.claims import ClaimedPair, Claims, asks, match_claims
from controller.discovery.game import Keyed, Row, conflicting_starts
from controller.discovery.kalshi_keys import kalshi_key
from controller.discovery.match_rows import kalshi_claim, polymarket_claim
from controller.discovery.matching import KalshiRow, MatchedPair, Matches, PolymarketRow, guarded, match
from controller.discovery.names import Names
from controller.discovery.pairs import KIND, ApprovalMode, read_as, to_claimed_pair, to_pair
from controller.discovery.questions.claim import Claimed
from controller.discovery.reading import KalshiRead, markets_of
from controller.model import Pair
from trading.errors import BadAnswer
from trading.kalshi import wire as kalshi_wire
from trading.market import Market, MarketId, hash_rules
from trading.polymarket import wire as polymarket_wire
from trading.units import WallNs

__all__ = ["ALIKE_LEAST", "LeagueReport", "demoted", "match_read", "renew_read"]

ALIKE_LEAST = 75
"""Look-alikes below this are not kept: the default of B-293."""
_MOST_ALIKE = 400
_MOST_ROWS = 50_000
"""Unpaired rows of each venue that are compared by text."""
_RULES_KEPT = 2_000
_GONE = ("closed", "settled")
_KALSHI_SAYS = ("event_ticker", "title", "yes_sub_title", "strike_type", "floor_strike", "cap_strike", "rules_primary")
_GAMMA_SAYS = ("question", "outcomes", "clobTokenIds", "line", "sportsMarketType", "groupItemTitle", "gameStartTime")
"""What tells two rows of one id apart; prices and states change while the pages are read."""


class LeagueReport(msgspec.Struct, frozen=True, kw_only=True):
    """One league's result. misses counts rows and games by venue and reason; error says why cached pairs are still in use."""

    league: str
    kalshi_events: int = 0
    kalshi_markets: int = 0
    polymarket_markets: int = 0
    pairs: int = 0
    approved: int = 0
    misses: Mapping[str, int] = {}
    from_cache: bool = False
    error: str | None = None


class _Listed(NamedTuple):
    """One Kalshi row with its league ("" = none) and, where it could be built, its Market."""

    league: str
    row: KalshiRow
    market: Market | None


def match_read(
    ours: KalshiRead, sweep: Sequence[Row], good: Sequence[str], mode: ApprovalMode, read_at: WallNs, names: Names
) -> tuple[Cached, list[LeagueReport]]:
    """All pairs of what was read of both venues, the look-alikes among the rest, and a report per league."""
    problems: Counter[str] = Counter()
    listed = _kalshi(ours, good, read_at, problems)
    events = _once(sweep, "other" if "other" in good or not good else good[0], problems)
    theirs = list(events.values())
    winners = match([one.row for one in listed.values() if one.league], theirs, names=names)
    claims = match_claims([one.row for one in listed.values()], theirs, names=names)
    built: dict[str, Market | None] = {}
    pairs: list[Pair] = []
    markets: dict[MarketId, Market] = {}

    def take(league: str, found: MatchedPair | ClaimedPair) -> None:
        if league not in good or found.ticker not in listed or found.condition not in events:
            return
        one, raw = listed[found.ticker].market, events[found.condition]
        if found.condition not in built:
            built[found.condition] = _polymarket(raw, read_at, league, problems)
        two = built[found.condition]
        if one is None or two is None:
            problems[f"{league} no_market"] += 1
        elif one.status in _GONE or two.status in _GONE:
            problems[f"{league} closed"] += 1
        else:
            rows = (listed[found.ticker].row[1], raw[1])
            if isinstance(found, MatchedPair):
                pairs.append(to_pair(found, one, two, mode=mode, rows=rows))
            else:
                pairs.append(to_claimed_pair(found, one, two, mode=mode, rows=rows))
            markets[one.id], markets[two.id] = _starting(one, found.starts_at), two

    for winner in winners.pairs:
        take(winner.key.league, winner)
    for claimed in claims.pairs:
        take(claimed.league, claimed)
    paired = frozenset(markets)
    fresh = Cached(
        mode=mode,
        pairs=tuple(pairs),
        markets=tuple(markets.values()),
        alike=_alike(listed, events, paired, claims, names, read_at),
    )
    return fresh, [_report(name, ours, winners, claims, fresh, problems) for name in good]


def renew_read(
    known: Cached, ours: KalshiRead, good: Sequence[str], mode: ApprovalMode, read_at: WallNs, names: Names
) -> tuple[Cached, list[LeagueReport]]:
    """Known pairs whose Kalshi market is open, asks and starts as before, with current terms; the rest is dropped (B-106)."""
    problems: Counter[str] = Counter()
    listed = _kalshi(ours, good, read_at, problems)
    before = {market.id: market for market in known.markets}
    pairs: list[Pair] = []
    markets: dict[MarketId, Market] = {}
    for pair in known.pairs:
        one, two = listed.get(pair.first), before[pair.second]
        if one is None or one.market is None or one.market.status in _GONE or not _stands(pair, one.row, names):
            continue
        # A text that changed since the pair was matched gives another hash, which sends it back to review (matching.md 3.5).
        pairs.append(msgspec.structs.replace(pair, texts=read_as(hash_rules(one.market.rules, two.rules), pair.outcome_index)))
        markets[pair.first], markets[pair.second] = _starting(one.market, pair.starts_at), two
    fresh = Cached(mode=mode, pairs=tuple(pairs), markets=tuple(markets.values()), alike=known.alike)
    fresh = demoted(fresh, mode)
    return fresh, [_report(name, ours, None, None, fresh, problems) for name in good]


def demoted(cached: Cached, mode: ApprovalMode) -> Cached:
    """Under "all" nothing is approved by discovery, whatever an older file says."""
    if mode != "all":
        return cached
    pairs = tuple(msgspec.structs.replace(p, state="proposed") if p.state == "approved" else p for p in cached.pairs)
    return msgspec.structs.replace(cached, pairs=pairs)


def _stands(pair: Pair, row: KalshiRow, names: Names) -> bool:
    """Kalshi still lists what the pair asks, at the pair's start."""
    event, market, stone = row
    if pair.kind == KIND:
        key = guarded(partial(kalshi_key, event, market, stone, names=names))
        return isinstance(key, Keyed) and not conflicting_starts(key.key.start, pair.starts_at)
    read = kalshi_claim(event, market, stone, names)
    if not isinstance(read, Claimed) or read.claims[0] is None or asks(read.claims[0]) not in pair.evidence:
        return False
    return not conflicting_starts(read.start, pair.starts_at)


def _kalshi(ours: KalshiRead, good: Sequence[str], read_at: WallNs, problems: Counter[str]) -> dict[str, _Listed]:
    """Every Kalshi row read, by ticker, once. Two rows of one ticker that differ in what they ask leave none."""
    listed: dict[str, _Listed] = {}
    differing: set[str] = set()
    for league, event in ours.of(good):
        stone = ours.milestones.get(str(event.get("event_ticker")))
        series = ours.series.get(str(event.get("series_ticker") or str(event.get("event_ticker")).partition("-")[0]))
        for row in event.get("markets") or ():
            market: Market | None = None
            try:
                market = kalshi_wire.market_from(event, row, series, read_at=read_at, wall=read_at)
            except BadAnswer as error:
                problems[f"{league} kalshi.{error.code}"] += 1
            ticker = str(row.get("ticker"))
            before = listed.get(ticker)
            if before is not None and _meaning(before.row[1], _KALSHI_SAYS) != _meaning(row, _KALSHI_SAYS):
                differing.add(ticker)
            listed[ticker] = _Listed(league, (event, row, stone), market)
    for ticker in differing:
        problems[f"{listed.pop(ticker).league} kalshi.duplicate_id"] += 1
    return listed


def _once(sweep: Sequence[Row], scope: str, problems: Counter[str]) -> dict[str, PolymarketRow]:
    """Every Polymarket row by condition id, once. Pages move while they are read, so the same row may come twice; two rows of one
    id that differ in what they ask or in their tokens leave none: which of them an order would buy is unknown."""
    found: dict[str, PolymarketRow] = {}
    differing: set[str] = set()
    for event in sweep:
        for market in event.get("markets") or ():
            ident = _condition((event, market))
            before = found.get(ident)
            if before is not None and _meaning(before[1], _GAMMA_SAYS) != _meaning(market, _GAMMA_SAYS):
                differing.add(ident)
            found[ident] = (event, market)
    for ident in differing:
        found.pop(ident)
        problems[f"{scope} polymarket.duplicate_id"] += 1
    return found


def _meaning(row: Row, fields: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(row.get(name)) for name in fields)


def _polymarket(raw: PolymarketRow, read_at: WallNs, league: str, problems: Counter[str]) -> Market | None:
    try:
        return polymarket_wire.market_from(raw[0], raw[1], None, read_at=read_at)
    except BadAnswer as error:
        problems[f"{league} polymarket.{error.code}"] += 1
        return None


def _condition(row: PolymarketRow) -> str:
    return str(row[1].get("conditionId") or row[1].get("id") or "")


def _starting(market: Market, starts_at: WallNs | None) -> Market:
    return msgspec.structs.replace(market, starts_at=starts_at) if starts_at is not None else market


def _alike(
    listed: Mapping[str, _Listed],
    events: Mapping[str, PolymarketRow],
    paired: frozenset[MarketId],
    claims: Claims,
    names: Names,
    read_at: WallNs,
) -> tuple[Alike, ...]:
    """Look-alikes among what no pair uses, the most alike first. Bounded in rows compared and in what is kept."""
    first: list[tuple[Row, bool]] = []
    for ticker, one in listed.items():
        if ticker in paired or one.market is None or one.market.status in _GONE or len(first) >= _MOST_ROWS:
            continue
        event, market, stone = one.row
        text = {**market, "event_ticker": event.get("event_ticker")}
        claimed = ticker in claims.claimed or isinstance(kalshi_claim(event, market, stone, names), Claimed)
        first.append((text, claimed))
    second: list[tuple[Row, bool]] = []
    for condition, (event, market) in events.items():
        if condition in paired or condition in claims.placeholders or market.get("closed") or len(second) >= _MOST_ROWS:
            continue
        claimed = condition in claims.claimed or isinstance(polymarket_claim(event, market, names), Claimed)
        second.append((_gamma_text(condition, event, market), claimed))
    kept: list[Alike] = []
    for found in look_alikes(first, second, similarity=ALIKE_LEAST):
        ours, theirs = listed[found.ticker], _polymarket(events[found.condition], read_at, "", Counter())
        if ours.market is None or theirs is None or theirs.status in _GONE:
            continue
        kept.append(
            Alike(league=ours.league or "other", similarity=found.similarity, first=_short(ours.market), second=_short(theirs))
        )
        if len(kept) == _MOST_ALIKE:
            break
    return tuple(kept)


def _gamma_text(condition: str, event: Row, market: Row) -> Row:
    return {
        "condition_id": condition,
        "question": market.get("question"),
        "group_item_title": market.get("groupItemTitle"),
        "event_date": event.get("eventDate"),
    }


def _short(market: Market) -> Market:
    """Enough of the rules to read; nobody trades on a look-alike."""
    return msgspec.structs.replace(market, rules=market.rules[:_RULES_KEPT], tradable=False)


def _report(
    name: str, ours: KalshiRead, matches: Matches | None, claims: Claims | None, fresh: Cached, problems: Counter[str]
) -> LeagueReport:
    events = ours.events.get(name, [])
    misses: Counter[str] = Counter(matches.by_league.get(name, {}) if matches else {})
    misses.update(claims.by_league.get(name, {}) if claims else {})
    misses.update({key.partition(" ")[2]: n for key, n in problems.items() if key.partition(" ")[0] == name})
    pairs = [pair for pair in fresh.pairs if pair.league == name]
    read = (matches.read.get(name, 0) if matches else 0) + (claims.read.get(name, 0) if claims else 0)
    return LeagueReport(
        league=name,
        kalshi_events=len(events),
        kalshi_markets=sum(1 for _ in markets_of(events)),
        polymarket_markets=read,
        pairs=len(pairs),
        approved=sum(pair.state == "approved" for pair in pairs),
        misses=dict(misses),
    )
