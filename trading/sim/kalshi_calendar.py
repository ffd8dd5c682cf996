"""When the simulated Kalshi works: status, weekly schedule, announcements and the Thursday maintenance (kalshi.md 4).

The maintenance window pauses trading and cuts every stream about once a minute; when it ends the books' clocks have gone back.
It runs by the clock only when the rules say so, so that a test or a demo does not depend on the day of the week; a fault starts
and ends it by hand.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from trading.clock import SECOND, Clock
from trading.sim.kalshi_data import KalshiRules, write_time
from trading.sim.kalshi_markets import MarketTable
from trading.sim.timers import Timers
from trading.units import WallNs

__all__ = ["Calendar"]

Row = dict[str, Any]

_EASTERN = ZoneInfo("America/New_York")
_SHARDS = {0: "Default", 1: "Combos", 2: "Crypto", 3: "Tennis, Baseball, Basketball"}
_CUT_EVERY_NS = 61 * SECOND  # seen through the window of 2026-10-01
_LENGTH = timedelta(hours=2)


class Calendar:
    """paused_trading, paused_exchange and transfers_stopped are read from those who enforce them."""

    def __init__(
        self,
        clock: Clock,
        table: MarketTable,
        timers: Timers,
        rules: KalshiRules,
        paused_trading: set[int],
        paused_exchange: set[int],
        transfers_stopped: Callable[[], bool],
    ) -> None:
        self._clock = clock
        self._table = table
        self._timers = timers
        self._rules = rules
        self._paused_trading = paused_trading
        self._paused_exchange = paused_exchange
        self._transfers_stopped = transfers_stopped
        self.pause_trading: Callable[[bool], None] = lambda paused: None
        self.cut_streams: Callable[[], object] = lambda: None
        self.announcements: list[Row] = []
        """Rows of GET /exchange/announcements: type, message, delivery_time, status."""
        self.status_code = 200
        """HTTP status of GET /exchange/status, whose body comes with 500, 503 and 504 too."""
        self.resume_at: WallNs | None = None
        self._in_window = 0
        self._arm()

    # ── reads ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def status(self) -> Row:
        shards = [self._shard_status(shard) for shard in self._table.shards]
        top = {key: value for key, value in shards[0].items() if key not in ("exchange_index", "description")}
        if self.resume_at is not None:
            top["exchange_estimated_resume_time"] = write_time(self.resume_at)
        return {**top, "exchange_index_statuses": shards}

    def _shard_status(self, shard: int) -> Row:
        active = shard not in self._paused_exchange
        return {
            "exchange_index": shard,
            "description": _SHARDS.get(shard, f"Shard {shard}"),
            "exchange_active": active,
            "trading_active": active and shard not in self._paused_trading,
            "intra_exchange_transfers_active": active and not self._transfers_stopped(),
        }

    def schedule(self) -> Row:
        """Round the clock but for Thursday 03:00 to 05:00 Eastern, with the next such window."""
        start = self._next_window()
        whole = [{"open_time": "00:00", "close_time": "00:00"}]
        thursday = [{"open_time": "00:00", "close_time": "03:00"}, {"open_time": "05:00", "close_time": "00:00"}]
        days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        week: Row = {day: thursday if day == "thursday" else whole for day in days}
        week.update(start_time="2026-01-01T05:00:00Z", end_time="2030-01-01T05:00:00Z")
        window = {"start_datetime": _utc(start), "end_datetime": _utc(start + _LENGTH)}
        return {"schedule": {"standard_hours": [week], "maintenance_windows": [window]}}

    def announced(self) -> Row:
        return {"announcements": self.announcements}

    # ── Thursday ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, until: WallNs | None = None) -> None:
        """Start the maintenance now: trading pauses and streams are cut at once and every 61 s until end()."""
        self._in_window += 1
        self.resume_at = until
        self.pause_trading(True)
        self._cut(self._in_window)

    def end(self) -> None:
        """Trading goes on; every book's clock has gone back."""
        self._in_window += 1
        self.resume_at = None
        for market in self._table.markets.values():
            market.clock //= 2
        self.pause_trading(False)

    def _cut(self, window: int) -> None:
        if window == self._in_window:
            self.cut_streams()
            self._timers.after(_CUT_EVERY_NS, lambda: self._cut(window))

    def _arm(self) -> None:
        if self._rules.thursday:
            start = _wall(self._next_window())
            self._timers.at_wall(start, self._by_clock)

    def _by_clock(self) -> None:
        stop = WallNs(self._clock.wall_ns() + int(_LENGTH.total_seconds()) * SECOND)
        if self._rules.thursday:
            self.begin(stop)

            def over() -> None:
                self.end()
                self._arm()

            self._timers.at_wall(stop, over)

    def _next_window(self) -> datetime:
        """Start of the window that is running or comes next."""
        now = datetime.fromtimestamp(self._clock.wall_ns() // SECOND, UTC).astimezone(_EASTERN)
        start = (now + timedelta(days=(3 - now.weekday()) % 7)).replace(hour=3, minute=0, second=0, microsecond=0)
        return start + timedelta(days=7) if start + _LENGTH <= now else start


def _wall(moment: datetime) -> WallNs:
    return WallNs(int(moment.timestamp()) * SECOND)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
