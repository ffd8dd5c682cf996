"""The unmodified edges in virtual time: our HTTP pool, websockets and the simulators' aiohttp server over transports in memory.

The loop's create_connection and create_server know no sockets: bytes go from one protocol to the other a moment later. A process
that dies takes its transports with it.
"""

import asyncio
import contextvars
import socket
from collections.abc import Callable
from typing import Any

from breaks import Breaks
from plant import Plant
from virtual import VirtualLoop
from wires import _OWNER, Life

from trading.sim.core import Request, Response
from trading.sim.server import SimServer

WAY_S = 0.003


class MemoryTransport(asyncio.Transport):
    """One end of a connection. Bytes arrive in order; abort() is heard by the other end as a lost connection."""

    def __init__(self, loop: VirtualLoop, protocol: asyncio.BaseProtocol, port: int, owner: Life | None) -> None:
        super().__init__({"peername": ("127.0.0.1", port), "sockname": ("127.0.0.1", port), "socket": None})
        self._loop, self._protocol, self._owner = loop, protocol, owner
        self.peer: MemoryTransport | None = None
        self._closing = self._lost = self._paused = False
        self._held: list[bytes | None] = []
        self._last = 0.0

    def _due(self) -> float:
        self._last = max(self._loop.time() + WAY_S, self._last + 1e-7)
        return self._last

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing and self.peer is not None and (self._owner is None or self._owner.alive):
            self._loop.call_at(self._due(), self.peer.arrive, bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def arrive(self, data: bytes | None) -> None:
        """None = the other end is gone."""
        if self._lost or (self._owner is not None and not self._owner.alive):
            return
        if self._paused:
            self._held.append(data)
        elif data is None:
            self.abort()
        else:
            self._protocol.data_received(data)  # type: ignore[attr-defined]  # every protocol here is a streaming one

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        held, self._held = self._held, []
        for data in held:
            self._loop.call_soon(self.arrive, data)

    def is_reading(self) -> bool:
        return not self._paused

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if self.peer is not None:
                self._loop.call_at(self._due(), self.peer.arrive, None)
            self._loop.call_soon(self._end)

    def abort(self) -> None:
        self.close()

    def _end(self) -> None:
        if not self._lost:
            self._lost = True
            if self._owner is None or self._owner.alive:
                self._protocol.connection_lost(None)

    def is_closing(self) -> bool:
        return self._closing

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever buffered."""

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol


class FakeSocket:
    """What aiohttp asks of a bound socket."""

    family = socket.AF_INET

    def __init__(self, port: int) -> None:
        self._port = port

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", self._port


class MemoryServer:
    """What loop.create_server gives."""

    def __init__(self, port: int, close: Callable[[], None]) -> None:
        self._close = close
        self.sockets = (FakeSocket(port),)

    def close(self) -> None:
        self._close()

    async def wait_closed(self) -> None:
        return None


class MemoryLoop(VirtualLoop):
    """A virtual loop on which ports are entries of a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self._ports: dict[int, tuple[Callable[[], asyncio.BaseProtocol], Life | None, Any]] = {}
        self.transports: list[MemoryTransport] = []

    async def create_server(self, factory: Any, host: Any = None, port: Any = None, *, sock: Any = None, **_: Any) -> Any:
        number = int(sock.getsockname()[1] if sock is not None else port)
        self._ports[number] = (factory, _OWNER.get(), contextvars.copy_context())

        def close() -> None:
            self._ports.pop(number, None)

        return MemoryServer(number, close)

    async def create_connection(self, factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        await asyncio.sleep(WAY_S)
        known = self._ports.get(int(port))
        if known is None or (known[1] is not None and not known[1].alive):
            raise ConnectionRefusedError(f"nobody listens on port {port}")
        far = MemoryTransport(self, (answering := known[2].copy().run(known[0])), int(port), known[1])
        near = MemoryTransport(self, (asking := factory()), int(port), _OWNER.get())
        near.peer, far.peer = far, near
        self.transports = [one for one in self.transports if not one._lost] + [near, far]
        known[2].copy().run(answering.connection_made, far)
        asking.connection_made(near)
        return near, asking

    def hang_up(self, life: Life) -> None:
        """The system closes the sockets of a process that died, and nobody listens on its ports."""
        for one in self.transports:
            if one._owner is life and one.peer is not None:
                self.call_soon(one.peer.arrive, None)
        self._ports = {port: row for port, row in self._ports.items() if row[1] is not life}


class Porch:
    """A venue core as the server knows it; each order write passes the door's book first."""

    def __init__(self, plant: Plant, venue: str) -> None:
        self._plant, self._door = plant, plant.doors[venue]

    def handle(self, request: Request) -> Response:
        key, known = "", (True, 60.0)
        if self._door.is_order(request):
            key = self._door.key(request)
            known = (any(self._plant.promises(name).order(key) is not None for name in self._plant.names), 60.0)
        return self._door.handle(request, "", key, known)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._door.core, name)


async def serve(plant: Plant) -> None:
    """Open both venues' ports, on the server of the product's own simulators."""
    loop = plant.loop
    assert isinstance(loop, MemoryLoop)
    plant.gone = loop.hang_up
    kalshi, polymarket = Porch(plant, "kalshi"), Porch(plant, "polymarket")
    server = SimServer(kalshi=kalshi, polymarket=polymarket, clock=plant.clock)  # type: ignore[arg-type]  # proxies of both
    plant.driver = server._driver
    for door in plant.doors.values():
        door._poke = plant.driver.poke
    await server.start(FakeSocket(1), FakeSocket(2))  # type: ignore[arg-type]  # what the loop asks of a socket


class EdgeBreaks(Breaks):
    """What can break under real edges: connections, venues, disks, clocks, processes."""

    def throw(self) -> None:
        kind = self.rng.choice(("connection", "connection", "venue", "disk", "clock", "crash", "crash"))
        name = self._connection() if kind == "connection" else getattr(self, f"_{kind}")()
        self.plant.faults[name] += 1
        self.plant.note("broken", name)
        self.plant.driver.poke()

    def _connection(self) -> str:
        loop = self.plant.loop
        assert isinstance(loop, MemoryLoop)
        for one in self.rng.sample(loop.transports, min(4, len(loop.transports))):
            loop.call_later(self.rng.uniform(0, 0.5), one.abort)
        return "connections cut"
