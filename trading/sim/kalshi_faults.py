"""Every fault of the simulated Kalshi by name: one call of the core's own switch each, to be thrown while it runs.

    writes    429 · 503 · 500_before_accept · drop_before_accept · 200_error · drop_after_accept · 500_after_accept
              400_after_accept · wrong_echo
    reads     read_429 · read_500 · read_503 · read_drop · status_503 · status_200 · list_lag · list_prompt
              money_lag · money_prompt
    streams   drop_sessions · freeze · thaw · gap · repeat · reset · slow_reader · channel_error · command_limit · command_timeout
              stop_heartbeat · resume_heartbeat · frames_late · frames_prompt · frames_race · commands_mixed · commands_prompt
    exchange  pause · resume · pause_exchange · resume_exchange · stop_transfers · resume_transfers · thursday · thursday_over
              lapse_attestation · attest · clock_back
    market    early_close · deactivate · reactivate · determine_yes · determine_no · scalar · dispute · amend · settle · finer_grid
              fee_change

Faults of a market strike the named one, else the busiest that is open; dispute, amend and settle go on with the last one struck.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import get_args

from trading.clock import MS
from trading.sim.kalshi import KalshiSim
from trading.sim.kalshi_data import FailKind, ReadFailKind
from trading.units import Price

__all__ = ["MARKET_FAULTS", "KalshiFaults"]

_ATTESTED = 4_102_444_800
_FINE = ({"start": "0.0000", "end": "1.0000", "step": "0.0010"},)

MARKET_FAULTS = frozenset(
    {
        *("early_close", "deactivate", "reactivate", "determine_yes", "determine_no", "scalar"),
        *("dispute", "amend", "settle", "finer_grid", "fee_change"),
    }
)
"""Faults that strike one market and may name it."""


class KalshiFaults:
    """throw(name, count, market) throws one; names lists them. Raises ValueError where the market cannot take it."""

    def __init__(self, sim: KalshiSim) -> None:
        self._sim = sim
        self._struck = ""
        self._switches: Mapping[str, Callable[[int, str], object]] = {
            **{kind: partial(self._write, kind) for kind in get_args(FailKind)},
            **{f"read_{kind}": partial(self._read, kind) for kind in get_args(ReadFailKind)},
            **self._streams(),
            **self._exchange(),
            **self._markets(),
        }

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._switches)

    def throw(self, name: str, count: int = 1, market: str = "") -> None:
        """count is how often, where that means something; market a ticker, for MARKET_FAULTS only."""
        if market and name not in MARKET_FAULTS:
            raise ValueError(f"kalshi fault {name!r} strikes no single market")
        if market and market not in self._sim.books:
            raise ValueError(f"kalshi has no market {market!r}")
        self._switches[name](count, market)

    def _write(self, kind: FailKind, count: int, _: str) -> None:
        self._sim.fail_next(kind, count)

    def _read(self, kind: ReadFailKind, count: int, _: str) -> None:
        self._sim.fail_next_read(kind, count)

    def _streams(self) -> Mapping[str, Callable[[int, str], object]]:
        sim, hub, rules = self._sim, self._sim.hub, self._sim.rules

        def refuse(code: int, count: int) -> None:
            for sub in hub.all():
                sub.refuse += [code] * count

        def end(code: int) -> None:
            for sub in hub.all():
                hub.fail(sub, code)

        def late(share: float) -> None:
            rules.private_late = share

        def lag(low: int, high: int) -> None:
            rules.list_lag_ns = low * MS, high * MS

        def mixed(high: int) -> None:
            rules.ws_command_lag_ns = 0, high * MS

        return {
            "drop_sessions": lambda count, _: sim.drop_sessions(),
            "freeze": lambda count, _: sim.freeze_streams(True),
            "thaw": lambda count, _: sim.freeze_streams(False),
            "gap": lambda count, _: sim.skip_seq(count),
            "repeat": lambda count, _: sim.repeat_seq(count),
            "reset": lambda count, _: sim.reset_seq(),
            "slow_reader": lambda count, _: end(25),
            "channel_error": lambda count, _: end(10),
            "command_limit": lambda count, _: refuse(27, count),
            "command_timeout": lambda count, _: refuse(18, count),
            "stop_heartbeat": lambda count, _: hub.mute_pings(True),
            "resume_heartbeat": lambda count, _: hub.mute_pings(False),
            "frames_late": lambda count, _: late(1.0),
            "frames_prompt": lambda count, _: late(0.0),
            "frames_race": lambda count, _: late(0.5),
            "commands_mixed": lambda count, _: mixed(200),
            "commands_prompt": lambda count, _: mixed(0),
            "list_lag": lambda count, _: lag(200, 1_500),
            "list_prompt": lambda count, _: lag(0, 0),
            "money_lag": lambda count, _: sim.lag_money(True),
            "money_prompt": lambda count, _: sim.lag_money(False),
        }

    def _exchange(self) -> Mapping[str, Callable[[int, str], object]]:
        sim = self._sim

        def status(code: int) -> None:
            sim.calendar.status_code = code

        def transfers(stopped: bool) -> None:
            sim.transfers.stopped = stopped

        return {
            "status_503": lambda count, _: status(503),
            "status_200": lambda count, _: status(200),
            "pause": lambda count, _: sim.pause_trading(True),
            "resume": lambda count, _: sim.pause_trading(False),
            "pause_exchange": lambda count, _: sim.pause_exchange(True),
            "resume_exchange": lambda count, _: sim.pause_exchange(False),
            "stop_transfers": lambda count, _: transfers(True),
            "resume_transfers": lambda count, _: transfers(False),
            "thursday": lambda count, _: sim.calendar.begin(),
            "thursday_over": lambda count, _: sim.calendar.end(),
            "lapse_attestation": lambda count, _: sim.attest(1),
            "attest": lambda count, _: sim.attest(_ATTESTED),
            "clock_back": lambda count, _: sim.clock_back(),
        }

    def _markets(self) -> Mapping[str, Callable[[int, str], object]]:
        sim = self._sim
        return {
            "early_close": lambda count, name: sim.close_market(self._open(name)),
            "deactivate": lambda count, name: sim.deactivate(self._open(name)),
            "reactivate": lambda count, name: sim.activate(self._last(name)),
            "determine_yes": lambda count, name: sim.determine(self._open(name), "yes"),
            "determine_no": lambda count, name: sim.determine(self._open(name), "no"),
            "scalar": lambda count, name: sim.determine(self._open(name), "scalar", Price(5_000)),
            "dispute": lambda count, name: sim.dispute(self._last(name)),
            "amend": lambda count, name: sim.amend_result(self._last(name)),
            "settle": lambda count, name: sim.settle(self._last(name)),
            "finer_grid": lambda count, name: sim.set_grid(self._open(name), _FINE, "deci_cent"),
            "fee_change": lambda count, name: sim.set_event_fees(sim.event_of(self._open(name)), "quadratic", 2),
        }

    def _open(self, market: str) -> str:
        self._struck = market or self._sim.busiest()
        return self._struck

    def _last(self, market: str) -> str:
        self._struck = market or self._struck or self._sim.busiest()
        return self._struck
