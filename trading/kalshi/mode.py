"""What Kalshi lets us do now, from its status, its refusals and its calendar (kalshi.md 4, B-426).

    exchange pause ─► disabled (no cancels either)        trading pause ─► paused (cancels only)
    no answer inside maintenance ─► restarting            no answer outside it ─► unreachable
    lapsed attestation ─► disabled until it is renewed; ours, so that paper goes on

A pause of one shard closes that shard's markets and no others. The status is edge-cached, so a refusal that named a pause is
believed for a while even when the status does not say it yet. Every mode clears by itself: by a status, by its end, or by the
first order that is taken.
"""

import re
from collections.abc import Iterable

from trading.clock import SECOND, Clock
from trading.kalshi.exchange import KeyRights, Window, standing_window
from trading.kalshi.wire_account import StatusRow
from trading.kalshi.wire_market import parse_time
from trading.market import KALSHI
from trading.units import MonoNs
from trading.venue import ModeWord, VenueMode

__all__ = ["Modes"]

_BELIEVED_NS = 3 * SECOND
"""How long a refusal outweighs a status that says otherwise."""
_ATTEST_NS = 300 * SECOND
_ATTEST = re.compile("attest|region")


class Modes:
    """The newest knowledge about every shard of the venue."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shards: set[int] = set()
        self._refused: dict[int, tuple[ModeWord, MonoNs]] = {}
        self._unattested: VenueMode | None = None
        self._rights: KeyRights | None = None
        self._windows: tuple[Window, ...] = ()

    # what is learned

    def use(self, shard: int) -> None:
        """A market of this shard is ours: its pauses count."""
        self._shards.add(shard)

    def apply_schedule(self, windows: Iterable[Window]) -> None:
        self._windows = tuple(windows)

    def apply_rights(self, rights: KeyRights) -> None:
        """What the keys may do; a location attested anew ends what a refusal had said."""
        self._rights = rights
        if rights.attested(self._clock.wall_ns()):
            self._unattested = None

    def apply_refusal(self, code: str, detail: str, shard: int) -> None:
        """Learn from the code of a refused order; codes that tell no mode change nothing."""
        word = code.lower()
        if "paused" in word and "transfer" not in word:
            until = MonoNs(self._clock.mono_ns() + _BELIEVED_NS)
            self._refused[shard] = ("disabled" if "exchange" in word else "paused", until)
        elif _ATTEST.search(word) is not None:
            until = MonoNs(self._clock.mono_ns() + _ATTEST_NS)
            self._unattested = VenueMode(venue=KALSHI, mode="disabled", until=until, detail=detail, ours=True)

    def apply_accepted(self, shard: int) -> None:
        """An order was taken on this shard: whatever closed it is over."""
        if self._refused or self._unattested is not None:
            self._refused.pop(shard, None)
            self._unattested = None

    # what it means

    def of_status(self, status: StatusRow) -> VenueMode:
        """The mode of the venue, closed when all of its shards are; one closed among open ones closes its own markets only.

        A shard of ours that is not listed is as the top level says, which mirrors shard 0.
        """
        rows = {row.exchange_index: (row.exchange_active, row.trading_active) for row in status.exchange_index_statuses or ()}
        top = (status.exchange_active, status.trading_active)
        rows |= {shard: top for shard in self._shards if shard not in rows}
        said = {shard: _word(*row) for shard, row in (rows or {0: top}).items()}
        if "normal" not in said.values():
            if "paused" in said.values():
                return self._closed(status, "paused", "trading pause: cancels only")
            return self._closed(status, "disabled", "exchange pause: no cancels either")
        ours = self._unfit()
        if ours is not None:
            return ours
        closed: dict[int, ModeWord] = {shard: word for shard, word in said.items() if word != "normal"}
        closed |= self._remembered()
        detail = ", ".join(f"shard {shard} is {word}" for shard, word in sorted(closed.items()))
        return VenueMode(venue=KALSHI, mode="normal", detail=detail, closed_shards=closed)

    def _closed(self, status: StatusRow, mode: ModeWord, detail: str) -> VenueMode:
        until = None
        resume = parse_time(status.exchange_estimated_resume_time)
        window = self._window()
        if resume is not None:
            until = MonoNs(self._clock.mono_ns() + resume - self._clock.wall_ns())
        elif window is not None:
            until = MonoNs(self._clock.mono_ns() + window.ends - self._clock.wall_ns())
        detail = f"{detail}; maintenance" if window is not None else detail
        return VenueMode(venue=KALSHI, mode=mode, until=until, detail=detail)

    def silent(self, why: str) -> VenueMode:
        """The status could not be read: in a maintenance window the venue restarts, outside it is not reachable."""
        window = self._window()
        if window is None:
            return VenueMode(venue=KALSHI, mode="unreachable", detail=why)
        until = MonoNs(self._clock.mono_ns() + window.ends - self._clock.wall_ns())
        return VenueMode(venue=KALSHI, mode="restarting", until=until, detail=f"maintenance: {why}")

    def _window(self) -> Window | None:
        wall = self._clock.wall_ns()
        return next((window for window in self._windows if window.holds(wall)), None) or standing_window(wall)

    def _remembered(self) -> dict[int, ModeWord]:
        """Shards whose refusal is still believed."""
        now = self._clock.mono_ns()
        self._refused = {shard: told for shard, told in self._refused.items() if now < told[1]}
        return {shard: word for shard, (word, _) in self._refused.items()}

    def _unfit(self) -> VenueMode | None:
        """Why our keys may not trade, though the venue is open."""
        if self._unattested is not None and not _holds(self._unattested, self._clock.mono_ns()):
            self._unattested = None
        if self._unattested is not None:
            return self._unattested
        if self._rights is not None and not self._rights.attested(self._clock.wall_ns()):
            detail = "the location attestation of the API keys has lapsed; attest the location on kalshi.com"
            return VenueMode(venue=KALSHI, mode="disabled", detail=detail, ours=True)
        return None


def _word(exchange: bool, trading: bool) -> ModeWord:
    return "normal" if exchange and trading else "paused" if exchange else "disabled"


def _holds(mode: VenueMode, now: MonoNs) -> bool:
    return mode.until is None or now < mode.until
