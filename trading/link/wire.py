"""The link's WebSocket as callbacks, so that a frame goes from the socket to its handler without a task in between.

A wire never blocks: what the kernel does not take at once is buffered, and a peer that leaves too much unread is dropped (a
half-open socket would otherwise fill memory). Feeds read in a loop and use trading.stream; the link answers (distributed.md 4.3).
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

__all__ = ["Accept", "LinkDial", "LinkWire", "Listener", "Serving"]


class LinkWire(Protocol):
    """One open connection. peer is the IP:port at its other end, as this process sees it."""

    peer: str

    def open(self, frame: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        """Deliver frames from now on, those that waited first; lost is called once, with the reason."""

    def send(self, data: bytes) -> None:
        """Write one frame. Raises Disconnected on a wire that is closed or too far behind."""

    def close(self, code: int = 1000) -> None:
        """Say goodbye after what was sent before; lost is called in any case."""


Accept = Callable[[LinkWire], Awaitable[None]]
"""Called with each new connection, which ends when it returns."""


class Serving(Protocol):
    """A running listener. port is the one it got."""

    port: int

    async def close(self) -> None: ...


class Listener(Protocol):
    """Opens the controller's door. Raises SettingsError when the address cannot be bound."""

    async def listen(self, host: str, port: int, accept: Accept) -> Serving: ...


class LinkDial(Protocol):
    """Opens one connection to a controller. Raises Disconnected when nobody answers as one."""

    async def connect(self, url: str) -> LinkWire: ...
