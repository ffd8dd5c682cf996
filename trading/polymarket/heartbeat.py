"""The dead man's switch over an API key's resting orders, kept from going off (polymarket.md 7.2).

    off ─► send "" ─► armed ─► every 5 s the id that came last ─► ...
                         └ 10 s without an accepted one ─► lapsed: the venue tries to cancel every order of the key

The first accepted send arms it and nothing disarms it, for all processes of the key: so there is one heartbeater per key, and none
at all where no order ever rests. A refused id is answered with the right one, which is sent at once; the venue's deadline runs on.
"""

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from trading.clock import SECOND, Clock
from trading.errors import Misuse, ModeClosed, UnknownOutcome, VenueError
from trading.http import Response
from trading.log import get_logger
from trading.polymarket.rest import PolymarketRest, Sleep, error_for
from trading.polymarket.wire import bad, decode
from trading.units import MonoNs

__all__ = ["Heartbeat", "HeartbeatStatistics"]

_log = get_logger(__name__)

_PATH = "/v1/heartbeats"
PERIOD_S = 5.0
LIMIT_NS = 10 * SECOND
_RETRY_S = 1.0
_TIMEOUT_S = 3.0
_CORRECTIONS = 3
_beating: set[str] = set()
"""API keys with a running heartbeater in this process."""


class HeartbeatStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """accepted and failed count sends; lapses count the times the venue may have cancelled everything."""

    armed: bool
    accepted: int
    failed: int
    lapses: int


class Heartbeat:
    """One per API key. on_lapse is told when the limit has passed: every resting order of the key is then in doubt."""

    def __init__(
        self,
        rest: PolymarketRest,
        api_key: str,
        clock: Clock,
        *,
        on_lapse: Callable[[str], None] = lambda why: None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._rest = rest
        self._key = api_key
        self._clock = clock
        self._on_lapse = on_lapse
        self._sleep = sleep
        self._next = ""
        self._accepted_at: MonoNs | None = None
        self._accepted = self._failed = self._lapses = 0

    async def run(self) -> None:
        """Arm, and beat until cancelled. Raises Misuse when this key is beaten for already, VenueError when it is refused."""
        if self._key in _beating:
            raise Misuse("this API key has a heartbeater already; two of them refuse each other's ids")
        _beating.add(self._key)
        try:
            while True:
                await self._sleep(PERIOD_S if await self.beat() else _RETRY_S)
        finally:
            _beating.discard(self._key)

    async def beat(self) -> bool:
        """One accepted send, or False when it has to be tried again soon. Raises Rejected when the key itself is refused."""
        now = self._clock.mono_ns()
        if self._accepted_at is not None and now - self._accepted_at > LIMIT_NS:
            self._lapse(now - self._accepted_at)
        try:
            await self._send()
        except (UnknownOutcome, ModeClosed) as exc:
            return self._fail(exc)
        except VenueError as exc:
            if self._definite(exc):
                raise
            return self._fail(exc)
        self._accepted += 1
        self._accepted_at = now  # from before the send: the venue's count begins no earlier than that
        return True

    @staticmethod
    def _definite(error: VenueError) -> bool:
        """Whether sending again is of no use: key, clock or place."""
        return error.code in ("unauthorized", "no_credentials", "forbidden", "banned", "geoblocked")

    def _fail(self, error: VenueError) -> bool:
        self._failed += 1
        _log.warning("polymarket_heartbeat_failed", failures=self._failed, error=str(error))
        return False

    def _lapse(self, silent_ns: int) -> None:
        """The registration is gone with the orders: begin anew, and say so."""
        self._lapses += 1
        self._accepted_at = None
        self._next = ""
        why = f"no heartbeat was accepted for {silent_ns / SECOND:.0f} s; the venue may have cancelled every resting order"
        _log.error("polymarket_heartbeat_lapsed", why=why)
        self._on_lapse(why)

    async def _send(self) -> None:
        for _ in range(_CORRECTIONS):
            body = msgspec.json.encode({"heartbeat_id": self._next})
            headers = self._rest.signed_headers("POST", _PATH, body)
            answer = await self._rest.write("POST", _PATH, body, headers, timeout_s=_TIMEOUT_S)
            error = error_for(answer)
            expected = _expected(answer)
            if error is None:
                if not expected:
                    raise bad("bad_heartbeat", "the answer names no heartbeat_id")
                self._next = expected
                return
            if answer.status != 400 or expected is None:
                raise error
            self._next = expected  # a refused send refreshes nothing: the right one goes at once
        raise bad("heartbeat_ids", f"{_CORRECTIONS} ids in a row were refused; another process may beat for this key")

    def statistics(self) -> HeartbeatStatistics:
        return HeartbeatStatistics(
            armed=self._accepted_at is not None, accepted=self._accepted, failed=self._failed, lapses=self._lapses
        )


def _expected(answer: Response) -> str | None:
    """The heartbeat_id of an answer, "" where the venue expects a first send, None when it names none."""
    try:
        row = decode(answer.body)
    except VenueError:
        return None
    name = row.get("heartbeat_id") if isinstance(row, Mapping) else None
    return name if isinstance(name, str) else None
