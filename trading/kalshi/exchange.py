"""The venue itself: is it open, when does it rest, how fresh are its private lists (kalshi.md 4), and what our key may do (2, 10).

Reads only; mode.py decides what they mean for trading.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from trading.clock import SECOND, Clock
from trading.errors import BadAnswer
from trading.kalshi.budget import CostsRow, LimitsRow
from trading.kalshi.rest import KalshiRest
from trading.kalshi.wire_account import StatusRow
from trading.kalshi.wire_market import parse_time
from trading.market import KALSHI
from trading.units import WallNs

__all__ = ["ApiKey", "Exchange", "KeyRights", "Session", "Window", "session_hours", "standing_window"]

_NEW_YORK = "America/New_York"
_THURSDAY = 3
_MAINTENANCE = (time(3), time(5))
"""kalshi.md 4: Thursdays 03:00 to 05:00 Eastern, listed or not."""
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Window(msgspec.Struct, frozen=True):
    """A span in which the venue says it may rest."""

    starts: WallNs
    ends: WallNs

    def holds(self, wall: WallNs) -> bool:
        return self.starts <= wall < self.ends


class Session(msgspec.Struct, frozen=True):
    """Trading hours of one weekday (0 = Monday), HH:MM Eastern."""

    weekday: int
    opens: str
    closes: str


class ApiKey(msgspec.Struct, frozen=True):
    """One API key. subaccount None: not locked to one."""

    api_key_id: str
    name: str = ""
    scopes: tuple[str, ...] = ()
    subaccount: int | None = None


class KeyRights(msgspec.Struct, frozen=True, kw_only=True):
    """What the account's keys may do. attested_until None: the location was never attested (kalshi.md 2: the same as lapsed)."""

    keys: tuple[ApiKey, ...]
    attested_until: WallNs | None

    def attested(self, wall: WallNs) -> bool:
        """Whether Sports, Elections and Entertainment may be traded through keys now."""
        return self.attested_until is not None and wall < self.attested_until

    def missing_scopes(self, key_id: str) -> frozenset[str] | None:
        """Scopes a trader's key lacks; None when the key is not listed."""
        for key in self.keys:
            if key.api_key_id == key_id:
                held = set(key.scopes)
                lacks = set()
                if "read" not in held:
                    lacks.add("read")
                if not held & {"write", "write::trade"}:
                    lacks.add("write::trade")
                return frozenset(lacks)
        return None


class _Hours(msgspec.Struct, frozen=True):
    open_time: str
    close_time: str


class _MaintenanceRow(msgspec.Struct, frozen=True):
    start_datetime: str
    end_datetime: str


class _Schedule(msgspec.Struct, frozen=True):
    standard_hours: tuple[dict[str, object], ...] = ()
    maintenance_windows: tuple[_MaintenanceRow, ...] = ()


class _ScheduleAnswer(msgspec.Struct, frozen=True):
    schedule: _Schedule


class _KeysAnswer(msgspec.Struct, frozen=True):
    api_keys: tuple[ApiKey, ...]
    api_key_region_expiration_ts: int | None = None


class Exchange:
    """Reads about the venue and about our own standing there."""

    def __init__(self, rest: KalshiRest, clock: Clock) -> None:
        self._rest = rest
        self._clock = clock

    async def status(self) -> StatusRow:
        """Whether trading and the exchange are active, per shard: 500, 503 and 504 carry it too. Raises Unreachable, BadAnswer."""
        response = await self._rest.try_read("/exchange/status", timeout_s=5.0)
        try:
            return msgspec.json.decode(response.body, type=StatusRow)
        except msgspec.MsgspecError as exc:
            raise BadAnswer(KALSHI, "bad_status", f"exchange status answered {response.status}") from exc

    async def maintenance(self) -> tuple[Window, ...]:
        """Announced maintenance, soonest first."""
        schedule = (await self._schedule()).schedule
        spans = [(parse_time(row.start_datetime), parse_time(row.end_datetime)) for row in schedule.maintenance_windows]
        return tuple(sorted((Window(a, b) for a, b in spans if a is not None and b is not None), key=lambda one: one.starts))

    async def hours(self) -> tuple[Session, ...]:
        """Standard weekly hours."""
        return session_hours((await self._schedule()).schedule.standard_hours)

    async def _schedule(self) -> _ScheduleAnswer:
        return await self._rest.fetch("/exchange/schedule", _ScheduleAnswer)

    async def limits(self) -> LimitsRow:
        """The account's tier and buckets."""
        return await self._rest.fetch("/account/limits", LimitsRow, private=True)

    async def costs(self) -> CostsRow:
        """Tokens of the endpoints that do not cost the default."""
        return await self._rest.fetch("/account/endpoint_costs", CostsRow)

    async def rights(self) -> KeyRights:
        """The account's keys with their scopes, and until when its location is attested."""
        answer = await self._rest.fetch("/api_keys", _KeysAnswer, private=True)
        until = answer.api_key_region_expiration_ts
        return KeyRights(keys=answer.api_keys, attested_until=None if until is None else WallNs(until * SECOND))


def session_hours(rows: Sequence[dict[str, object]]) -> tuple[Session, ...]:
    """The hours in weekly rows; a row that cannot be read is left out."""
    found = []
    for row in rows:
        for weekday, name in enumerate(_DAYS):
            try:
                hours = msgspec.convert(row.get(name) or (), tuple[_Hours, ...])
            except msgspec.ValidationError:
                continue
            found += [Session(weekday, one.open_time, one.close_time) for one in hours]
    return tuple(found)


def standing_window(wall: WallNs) -> Window | None:
    """The weekly maintenance that holds at this moment, None outside it."""
    zone = ZoneInfo(_NEW_YORK)
    here = datetime.fromtimestamp(wall // SECOND, UTC).astimezone(zone)
    starts, ends = (datetime.combine(here.date(), moment, zone) for moment in _MAINTENANCE)
    if here.weekday() != _THURSDAY or not starts <= here < ends:
        return None
    return Window(WallNs(_ns(starts)), WallNs(_ns(ends)))


def _ns(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(seconds=1) * SECOND
