"""What discovery found, kept between starts in one JSON file (B-105 to B-108).

Every league and type carries its own age, so a refresh of a few leagues merges and never shrinks the others. The file is
replaced in one step; one that cannot be read or has another schema is rebuilt, with a notice and without an error.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from controller.discovery.pairs import ApprovalMode
from controller.model import Pair
from trading.market import Market, hash_rules
from trading.units import WallNs

__all__ = ["SCHEMA", "TTL_NS", "Alike", "Cached", "DiscoveryCache"]

SCHEMA = 3
TTL_NS = 7_200 * 1_000_000_000
"""B-401's default."""


class Alike(msgspec.Struct, frozen=True, kw_only=True):
    """Two markets whose titles look alike and of which nothing proves that they ask the same: read by people, never traded.

    similarity is 0..100; league is the reading they come from.
    """

    league: str
    similarity: int
    first: Market
    second: Market

    @property
    def id(self) -> str:
        """Written as a pair's id is."""
        return f"{self.first.id}:{self.second.id}"

    @property
    def texts(self) -> str:
        """Changes when either market asks something else (B-300)."""
        one, two = self.first, self.second
        return hash_rules(one.question, one.outcomes[0], one.rules, two.question, two.rules)


class Cached(msgspec.Struct, frozen=True, kw_only=True):
    """The file. scope maps "league:type" to the moment it was last read from both venues; created is the last write."""

    schema: int = SCHEMA
    source: str = ""
    created: WallNs = WallNs(0)
    mode: ApprovalMode = "auto"
    scope: dict[str, WallNs] = {}
    pairs: tuple[Pair, ...] = ()
    markets: tuple[Market, ...] = ()
    alike: tuple[Alike, ...] = ()

    def age_ns(self, league: str, now: WallNs) -> int | None:
        """How old a league's answer is; None when it was never read or is from the future."""
        read = self.scope.get(_scope(league))
        return now - read if read is not None and read <= now else None

    def of(self, leagues: Collection[str]) -> "Cached":
        """Only what belongs to these leagues."""
        pairs = tuple(pair for pair in self.pairs if pair.league in leagues)
        used = {market for pair in pairs for market in (pair.first, pair.second)}
        markets = tuple(market for market in self.markets if market.id in used)
        scope = {league: read for league, read in self.scope.items() if league.partition(":")[0] in leagues}
        alike = tuple(one for one in self.alike if one.league in leagues)
        return msgspec.structs.replace(self, pairs=pairs, markets=markets, scope=scope, alike=alike)


class DiscoveryCache:
    """The file at a path. Reading never raises on content; writing raises OSError when the disk refuses."""

    def __init__(self, path: Path, *, ttl_ns: int = TTL_NS, source: str = "") -> None:
        """source names the hosts the pairs are read from: a simulator's games are no pairs of the real venues."""
        self.path = path
        self.ttl_ns = ttl_ns
        self.source = source
        self._known: tuple[tuple[int, int, int], Cached] | None = None
        """The file as it stood when it was last read or written here, and its content: reading it anew holds up the books."""

    def load(self) -> tuple[Cached, str | None]:
        """What the file holds and a notice for the operator when it had to be ignored."""
        stamp = self._stamp()
        if self._known is not None and self._known[0] == stamp:
            return self._known[1], None
        content, notice = self._read()
        if notice is None and stamp is not None:
            self._known = stamp, content
        return content, notice

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            at = self.path.stat()
        except OSError:
            return None
        return at.st_ino, at.st_mtime_ns, at.st_size

    def _read(self) -> tuple[Cached, str | None]:
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return Cached(), None
        except OSError as error:
            return Cached(), f"discovery cache {self.path} cannot be read ({error}); finding pairs anew"
        try:
            schema = msgspec.json.decode(raw, type=_Head).schema
            if schema != SCHEMA:
                return Cached(), f"discovery cache {self.path} has schema {schema}, not {SCHEMA}; finding pairs anew"
            content = msgspec.json.decode(raw, type=Cached)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Cached(), f"discovery cache {self.path} is corrupt ({error}); finding pairs anew"
        if content.source != self.source:
            return Cached(), f"discovery cache {self.path} is of other hosts ({content.source}); finding pairs anew"
        return content, None

    def merge(self, fresh: Cached, leagues: Collection[str], *, now: WallNs, base: Cached) -> Cached:
        """Replace what base knows of these leagues by what fresh knows, keep the rest, write the file, return its content."""
        others = base.of({key.partition(":")[0] for key in base.scope} - set(leagues))
        if others.mode != fresh.mode:
            # Found under another approval setting: kept, but read again before the next use (C-11).
            others = msgspec.structs.replace(others, scope=dict.fromkeys(others.scope, WallNs(0)))
        merged = Cached(
            source=self.source,
            created=now,
            mode=fresh.mode,
            scope={**others.scope, **{_scope(league): now for league in leagues}},
            pairs=(*others.pairs, *fresh.pairs),
            markets=tuple({market.id: market for market in (*others.markets, *fresh.markets)}.values()),
            alike=(*others.alike, *fresh.alike),
        )
        self.save(merged)
        return merged

    def save(self, content: Cached) -> None:
        """Write beside the file, flush to disk, then replace it in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            with beside.open("wb") as file:
                file.writelines(_pieces(content))
                file.flush()
                os.fsync(file.fileno())
            at = beside.stat()
            beside.replace(self.path)
            self._known = (at.st_ino, at.st_mtime_ns, at.st_size), content
        finally:
            beside.unlink(missing_ok=True)


class _Head(msgspec.Struct):
    schema: int


def _pieces(content: Cached) -> Iterator[bytes]:
    """content as one JSON object, item by item: thousands of pairs in one call of the encoder would hold up every other thread."""
    for place, name in enumerate(Cached.__struct_fields__):
        value = getattr(content, name)
        yield (b',"%s":' if place else b'{"%s":') % name.encode()
        if isinstance(value, tuple):
            yield b"["
            for number, item in enumerate(value):
                yield (b"," if number else b"") + msgspec.json.encode(item)
            yield b"]"
        else:
            yield msgspec.json.encode(value)
    yield b"}"


def _scope(league: str) -> str:
    return f"{league}:all"  # every type of a league is read at once
