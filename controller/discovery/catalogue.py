"""Find every pair both venues list now: read, match, build Market and Pair values, keep what a failure cannot renew.

Kalshi's leagues are read per series, so one league's failure leaves the others fresh (B-108); what no game decides in one sweep,
Polymarket in another. A league or domain that could not be read keeps its cached pairs and says so. The clients bring their own
rate limits (B-110); the cache file and matching go where the caller says (Offload), because a refresh while trading must not hold
up the loop.
"""

import contextlib
import gc
from collections.abc import Collection, Iterator, Mapping

import msgspec

from controller.discovery.assemble import LeagueReport, demoted, match_read, renew_read
from controller.discovery.cache import Alike, Cached, DiscoveryCache
from controller.discovery.claims import DOMAINS
from controller.discovery.game import Row
from controller.discovery.names import Names, load
from controller.discovery.pairs import ApprovalMode
from controller.discovery.reading import GammaEvents, KalshiCatalogue, Progress, Scope, read_venues, silent
from controller.model import Pair
from trading.clock import SECOND, Clock
from trading.market import Market, MarketId
from trading.offload import InlineOffload, Offload
from trading.units import WallNs

__all__ = ["Discovery", "GammaEvents", "KalshiCatalogue", "LeagueReport", "Progress", "discover"]


_DAY_NS = 86_400 * SECOND


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """Everything found. markets holds both sides of every pair; which of them form an event basket is the state's business.

    alike: markets that only read alike, for people (B-104). failures names each venue or league that could not be read; notices
    are for the operator's eye.
    """

    pairs: tuple[Pair, ...]
    markets: Mapping[MarketId, Market]
    reports: tuple[LeagueReport, ...]
    failures: tuple[str, ...]
    notices: tuple[str, ...]
    read_at: WallNs
    alike: tuple[Alike, ...] = ()


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
    """Find pairs of these leagues and domains (empty = all).

    force ignores the cache and rewrites it (B-033). Raises only for our own faults: a venue that fails is a line in failures,
    and what was known of it before stays in use. An OSError of the cache file is a notice.
    """
    table = names or load()
    say = progress or silent
    notices = [
        f"unknown league {league!r} ignored" for league in leagues if league not in table.leagues and league not in DOMAINS
    ]
    wanted = [name for name in (*table.leagues, *DOMAINS) if not leagues or name in leagues]
    base = Cached()
    aside = offload or InlineOffload()
    if cache is not None:
        base, notice = await aside.run(cache.load)
        notices.extend([notice] if notice else [])
    now = clock.wall_ns()
    stale = [name for name in wanted if force or not _fresh(base, name, now, mode, cache)]
    kept = _current(base.of(set(wanted) - set(stale)), now)
    if not stale:
        say(1, 1, "pairs taken from the discovery cache")
        return _result(kept, [_cached_report(kept, name, None) for name in wanted], [], notices, base.created)
    leagues_read = {name: table.leagues[name] for name in stale if name in table.leagues}
    scope = Scope(leagues_read, tuple(name for name in stale if name in DOMAINS))
    with _uncollected():
        ours, sweep, failures = await read_venues(kalshi, gamma, scope, base, table, force, now, say)
    failed = {name: reason for name, reason in ours.failed.items() if name in stale}
    if isinstance(sweep, str):
        failed = {name: failed.get(name) or sweep for name in stale}
    good = [name for name in stale if name not in failed]
    read_at = clock.wall_ns()

    def build() -> tuple[Cached, list[LeagueReport]]:
        with _uncollected():
            fresh, reports = matched()
            if cache is not None and good:
                try:
                    cache.merge(fresh, good, now=read_at, base=base)
                except OSError as error:
                    notices.append(f"discovery cache {cache.path} could not be written: {error}")
            fallback = _current(demoted(base.of(failed.keys()), mode), now)
            reports += [_cached_report(fallback, name, failed[name]) for name in failed]
            reports += [_cached_report(kept, name, None) for name in wanted if name not in stale]
            _let_go(ours.rest, *ours.events.values(), sweep if isinstance(sweep, list) else [])
            return _join(fresh, _join(fallback, kept)), reports

    def matched() -> tuple[Cached, list[LeagueReport]]:
        if sweep is None:
            return renew_read(base.of(good), ours, good, mode, now, table)
        # Rows are as old as the first of them: what a stream told since then is newer than all of them.
        return match_read(ours, sweep if isinstance(sweep, list) else [], good, mode, now, table)

    say(0, None, "matching")
    found, reports = await aside.run(build)
    say(1, 1, f"{len(found.pairs)} pairs")
    return _result(found, reports, failures, notices, read_at)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Reading and matching make millions of objects and no cycles: each full collection meanwhile walks them all and stops the
    loop."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _let_go(*read: list[Row]) -> None:
    """Row by row: millions of objects that die in one step would hold up every other thread."""
    for rows in read:
        while rows:
            rows.pop()


def _cached_report(cached: Cached, name: str, error: str | None) -> LeagueReport:
    pairs = [pair for pair in cached.pairs if pair.league == name]
    approved = sum(pair.state == "approved" for pair in pairs)
    return LeagueReport(league=name, pairs=len(pairs), approved=approved, from_cache=True, error=error)


def _result(found: Cached, reports: list[LeagueReport], failures: list[str], notices: list[str], read_at: WallNs) -> Discovery:
    return Discovery(
        pairs=found.pairs,
        markets={market.id: market for market in found.markets},
        reports=tuple(sorted(reports, key=lambda report: report.league)),
        failures=tuple(failures),
        notices=tuple(notices),
        read_at=read_at,
        alike=found.alike,
    )


def _join(first: Cached, second: Cached) -> Cached:
    return msgspec.structs.replace(
        first,
        pairs=(*first.pairs, *second.pairs),
        markets=(*first.markets, *second.markets),
        alike=(*first.alike, *second.alike),
    )


def _current(cached: Cached, now: WallNs) -> Cached:
    """Without games that began more than a day ago."""
    pairs = tuple(pair for pair in cached.pairs if pair.starts_at is None or pair.starts_at > now - _DAY_NS)
    return msgspec.structs.replace(cached, pairs=pairs)


def _fresh(base: Cached, name: str, now: WallNs, mode: ApprovalMode, cache: DiscoveryCache | None) -> bool:
    age = base.age_ns(name, now)
    return cache is not None and age is not None and age < cache.ttl_ns and base.mode == mode
