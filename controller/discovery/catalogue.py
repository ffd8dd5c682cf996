"""Find every pair both venues list now: read, match, build Market and Pair values, keep what a failure cannot renew.

Kalshi is read per series, so one league's failure leaves the others fresh (B-108); Polymarket in one sweep over its game
events. A league that could not be read keeps its cached pairs and says so. The clients bring their own rate limits (B-110);
matching runs where the caller says (Offload), because a refresh while trading must not hold up the loop.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from controller.discovery.cache import Cached, DiscoveryCache
from controller.discovery.game import Abstain, Keyed, Row, conflicting_starts
from controller.discovery.kalshi_keys import kalshi_key
from controller.discovery.matching import KalshiRow, Matches, PolymarketRow, match
from controller.discovery.names import Names, load
from controller.discovery.pairs import ApprovalMode, to_pair
from controller.discovery.reading import GammaEvents, KalshiCatalogue, KalshiRead, Progress, markets_of, read_venues, silent
from controller.model import Pair
from trading.clock import SECOND, Clock
from trading.errors import BadAnswer
from trading.kalshi import wire as kalshi_wire
from trading.market import Market, MarketId, hash_rules
from trading.offload import Offload
from trading.polymarket import wire as polymarket_wire
from trading.units import WallNs

__all__ = ["Discovery", "GammaEvents", "KalshiCatalogue", "LeagueReport", "Progress", "discover"]


_DAY_NS = 86_400 * SECOND


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


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """Everything found. markets holds both sides of every pair; which of them form an event basket is the state's business.

    failures names each venue or league that could not be read; notices are for the operator's eye.
    """

    pairs: tuple[Pair, ...]
    markets: Mapping[MarketId, Market]
    reports: tuple[LeagueReport, ...]
    failures: tuple[str, ...]
    notices: tuple[str, ...]
    read_at: WallNs


async def discover(
    kalshi: KalshiCatalogue,
    gamma: GammaEvents,
    *,
    clock: Clock,
    leagues: Collection[str] = (),
    progress: Progress | None = None,
    cache: DiscoveryCache | None = None,
    force: bool = False,
    mode: ApprovalMode = "auto",
    offload: Offload | None = None,
    names: Names | None = None,
) -> Discovery:
    """Find pairs of these leagues (empty = all).

    force ignores the cache and rewrites it (B-033). Raises only for our own faults: a venue that fails is a line in failures,
    and what was known of it before stays in use. An OSError of the cache file is a notice.
    """
    table = names or load()
    say = progress or silent
    notices = [f"unknown league {league!r} ignored" for league in leagues if league not in table.leagues]
    wanted = {name: league for name, league in table.leagues.items() if not leagues or name in leagues}
    base = Cached()
    if cache is not None:
        base, notice = cache.load()
        notices.extend([notice] if notice else [])
    now = clock.wall_ns()
    stale = {name: league for name, league in wanted.items() if force or not _fresh(base, name, now, mode, cache)}
    kept = _current(base.of(wanted.keys() - stale.keys()), now)
    if not stale:
        say(1, 1, "pairs taken from the discovery cache")
        return _result(kept, [_cached_report(kept, name, None) for name in wanted], [], notices, base.created)
    ours, sweep, failures = await read_venues(kalshi, gamma, stale, base, force, now, say)
    failed = {name: reason for name, reason in ours.failed.items() if name in stale}
    if isinstance(sweep, str):
        failed = {name: failed.get(name) or sweep for name in stale}
    good = [name for name in stale if name not in failed]
    read_at = clock.wall_ns()

    def build() -> tuple[Cached, list[LeagueReport]]:
        if sweep is None:
            return _renew(base.of(good), ours, good, mode, read_at, table)
        return _match(ours, sweep if isinstance(sweep, list) else [], good, mode, read_at, table)

    say(0, None, "matching")
    fresh, reports = await offload.run(build) if offload is not None else build()
    fallback = _current(_demote(base.of(failed.keys()), mode), now)
    if cache is not None and good:
        try:
            cache.merge(fresh, good, now=read_at, base=base)
        except OSError as error:
            notices.append(f"discovery cache {cache.path} could not be written: {error}")
    reports += [_cached_report(fallback, name, failed[name]) for name in failed]
    reports += [_cached_report(kept, name, None) for name in wanted if name not in stale]
    found = _join(fresh, _join(fallback, kept))
    say(1, 1, f"{len(found.pairs)} pairs")
    return _result(found, reports, failures, notices, read_at)


def _match(
    ours: KalshiRead, sweep: list[Row], good: Sequence[str], mode: ApprovalMode, read_at: WallNs, names: Names
) -> tuple[Cached, list[LeagueReport]]:
    first: list[KalshiRow] = [
        (event, market, ours.milestones.get(str(event.get("event_ticker")))) for _, event, market in _rows(ours, good)
    ]
    second: list[PolymarketRow] = [(event, market) for event in sweep for market in event.get("markets") or ()]
    matches = match(first, second, names=names)
    problems: Counter[str] = Counter()
    kalshi = _kalshi_markets(ours, good, read_at, problems)
    events = {str(market.get("conditionId")): (event, market) for event, market in second}
    rows = {str(market.get("ticker")): market for _, market, _ in first}
    pairs: list[Pair] = []
    markets: dict[MarketId, Market] = {}
    for found in matches.pairs:
        one, raw = kalshi.get(MarketId(found.ticker)), events.get(found.condition)
        if one is None or raw is None:
            problems[f"{found.key.league} no_market"] += 1
            continue
        try:
            two = polymarket_wire.market_from(raw[0], raw[1], None, read_at=read_at)
        except BadAnswer as error:
            problems[f"{found.key.league} polymarket.{error.code}"] += 1
            continue
        if one.status in ("closed", "settled") or two.status in ("closed", "settled"):
            problems[f"{found.key.league} closed"] += 1
            continue
        pairs.append(to_pair(found, one, two, mode=mode, rows=(rows[found.ticker], raw[1])))
        markets[one.id], markets[two.id] = _starting(one, found.starts_at), two
    fresh = Cached(mode=mode, pairs=tuple(pairs), markets=tuple(markets.values()))
    return fresh, [_report(name, ours, matches, fresh, problems) for name in good]


def _renew(
    known: Cached, ours: KalshiRead, good: Sequence[str], mode: ApprovalMode, read_at: WallNs, names: Names
) -> tuple[Cached, list[LeagueReport]]:
    """Known pairs whose Kalshi market is open and starts as before, with current terms; the rest is dropped (B-106)."""
    problems: Counter[str] = Counter()
    kalshi = _kalshi_markets(ours, good, read_at, problems)
    before = {market.id: market for market in known.markets}
    still = {ticker for ticker, market in kalshi.items() if market.status not in ("closed", "settled")}
    keys = {
        str(row.get("ticker")): kalshi_key(event, row, ours.milestones.get(str(event.get("event_ticker"))), names=names)
        for _, event, row in _rows(ours, good)
    }
    pairs = tuple(pair for pair in known.pairs if pair.first in still and _starts_as(pair, keys.get(pair.first)))
    markets: dict[MarketId, Market] = {}
    for pair in pairs:
        markets[pair.first], markets[pair.second] = _starting(kalshi[pair.first], pair.starts_at), before[pair.second]
    # A text that changed since the pair was matched gives it another hash, which sends it back to review (matching.md 3.5).
    pairs = tuple(
        msgspec.structs.replace(pair, texts=hash_rules(markets[pair.first].rules, markets[pair.second].rules)) for pair in pairs
    )
    fresh = _demote(Cached(mode=mode, pairs=pairs, markets=tuple(markets.values())), mode)
    return fresh, [_report(name, ours, None, fresh, problems) for name in good]


def _kalshi_markets(ours: KalshiRead, good: Sequence[str], read_at: WallNs, problems: Counter[str]) -> dict[MarketId, Market]:
    built: dict[MarketId, Market] = {}
    for name, event, row in _rows(ours, good):
        series = ours.series.get(str(event.get("series_ticker") or str(event.get("event_ticker")).partition("-")[0]))
        try:
            market = kalshi_wire.market_from(event, row, series, read_at=read_at, wall=read_at)
        except BadAnswer as error:
            problems[f"{name} kalshi.{error.code}"] += 1
            continue
        built[market.id] = market
    return built


def _rows(ours: KalshiRead, good: Sequence[str]) -> Iterator[tuple[str, Row, Row]]:
    """(league, event, market) of every market read."""
    return ((name, event, row) for name in good for event in ours.events[name] for row in event.get("markets") or ())


def _starts_as(pair: Pair, key: Keyed | Abstain | None) -> bool:
    return isinstance(key, Keyed) and not conflicting_starts(key.key.start, pair.starts_at)


def _starting(market: Market, starts_at: WallNs | None) -> Market:
    return msgspec.structs.replace(market, starts_at=starts_at) if starts_at is not None else market


def _report(name: str, ours: KalshiRead, matches: Matches | None, fresh: Cached, problems: Counter[str]) -> LeagueReport:
    events = ours.events[name]
    misses = dict(matches.by_league.get(name, {})) if matches else {}
    misses.update({key.partition(" ")[2]: n for key, n in problems.items() if key.partition(" ")[0] == name})
    pairs = [pair for pair in fresh.pairs if pair.league == name]
    return LeagueReport(
        league=name,
        kalshi_events=len(events),
        kalshi_markets=sum(1 for _ in markets_of(events)),
        polymarket_markets=matches.read.get(name, 0) if matches else 0,
        pairs=len(pairs),
        approved=sum(pair.state == "approved" for pair in pairs),
        misses=misses,
    )


def _cached_report(cached: Cached, name: str, error: str | None) -> LeagueReport:
    pairs = [pair for pair in cached.pairs if pair.league == name]
    approved = sum(pair.state == "approved" for pair in pairs)
    return LeagueReport(league=name, pairs=len(pairs), approved=approved, from_cache=True, error=error)


def _result(
    found: Cached,
    reports: list[LeagueReport],
    failures: list[str],
    notices: list[str],
    read_at: WallNs,
) -> Discovery:
    return Discovery(
        pairs=found.pairs,
        markets={market.id: market for market in found.markets},
        reports=tuple(sorted(reports, key=lambda report: report.league)),
        failures=tuple(failures),
        notices=tuple(notices),
        read_at=read_at,
    )


def _join(first: Cached, second: Cached) -> Cached:
    return msgspec.structs.replace(
        first,
        pairs=(*first.pairs, *second.pairs),
        markets=(*first.markets, *second.markets),
    )


def _current(cached: Cached, now: WallNs) -> Cached:
    """Without games that began more than a day ago."""
    pairs = tuple(pair for pair in cached.pairs if pair.starts_at is None or pair.starts_at > now - _DAY_NS)
    return msgspec.structs.replace(cached, pairs=pairs)


def _demote(cached: Cached, mode: ApprovalMode) -> Cached:
    """Under "all" nothing is approved by discovery, whatever an older file says."""
    if mode != "all":
        return cached
    pairs = tuple(msgspec.structs.replace(p, state="proposed") if p.state == "approved" else p for p in cached.pairs)
    return msgspec.structs.replace(cached, pairs=pairs)


def _fresh(base: Cached, name: str, now: WallNs, mode: ApprovalMode, cache: DiscoveryCache | None) -> bool:
    age = base.age_ns(name, now)
    return cache is not None and age is not None and age < cache.ttl_ns and base.mode == mode
