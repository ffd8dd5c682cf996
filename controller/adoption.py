"""Pairs on their way into and out of use: found, read in today's terms, watched, renewed, retired (B-106..B-109).

Every round reads the terms of all live pairs again, because fees, holds and grids change while running. A pair that a league's
successful reading no longer holds (postponed, started, closed, no longer unique) is retired; a league that could not be read keeps
its pairs. What people decided about a pair stands over what discovery found, and is followed while the file of decisions changes.
Between rounds both venues are asked each minute what no stream tells: a result under way, a start that moved (matching.md 3.7).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from controller.discovery.cache import DiscoveryCache
from controller.discovery.catalogue import Discovery, Progress, discover
from controller.model import Event, Pair, PairChanged
from controller.pairs.recheck import Word, moved_starts, starts_of, words_of
from controller.pairs.store import Decisions, PairStore, PairsUnreadable, decided
from controller.pairs.upkeep import remember, send_back
from controller.settings import ControllerSettings
from controller.show import brief
from controller.state import State
from trading.book import MarketChanged
from trading.clock import SECOND, Clock
from trading.connect import Connections
from trading.errors import TandemError, VenueError
from trading.log import get_logger
from trading.market import KALSHI, POLYMARKET, Market, MarketId, Venue
from trading.offload import Offload
from trading.order import LegRequest, LegResult
from trading.polymarket.gamma import Gamma
from trading.units import WallNs
from trading.venue import Feed, VenueClient

__all__ = ["Adoption"]

log = get_logger(__name__)

_READS_AT_ONCE = 8
_LOOK_S = 0.5
"""How soon a decision of a person is followed (B-297)."""
_FRESH_NS = 300 * SECOND
_RECHECK_S = 60.0
_OVERLAP_S = 120
"""Milestones are asked for from this long before the last time: clocks differ."""
_CONTRADICTIONS = frozenset(
    {"invalid_price", "market_inactive", "market_not_found"}  # Kalshi: grid, status, shard
    | {"off_tick", "below_minimum", "market_not_ready", "not_found", "order_version_mismatch"}  # Polymarket
)
"""Refusals that say our terms of a market are not the venue's, in lower case: Kalshi's MARKET_INACTIVE alone is in upper case."""
_OF_TERMS = re.compile("price|tick|grid|inactive|closed")
"""A refusal in a spelling the venue does not document (kalshi.md 16.2): to read the terms in vain costs one request."""


class Adoption:
    """Keeps the engine's pairs and the feeds' markets in step with what discovery finds. deliver is the engine's door."""

    def __init__(
        self,
        *,
        settings: ControllerSettings,
        connections: Connections,
        clients: Mapping[Venue, VenueClient],
        gamma: Gamma,
        feeds: Mapping[Venue, Feed],
        state: State,
        deliver: Callable[[Event], None],
        clock: Clock,
        offload: Offload,
        decisions: PairStore | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._connections = connections
        self._clients = clients
        self._gamma = gamma
        self._feeds = feeds
        self._state = state
        self._deliver = deliver
        self._clock = clock
        self._offload = offload
        self._store = decisions
        self._sleep = sleep
        self._cache = DiscoveryCache(
            Path(settings.discovery_cache_path),
            ttl_ns=settings.discovery_cache_ttl_secs * SECOND,
            source=f"{settings.kalshi_api_base} {settings.polymarket_gamma_url}",
        )
        self._stamp: tuple[int, int, int] | None = None
        self._decisions = Decisions()
        self._found: dict[str, Pair] = {}
        """Pairs as discovery left them, before any person's word."""
        self._doubted: dict[MarketId, Market] = {}
        """Markets whose terms a refusal contradicted, as they were then."""
        self._held_back: dict[MarketId, str] = {}
        """Polymarket markets on which nothing may be opened, and why: the CLOB goes on taking orders there."""
        self._holding: dict[MarketId, bool] = {}
        """Markets that were delivered as held back, and whether they were tradable before that."""
        self._rechecked: int | None = None
        self._shards: set[tuple[Venue, int]] = set()
        """Shards of which the venue's client has read a market."""

    async def discover(self, *, progress: Progress, force: bool = False) -> Discovery:
        """Find pairs (B-097). A venue that cannot be reached leaves cached pairs in use and stands in failures."""
        found = await discover(
            self._connections.kalshi,
            self._gamma,
            clock=self._clock,
            leagues=self._settings.enabled_leagues,
            progress=progress,
            cache=self._cache,
            force=force,
            mode=self._settings.require_pair_approval,
            offload=self._offload,
        )
        for note in (*found.notices, *brief(found.failures)):
            log.warning("discovery", note=note)
        return found

    async def adopt(self, found: Discovery, *, progress: Progress) -> None:
        """Take what was found into use and what is gone out of it; running streams are kept (B-109)."""
        await self._ask_polymarket([pair.second for pair in found.pairs])
        read = await self._terms(found, progress)
        known = self._state.pairs
        self._read_decisions()
        await self._note(found)
        self._found.update((pair.id, pair) for pair in found.pairs)
        for pair in (decided(pair, self._decisions) for pair in found.pairs):
            if known.get(pair.id) != pair:
                self._deliver(PairChanged(pair, (read[pair.first], read[pair.second])))
        for market in read.values():
            if self._state.markets.get(market.id) != market:
                self._deliver(MarketChanged(market))
        self._retire(found)
        for venue, feed in self._feeds.items():
            feed.watch([market for market in read.values() if market.venue == venue])

    async def _terms(self, found: Discovery, progress: Progress) -> dict[MarketId, Market]:
        """Today's terms of both sides of every pair; one that cannot be read is watched, not traded (design.md 6).

        It keeps the terms it was traded on: what is held there must still be priced, paid for on its shard and sold. What the
        discovery itself has just read whole is not asked for again, but for one market of each shard, so that the venue's client
        knows the shard: thousands of lines would take minutes (B-110).
        """
        ids = list(dict.fromkeys(side for pair in found.pairs for side in (pair.first, pair.second)))
        self._connections.polymarket.remember([m for one in ids if (m := found.markets[one]).venue == POLYMARKET])
        gate = asyncio.Semaphore(_READS_AT_ONCE)
        done = 0

        async def read(market: Market) -> Market:
            nonlocal done
            if self._just_read(market):
                done += 1
                known = self._state.markets.get(market.id)
                return known if known is not None and known.read_at > market.read_at else market  # the stream's word is newer
            async with gate:
                try:
                    market = self._allowed(_current(market, await self._clients[market.venue].market(market.id)))
                except VenueError as exc:
                    log.warning(
                        "terms_unread", market=market.id, error=str(exc), next_step="watched, not traded; read again later"
                    )
                    market = msgspec.structs.replace(self._state.markets.get(market.id, market), tradable=False)
            done += 1
            progress(done, len(ids), "reading terms")
            return market

        return dict(zip(ids, await asyncio.gather(*(read(found.markets[one]) for one in ids)), strict=True))

    def _just_read(self, market: Market) -> bool:
        """Whole and current as discovery read it: Polymarket's catalogue lacks the CLOB's parameters, a cache is old."""
        if market.venue == POLYMARKET or market.fees is None or not market.read_at:
            return False
        if self._clock.wall_ns() - market.read_at > _FRESH_NS:
            return False
        shard = (market.venue, market.shard)
        known = shard in self._shards
        self._shards.add(shard)
        return known

    async def follow(self) -> None:
        """Take what people decide into use within a second, until cancelled: `controller pairs pause` stops a pair at once. Each
        minute the venues are asked again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again(_LOOK_S, self._look))
            tasks.create_task(self._again(_RECHECK_S, self.recheck))

    async def _again(self, pause_s: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception as exc:  # the task's boundary: a pause by a person must not wait for a restart
                log.error("pairs_not_followed", error=repr(exc), next_step="it is tried again; keep this log", exc_info=exc)
            await self._sleep(pause_s)

    async def _look(self) -> None:
        self.look()

    async def recheck(self) -> None:
        """Ask both venues about the pairs in use: a result under way stops opening on it, a start that moved sends its pair back
        to review. What cannot be read is asked again a minute later."""
        pairs = [pair for pair in self._state.pairs.values() if pair.state not in ("retired", "rejected")]
        if not pairs:
            return
        words = await self._ask_polymarket([pair.second for pair in pairs])
        starts = await self._ask_kalshi({self._state.markets[pair.first].event_id for pair in pairs})
        for pair in pairs:
            market = self._state.markets[pair.second]
            held = market.id in self._held_back
            if market.id in words and held is not (market.id in self._holding) and market.status in ("open", "paused"):
                await self._renew(market)
        self._review(moved_starts(pairs, words, starts, self._state.markets, self._decisions))

    async def _ask_polymarket(self, conditions: Sequence[MarketId]) -> dict[MarketId, Word]:
        """Gamma's word on these markets, and which of them are held back from now on."""
        try:
            words = await words_of(self._gamma, list(dict.fromkeys(conditions)))
        except (TandemError, OSError) as exc:
            log.warning("recheck_failed", venue=POLYMARKET, error=str(exc), next_step="asked again in a minute")
            return {}
        for market, word in words.items():
            before = self._held_back.pop(market, "")
            if word.doubt:
                self._held_back[market] = word.doubt
            if word.doubt != before:
                log.warning("market_held_back" if word.doubt else "market_free_again", market=market, why=word.doubt or before)
        return words

    async def _ask_kalshi(self, events: Collection[str]) -> dict[str, WallNs]:
        """Starts of these events that changed since the last time."""
        now = self._clock.wall_ns() // SECOND
        # Pairs may come from a cache of that age, which no reading of milestones has renewed.
        since = self._rechecked if self._rechecked is not None else now - self._settings.discovery_cache_ttl_secs
        try:
            stones = await self._connections.kalshi.catalogue.milestones(category="Sports", min_updated_ts=since - _OVERLAP_S)
        except (TandemError, OSError) as exc:
            log.warning("recheck_failed", venue=KALSHI, error=str(exc), next_step="asked again in a minute")
            return {}
        self._rechecked = now
        return starts_of(stones, events)

    async def _renew(self, market: Market) -> None:
        """Hold a market back, or take the CLOB's own status where nothing holds it back any more."""
        if market.id not in self._held_back:
            before = self._holding.pop(market.id, market.tradable)
            self._doubted.setdefault(market.id, msgspec.structs.replace(market, tradable=before))
            await self.reread()
            return
        held = self._allowed(market)
        self._deliver(MarketChanged(held))
        self._feeds[held.venue].watch([held])

    def _allowed(self, market: Market) -> Market:
        """Held back, a market opens nothing more; what stands alone in it may still be sold while its venue trades."""
        if market.id not in self._held_back:
            return market
        self._holding.setdefault(market.id, market.tradable)
        return msgspec.structs.replace(market, tradable=False)

    def _review(self, starts: Mapping[str, WallNs]) -> None:
        if not starts or self._store is None or self._decisions.trouble is not None:
            return
        try:
            self._decisions, moved = send_back(self._store, starts, self._state.pairs, self._clock.wall_ns())
        except (OSError, PairsUnreadable) as exc:
            log.error("pair_starts_not_kept", error=str(exc), next_step="pause these pairs by hand", pairs=sorted(starts))
            return
        self._tell_moved(moved)
        self.look()

    def _tell_moved(self, moved: Mapping[str, str]) -> None:
        """An error line, which is an alert: one side may be paid out while the other still plays (matching.md 4)."""
        for pair_id, why in moved.items():
            log.error("pair_start_moved", pair=pair_id, why=why, next_step="read it with `controller pairs show`, then decide")

    def look(self) -> None:
        """Compare the file of decisions once and deliver what it changes."""
        if self._store is None or self._store.stamp() == self._stamp:
            return
        self._read_decisions()
        for found in self._found.values():
            now = self._state.pairs.get(found.id)
            pair = decided(found, self._decisions)
            if now is None or now.state == "retired" or now == pair:
                continue
            log.info(
                "pair_decided", pair=pair.id, before=now.state, state=pair.state, why=pair.doubts[-1:] or pair.evidence[-1:]
            )
            self._deliver(PairChanged(pair, (self._state.markets[pair.first], self._state.markets[pair.second])))

    def _read_decisions(self) -> None:
        if self._store is None:
            return
        stamp = self._store.stamp()  # before reading: a change in between is read again
        self._decisions = self._store.load()
        if self._decisions.trouble is not None and stamp != self._stamp:
            log.error("pairs_unreadable", error=self._decisions.trouble)
        self._stamp = stamp

    async def _note(self, found: Discovery) -> None:
        """Send pairs whose rule texts or start changed back to review, durably (matching.md 3.5)."""
        store, now = self._store, self._clock.wall_ns()
        if store is None or self._decisions.trouble is not None:
            return
        try:
            self._decisions, changed, moved = await self._offload.run(lambda: remember(store, found.pairs, now))
        except (OSError, PairsUnreadable) as exc:
            log.error("pair_texts_not_kept", error=str(exc), next_step="a changed rule text may go unnoticed over a restart")
            return
        for pair_id in changed:
            log.warning(
                "pair_text_changed", pair=pair_id, next_step="read it with `controller pairs show`, then approve or reject"
            )
        self._tell_moved(moved)

    def doubt(self, code: str, order: tuple[LegRequest, LegResult | None] | None) -> None:
        """A venue refused an order with this code: when that contradicts the terms we trade on, reread() reads them again, so
        that no further arb loses its second leg to them until the next discovery."""
        market = self._state.markets.get(order[0].want.market) if order is not None else None
        word = code.lower()
        if market is not None and (word in _CONTRADICTIONS or _OF_TERMS.search(word)):
            self._doubted.setdefault(market.id, market)

    async def reread(self) -> None:
        """Read the doubted terms; a market whose terms cannot be read is not traded until they can."""
        for known in tuple(self._doubted.values()):
            try:
                read = self._allowed(_current(known, await self._clients[known.venue].market(known.id)))
            except VenueError as exc:
                log.warning("terms_unread", market=known.id, error=str(exc), next_step="not traded until it is read")
                self._deliver(MarketChanged(msgspec.structs.replace(known, tradable=False)))
                continue
            self._doubted.pop(known.id, None)
            log.info("terms_read_again", market=known.id, status=read.status, tradable=read.tradable)
            self._deliver(MarketChanged(read))
            self._feeds[known.venue].watch([read])

    def _retire(self, found: Discovery) -> None:
        """Take pairs out of use that a successful reading of their league no longer holds; unwatch markets that nobody needs.

        A market whose event is claimed, in doubt or still held keeps its book: a late reversal may have to be hedged on it.
        """
        fresh = {report.league for report in found.reports if report.error is None and not report.from_cache}
        listed = {pair.id for pair in found.pairs}
        pairs = self._state.pairs.values()
        for pair in [pair for pair in pairs if pair.state != "retired" and pair.id not in listed and pair.league in fresh]:
            sides = (self._state.markets[pair.first], self._state.markets[pair.second])
            self._deliver(PairChanged(msgspec.structs.replace(pair, state="retired"), sides))
            self._found.pop(pair.id, None)
            log.info("pair_retired", pair=pair.id, why="its league's reading no longer holds it")
        used = {side for pair in pairs if pair.state != "retired" for side in (pair.first, pair.second)}
        for pair in [pair for pair in pairs if pair.state == "retired" and not self._busy(pair)]:
            for side in (pair.first, pair.second):
                if side not in used:
                    self._feeds[self._state.markets[side].venue].unwatch([side])

    def _busy(self, pair: Pair) -> bool:
        state = self._state
        held = any(state.positions.contracts(side) for side in (pair.first, pair.second))
        return held or state.claimed(pair.event) or state.unresolved(pair.event)


def _current(known: Market, read: Market) -> Market:
    """Today's terms on what discovery knows. A market whose tokens changed is another market: watched, never traded, and what
    is held of it is still the tokens that were bought."""
    return msgspec.structs.replace(
        read,
        event_id=known.event_id,
        question=known.question,
        outcomes=known.outcomes,
        tokens=known.tokens,
        starts_at=known.starts_at or read.starts_at,
        closes_at=read.closes_at or known.closes_at,
        settles_at=read.settles_at or known.settles_at,
        rules=known.rules,
        rules_hash=known.rules_hash,
        mutually_exclusive=known.mutually_exclusive,
        version=read.version or known.version,
        tradable=read.tradable and known.tradable and read.tokens == known.tokens,
    )
