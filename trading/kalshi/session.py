"""Dialling a Kalshi WebSocket: the signed upgrade, and how long to wait before the next one.

Full-jitter back-off keeps many sockets from returning together after maintenance; a refused key is retried ever more
slowly and said once: a hot loop of bad signatures helps nobody, but a clock that was set right must not cost a minute.
"""

from urllib.parse import urlsplit

from trading.clock import Clock
from trading.errors import AuthFailed
from trading.ids import Ids
from trading.kalshi.sign import KalshiSigner
from trading.log import get_logger
from trading.stream import Dialer, Wire

__all__ = ["Redial", "dial"]

_log = get_logger(__name__)

_BASE_S = 0.5
_CAP_S = 30.0
_AUTH_BASE_S, _AUTH_CAP_S = 5.0, 60.0


async def dial(dialer: Dialer, url: str, signer: KalshiSigner, clock: Clock) -> Wire:
    """Open a socket with the three access headers (kalshi.md 2). Raises AuthFailed and Disconnected."""
    return await dialer.connect(url, signer.headers("GET", urlsplit(url).path, clock.wall_ns()))


class Redial:
    """The pauses of one socket that keeps coming back. name says which socket in the log."""

    def __init__(self, ids: Ids, name: str) -> None:
        self._ids = ids
        self._name = name
        self._failures = 0
        self._refused = 0

    def apply_success(self) -> None:
        """The socket delivered data: the next loss starts again with a short pause."""
        self._failures = 0
        self._refused = 0

    def delay_s(self, error: Exception) -> float:
        """Seconds to wait after this failure."""
        if isinstance(error, AuthFailed):
            pause = min(_AUTH_CAP_S, _AUTH_BASE_S * 2.0 ** min(self._refused, 16))
            self._refused += 1
            if self._refused == 1:
                _log.error(
                    "kalshi_key_refused",
                    socket=self._name,
                    detail=error.detail,
                    next="check key id, private key, scopes and the clock, then run doctor",
                    retry_s=pause,
                )
            return pause
        ceiling = min(_CAP_S, _BASE_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        share = int.from_bytes(self._ids.random(4)) / 2**32
        return ceiling * share
