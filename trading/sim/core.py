"""The shape of a simulated venue: it answers requests and frames without I/O, so a server or a virtual-time loop can carry it.

A shell (server.py, or a virtual-time loop) asks latency() first, waits, calls handle(), waits again and sends the answer. It calls
advance() whenever next_due() has passed: holds, settlement walks, heartbeats and order flow happen there. Streams are Sessions: the
core fills outbox and calls wake; the shell sends.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from trading.sim.exchange import MatchingBook, Order, Side
from trading.units import MonoNs, Price, Size

__all__ = ["Arrival", "Refusal", "Request", "Response", "Session", "VenueCore"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it stood on the wire. path is percent-encoded and without query; headers are lower-case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """The answer. drop True: the shell closes the connection without answering (an unknown outcome)."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False


@dataclass(slots=True)
class Session:
    """One WebSocket. closed is the close code once the core ends it."""

    id: int
    outbox: deque[str] = field(default_factory=deque)
    wake: Callable[[], None] = lambda: None
    closed: int | None = None
    frozen: bool = False
    """Fault: pongs go on, data stops."""
    pings: bool = True
    """Whether the shell sends its protocol pings; False is a fault."""

    def send(self, frame: str) -> None:
        if self.closed is None and not self.frozen:
            self.outbox.append(frame)
            self.wake()

    def close(self, code: int = 1001) -> None:
        if self.closed is None:
            self.closed = code
            self.wake()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A WebSocket upgrade that is answered with an HTTP status."""

    response: Response


Arrival = Callable[[str, Order], None]
"""Called with (market, order) just before an account's order meets the book: competitors may be faster (flow.py, script.py)."""


class VenueCore(Protocol):
    """A simulated venue. Markets are named by Kalshi ticker or Polymarket condition id; prices are YES-leg (outcome 0)."""

    name: str
    arrival: Arrival | None

    @property
    def books(self) -> Mapping[str, MatchingBook]: ...

    def latency(self, request: Request) -> tuple[int, int]:
        """(before, after) the matching engine in ns; (0, 0) for reads is fine."""

    def handle(self, request: Request) -> Response: ...

    def connect(self, request: Request) -> Session | Refusal:
        """A WebSocket upgrade at request.path."""

    def on_frame(self, session: Session, text: str) -> None: ...
    def on_close(self, session: Session) -> None: ...

    def advance(self) -> None:
        """Do everything due by now (the clock is given at construction)."""

    def next_due(self) -> MonoNs | None: ...

    def customer_rest(self, market: str, side: Side, price: Price, size: Size, owner: str = "flow") -> str:
        """Rest an order of another customer (no money checks); returns its id."""

    def customer_cancel(self, order_id: str) -> None: ...

    def customer_take(self, market: str, side: Side, limit: Price, size: Size, owner: str = "flow") -> Size:
        """Another customer takes liquidity; returns what was filled."""

    def drop_sessions(self, code: int = 1006) -> int:
        """Cut every stream (fault); returns how many."""
