"""Every fault of the simulated Polymarket by name: one call of the core's own switch each, to be thrown while it runs.

    orders    429 · 429_date · 429_cloudflare · 425 · drop_before_accept · drop_after_accept · 500_after_accept
              500_before_accept · 500_timed_out · 500_no_matching · 500_rounding · order_version_mismatch · match_delayed
              not_ready
    reads     read_429 · read_500 · read_503 · read_drop
    relayer   relayer_busy · relayer_fail · relayer_drop · relayer_500
    trades    ghost · retry · slow · stuck · hashless · hashes · no_price_improvement
              price_improvement · hold_blocks · hold_delays
    engine    restart · post_only · cancel_only · disabled · normal · limits_on · limits_off · heartbeat_expiry
    account   stale_cache · fresh_cache · cache_lags · cache_follows · phantom · no_phantom · no_allowance · full_allowance
              finite_allowance · closed_only · banned · unrestricted · geoblock · no_geoblock · data_lag · data_prompt · deposit
    streams   drop_sessions · freeze · thaw · duplicate_books · single_books · no_snapshots · snapshots · frames_arrays
              frames_objects · stamps_seconds · stamps_millis · stamps_mixed · empty_strings · full_strings · sparse_strings
    market    book_wipe · fine_tick · resolve_yes · resolve_no · resolve_half · close_market

A fault of the next order, read, submit or trade is used up; the others hold until undone. Faults of a market strike the named
one, else the busiest that is open; those of an account strike every account.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import get_args

from trading.clock import SECOND
from trading.sim.polymarket import PolymarketSim
from trading.sim.polymarket_contracts import MAX_UINT256
from trading.sim.polymarket_gate import FAULTS, READ_FAULTS
from trading.sim.polymarket_relayer import RELAYER_FAULTS
from trading.sim.polymarket_trades import Walk
from trading.units import DOLLAR, ONE, Money, Price

__all__ = ["MARKET_FAULTS", "PolymarketFaults"]

Switch = Callable[[int, str], object]

MARKET_FAULTS = frozenset({"book_wipe", "fine_tick", "resolve_yes", "resolve_no", "resolve_half", "close_market"})
"""Faults that strike one market and may name it by condition id."""


class PolymarketFaults:
    """throw(name, count, market) throws one; names lists them. Raises ValueError where the market cannot take it."""

    def __init__(self, sim: PolymarketSim) -> None:
        self._sim = sim
        self._switches: Mapping[str, Switch] = {
            **{kind: partial(self._repeat, sim.fail_next, kind) for kind in sorted(FAULTS)},
            **{f"read_{kind}": partial(self._repeat, sim.fail_next_read, kind) for kind in sorted(READ_FAULTS)},
            **{f"relayer_{kind}": partial(self._repeat, sim.fail_next_submit, kind) for kind in sorted(RELAYER_FAULTS)},
            **{walk: partial(self._walk, walk) for walk in get_args(Walk) if walk != "ok"},
            **self._engine(),
            **self._account(),
            **self._knobs(),
            **self._markets(),
        }

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._switches)

    def throw(self, name: str, count: int = 1, market: str = "") -> None:
        """count is how often, where that means something; market a condition id, for MARKET_FAULTS only."""
        if market and name not in MARKET_FAULTS:
            raise ValueError(f"polymarket fault {name!r} strikes no single market")
        if market and market not in self._sim.books:
            raise ValueError(f"polymarket has no market {market!r}")
        self._switches[name](count, market)

    @staticmethod
    def _repeat(fail: Callable[[str], None], kind: str, count: int, market: str) -> None:
        for _ in range(count):
            fail(kind)

    def _walk(self, walk: Walk, count: int, market: str) -> None:
        for _ in range(count):
            self._sim.fail_next_trade(walk)

    def _knobs(self) -> Mapping[str, Switch]:
        """Switches that set one setting of the run."""
        values: Mapping[str, tuple[str, object]] = {
            "hashless": ("hashless", True),
            "hashes": ("hashless", False),
            "price_improvement": ("price_improvement", True),
            "no_price_improvement": ("price_improvement", False),
            "hold_blocks": ("hold_blocks", True),
            "hold_delays": ("hold_blocks", False),
            "limits_on": ("limits_enabled", True),
            "limits_off": ("limits_enabled", False),
            "cache_lags": ("cache_follows_chain", False),
            "cache_follows": ("cache_follows_chain", True),
            "geoblock": ("blocked_region", True),
            "no_geoblock": ("blocked_region", False),
            "data_lag": ("data_lag_ns", 60 * SECOND),
            "data_prompt": ("data_lag_ns", 0),
            "duplicate_books": ("duplicate_books", 1.0),
            "single_books": ("duplicate_books", 0.0),
            "no_snapshots": ("snapshot_assets", 0),
            "snapshots": ("snapshot_assets", 500),
            "frames_arrays": ("array_frames", 1.0),
            "frames_objects": ("array_frames", 0.0),
            "stamps_seconds": ("seconds_stamps", 1.0),
            "stamps_millis": ("seconds_stamps", 0.0),
            "stamps_mixed": ("seconds_stamps", 0.5),
            "empty_strings": ("sparse_events", 1.0),
            "full_strings": ("sparse_events", 0.0),
            "sparse_strings": ("sparse_events", 0.5),
        }
        return {name: partial(self._set, field, value) for name, (field, value) in values.items()}

    def _set(self, field: str, value: object, count: int, _: str) -> None:
        setattr(self._sim.settings, field, value)

    def _engine(self) -> Mapping[str, Switch]:
        sim = self._sim
        return {
            "drop_sessions": lambda count, _: sim.drop_sessions(),
            "freeze": lambda count, _: sim.freeze_streams(True),
            "thaw": lambda count, _: sim.freeze_streams(False),
            "restart": lambda count, _: sim.restart(),
            "post_only": lambda count, _: sim.set_mode("post_only"),
            "cancel_only": lambda count, _: sim.set_mode("cancel_only"),
            "disabled": lambda count, _: sim.set_mode("disabled"),
            "normal": lambda count, _: sim.set_mode("normal"),
            "heartbeat_expiry": lambda count, _: sim.expire_heartbeats(),
        }

    def _account(self) -> Mapping[str, Switch]:
        """Switches of every account; finite_allowance and deposit take whole dollars as their count."""
        sim = self._sim

        def each(do: Callable[[str], None]) -> Switch:
            def switch(count: int, _: str) -> None:
                for owner in sim.owners():
                    do(owner)

            return switch

        def phantom(owner: str) -> None:
            sim.reserve_phantom(owner, Money(sim.account_view(owner).cash // 2))

        def finite(count: int, _: str) -> None:
            for owner in sim.owners():
                sim.set_allowance(owner, count * DOLLAR)

        def deposit(count: int, _: str) -> None:
            for owner in sim.owners():
                sim.deposit(owner, Money(count * DOLLAR))

        return {
            "stale_cache": each(sim.stale_cache),
            "fresh_cache": each(sim.fresh_cache),
            "phantom": each(phantom),
            "no_phantom": each(lambda owner: sim.reserve_phantom(owner, Money(0))),
            "no_allowance": each(lambda owner: sim.set_allowance(owner, 0)),
            "full_allowance": each(lambda owner: sim.set_allowance(owner, MAX_UINT256)),
            "finite_allowance": finite,
            "deposit": deposit,
            "closed_only": each(lambda owner: sim.restrict(owner, closed_only=True)),
            "banned": each(lambda owner: sim.restrict(owner, banned=True)),
            "unrestricted": each(sim.restrict),
        }

    def _markets(self) -> Mapping[str, Switch]:
        sim = self._sim

        def on(do: Callable[[str], object]) -> Switch:
            return lambda count, market: do(market or sim.busiest())

        return {
            "book_wipe": on(sim.wipe_book),
            "fine_tick": on(lambda market: sim.change_tick(market, Price(10))),
            "resolve_yes": on(lambda market: sim.resolve(market, ONE)),
            "resolve_no": on(lambda market: sim.resolve(market, Price(0))),
            "resolve_half": on(lambda market: sim.resolve(market, Price(ONE // 2))),
            "close_market": on(sim.close_market),
        }
