"""Everything a person can do with pairs, one function call each: the command line today, a chat command later.

The desk reads pairs and rule texts from the discovery cache and decisions from the store; nothing here asks a venue. A running
controller follows the store by itself within a second.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from controller.discovery.cache import Alike, DiscoveryCache
from controller.discovery.claims import DOMAINS
from controller.discovery.names import load as load_names
from controller.durable import state_path
from controller.model import Pair
from controller.pairs.sheet import Sheet, sheet_of, sheet_of_alike
from controller.pairs.store import Decided, Decision, Decisions, PairStore, Template, decided, uncovered
from controller.settings import ControllerSettings
from trading.clock import SECOND
from trading.errors import TandemError
from trading.market import Market, MarketId
from trading.units import WallNs

__all__ = ["Desk", "PairRefused"]


class PairRefused(TandemError):
    """The pair is unknown, or what was asked of it must not be done."""


class Desk:
    """Pairs of one state directory and one discovery cache. by is who decides, now the moment."""

    def __init__(self, store: PairStore, cache: DiscoveryCache) -> None:
        self.store = store
        self.cache = cache

    @classmethod
    def of(cls, settings: ControllerSettings) -> "Desk":
        """The desk of the controller with these settings."""
        cache = DiscoveryCache(
            Path(settings.discovery_cache_path),
            ttl_ns=settings.discovery_cache_ttl_secs * SECOND,
            source=f"{settings.kalshi_api_base} {settings.polymarket_gamma_url}",
        )
        return cls(PairStore(state_path(settings)), cache)

    def trouble(self) -> str | None:
        """Why no decision can be relied on, or None."""
        return self.store.load().trouble

    def listed(self, *, state: str | None = None, league: str | None = None) -> list[Pair]:
        """Known pairs as decided, ordered by state, league and start."""
        known = self.store.load()
        pairs = (decided(pair, known) for pair in self.cache.load()[0].pairs)
        wanted = [pair for pair in pairs if state in (None, pair.state) and league in (None, pair.league)]
        return sorted(wanted, key=lambda pair: (pair.state, pair.league, pair.starts_at or 0, pair.id))

    def alike(self) -> list[Alike]:
        """Look-alikes, the most alike first; rejected ones return when their text changes."""
        known = self.store.load().pairs
        return [one for one in self.cache.load()[0].alike if not _rejected(one, known.get(one.id))]

    def show(self, pair_id: str) -> Sheet:
        """Both markets side by side with the settlement table, of a pair or a look-alike. Raises PairRefused when unknown."""
        known = self.store.load()
        alike = self._alike(pair_id)
        if alike is not None:
            return sheet_of_alike(alike, decision=known.pairs.get(pair_id))
        pair, one, two = self._find(pair_id)
        league = load_names().leagues.get(pair.league)
        return sheet_of(decided(pair, known), one, two, sport=league.sport if league else "", decision=known.pairs.get(pair_id))

    def approve(self, pair_id: str, *, by: str, why: str, now: WallNs) -> Decision:
        """Let a pair trade on the texts it has now. Raises PairRefused for texts in conflict, and without a reason where a text
        is silent."""
        if self._alike(pair_id) is not None:
            raise PairRefused(f"{pair_id} only reads alike: nothing proves which outcomes mean the same, so it is never traded")
        pair, _, _ = self._find(pair_id)
        if pair.terms == "conflict":
            raise PairRefused(f"{pair_id} is never approved: its terms conflict ({'; '.join(pair.doubts)})")
        if pair.terms != "verified" and not why.strip():
            raise PairRefused(
                f"{pair_id} has terms nobody verified ({'; '.join(pair.doubts)}): say with --why how you know them"
            )
        return self._decide(pair, "approved", by=by, why=why, now=now)

    def reject(self, pair_id: str, *, by: str, why: str, now: WallNs) -> Decision:
        """Never trade or propose the pair or look-alike again unless its texts change (B-300)."""
        alike = self._alike(pair_id)
        if alike is not None:
            return self._put(pair_id, "rejected", alike.texts, by=by, why=why, now=now)
        return self._decide(self._find(pair_id)[0], "rejected", by=by, why=why, now=now)

    def pause(self, pair_id: str, *, by: str, why: str, now: WallNs) -> Decision:
        """Stop opening on the pair at once; what is open stays managed (B-297). Works for a pair no longer in the cache."""
        pair = next((pair for pair in self.cache.load()[0].pairs if pair.id == pair_id), None)
        if pair is None and self._alike(pair_id) is not None:
            raise PairRefused(f"{pair_id} only reads alike and is never traded: there is nothing to pause; reject hides it")
        before = self.store.load().pairs.get(pair_id)
        if pair is None and before is None:
            raise PairRefused(_unknown(pair_id))
        return self._put(pair_id, "paused", pair.texts if pair else "", by=by, why=why, now=now)

    def resume(self, pair_id: str, *, by: str, now: WallNs) -> str:
        """Undo a pause: the pair stands as before it. Returns that state, "as found" where nobody had decided."""
        after: list[str] = []

        def edit(known: Decisions) -> Decisions:
            paused = known.pairs.get(pair_id)
            if paused is None or paused.state != "paused":
                raise PairRefused(f"{pair_id} is not paused")
            pairs = {one: kept for one, kept in known.pairs.items() if one != pair_id}
            if paused.before is not None:
                pairs[pair_id] = Decision(state=paused.before, by=by, at=now, why="resumed", texts=paused.texts)
            after.append(paused.before or "as found")
            return msgspec.structs.replace(known, pairs=pairs)

        self.store.change(edit)
        return after[-1]

    def add_template(self, league: str, kind: str, *, by: str, why: str, now: WallNs) -> Template:
        """Approve all proven pairs of a league and type from now on. Raises PairRefused for an unknown league."""
        allowed = (*sorted(load_names().leagues), *DOMAINS)
        if league not in allowed:
            raise PairRefused(f"unknown league {league!r} (allowed: {', '.join(allowed)})")
        made = Template(league=league, kind=kind, by=by, at=now, why=why)

        def edit(known: Decisions) -> Decisions:
            others = tuple(one for one in known.templates if (one.league, one.kind) != (league, kind))
            return msgspec.structs.replace(known, templates=(*others, made))

        self.store.change(edit)
        return made

    def covered(self, league: str, kind: str) -> tuple[int, tuple[str, ...]]:
        """How many known pairs the template of a league and type approves as they are, and the types that pairs of it have."""
        pairs = [pair for pair in self.cache.load()[0].pairs if pair.league == league]
        kinds = tuple(sorted({pair.kind for pair in pairs}))
        return sum(pair.kind == kind and not uncovered(pair) for pair in pairs), kinds

    def drop_template(self, league: str, kind: str) -> bool:
        """Take a template back; pairs it approved wait for a person again. False when there was none."""
        dropped = False

        def edit(known: Decisions) -> Decisions:
            nonlocal dropped
            others = tuple(one for one in known.templates if (one.league, one.kind) != (league, kind))
            dropped = len(others) < len(known.templates)
            return msgspec.structs.replace(known, templates=others)

        self.store.change(edit)
        return dropped

    def export(self) -> dict[str, Any]:
        """Decisions and templates as plain JSON values."""
        known = self.store.load()
        if known.trouble is not None:
            raise PairRefused(known.trouble)
        return {"schema": 1, "pairs": msgspec.to_builtins(known.pairs), "templates": msgspec.to_builtins(known.templates)}

    def bring_in(self, exported: Mapping[str, object]) -> tuple[int, int]:
        """Merge an export: (decisions, templates) taken. Of two decisions about a pair the later one stands. Raises PairRefused."""
        try:
            brought = msgspec.convert({**exported, "trouble": None}, type=Decisions)
        except msgspec.ValidationError as exc:
            raise PairRefused(f"this is no export of pairs: {exc}") from exc
        if brought.schema != 1:
            raise PairRefused(f"the export has schema {brought.schema}, not 1")
        taken = (0, 0)

        def edit(known: Decisions) -> Decisions:
            nonlocal taken
            old = known.pairs
            newer = {one: said for one, said in brought.pairs.items() if one not in old or old[one].at < said.at}
            have = {(one.league, one.kind) for one in known.templates}
            more = tuple(one for one in brought.templates if (one.league, one.kind) not in have)
            taken = (len(newer), len(more))
            return msgspec.structs.replace(known, pairs={**old, **newer}, templates=(*known.templates, *more))

        self.store.change(edit)
        return taken

    def _alike(self, pair_id: str) -> Alike | None:
        return next((one for one in self.cache.load()[0].alike if one.id == pair_id), None)

    def _find(self, pair_id: str) -> tuple[Pair, Market, Market]:
        cached = self.cache.load()[0]
        pair = next((pair for pair in cached.pairs if pair.id == pair_id), None)
        markets: dict[MarketId, Market] = {market.id: market for market in cached.markets}
        if pair is None or pair.first not in markets or pair.second not in markets:
            raise PairRefused(_unknown(pair_id, [pair.id for pair in cached.pairs]))
        return pair, markets[pair.first], markets[pair.second]

    def _decide(self, pair: Pair, state: Decided, *, by: str, why: str, now: WallNs) -> Decision:
        return self._put(pair.id, state, pair.texts, by=by, why=why, now=now)

    def _put(self, pair_id: str, state: Decided, texts: str, *, by: str, why: str, now: WallNs) -> Decision:
        made: list[Decision] = []

        def edit(known: Decisions) -> Decisions:
            was = known.pairs.get(pair_id)
            before: Decided | None = None
            if state == "paused" and was is not None:
                before = was.before if was.state == "paused" else was.state
                made.append(Decision(state=state, by=by, at=now, why=why, texts=was.texts, before=before))
            else:
                made.append(Decision(state=state, by=by, at=now, why=why, texts=texts))
            return msgspec.structs.replace(known, pairs={**known.pairs, pair_id: made[-1]})

        self.store.change(edit)
        return made[-1]


def _rejected(one: Alike, decision: Decision | None) -> bool:
    return decision is not None and decision.state == "rejected" and decision.texts == one.texts


def _unknown(pair_id: str, known: Sequence[str] = ()) -> str:
    near = [one for one in known if pair_id and pair_id.split(":")[0] in one][:3]
    hint = f"; did you mean {' or '.join(near)}" if near else ""
    return f"no pair {pair_id!r} in the discovery cache: run `controller discover` or `controller pairs find` first{hint}"
