"""Through a SOCKS5 proxy the link is the same link, its peer is the controller and not the proxy, and every no has its words."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from trading.errors import Disconnected, SettingsError
from trading.link.sockets import LinkDialer, LinkListener, proxy_address
from trading.link.socks import request

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def proxy(speak: Speak) -> AsyncIterator[tuple[str, int]]:
    """A listener on loopback that says what speak says."""

    ends: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(asyncio.Event())
        end = ends[-1]
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await speak(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        end.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield "127.0.0.1", server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for end in ends:
            await end.wait()
        await server.wait_closed()


def tunnel(asked: list[bytes], to: int) -> Speak:
    """A proxy that connects to a port of this machine, whatever it was asked for."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(3) == b"\x05\x01\x00"
        writer.write(b"\x05\x00")
        asked.append(await reader.readexactly(10))
        there, back = await asyncio.open_connection("127.0.0.1", to)
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                sink.write(data)
            sink.close()
            await sink.wait_closed()

        await asyncio.gather(pump(reader, back), pump(there, writer))

    return speak


async def test_frames_pass_and_the_peer_is_the_controller() -> None:
    """The machine that is asked of tailscaled is the one dialled: 100.64.0.1, not the proxy's loopback."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def accept(wire) -> None:
        gone = asyncio.Event()
        wire.open(lambda data: (heard.put_nowait(data), wire.send(b"back " + data))[0], lambda _: gone.set())
        await gone.wait()

    serving = await LinkListener().listen("127.0.0.1", 0, accept)
    asked: list[bytes] = []
    async with proxy(tunnel(asked, serving.port)) as where:
        wire = await LinkDialer(socks5=where).connect("ws://100.64.0.1:9001/link")
        answers: asyncio.Queue[bytes] = asyncio.Queue()
        wire.open(answers.put_nowait, lambda _: None)
        wire.send(b"hello")

        assert (await heard.get(), await answers.get()) == (b"hello", b"back hello")
        assert wire.peer == "100.64.0.1:9001"
        assert asked == [b"\x05\x01\x00\x01\x64\x40\x00\x01\x23\x29"]
        wire.close()
        await serving.close()
        await asyncio.wait_for(wire.gone.wait(), 10)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"\x05\xff", "wants a login"),
        (b"HTTP/1.1 400", "speaks no SOCKS5"),
        (b"\x05\x00\x05\x05\x00\x01", "connection refused"),
        (b"\x05\x00\x05\x02\x00\x01", "not allowed"),
        (b"\x05\x00\x05\x63\x00\x01", "failure 99"),
        (b"\x05\x00\x05\x00\x00\x09", "speaks no SOCKS5"),
        (b"\x05\x00", "closed the connection"),
        (b"", "closed the connection"),
    ],
)
async def test_a_proxy_that_does_not_let_us_through_is_named(said: bytes, words: str) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.write(said)
        writer.write_eof()
        await reader.read()

    async with proxy(speak) as where:
        with pytest.raises(Disconnected, match=words):
            await LinkDialer(socks5=where).connect("ws://100.64.0.1:9001/link")


async def test_a_proxy_that_is_not_there_is_a_lost_connection() -> None:
    async with proxy(lambda reader, writer: asyncio.sleep(0)) as where:
        pass
    with pytest.raises(Disconnected):
        await LinkDialer(socks5=where).connect("ws://100.64.0.1:9001/link")


def test_requests_carry_addresses_and_names_as_they_are() -> None:
    """RFC 1928 section 5."""
    assert request("fd7a:115c:a1e0::1", 9001)[3:5] == b"\x04\xfd"
    assert request("control.tail1.ts.net", 9001)[3:12] == b"\x03\x14control"
    with pytest.raises(Disconnected, match="no name"):
        request("x" * 256, 9001)


def test_the_setting_is_checked_with_the_controllers() -> None:
    """A name would be resolved by the proxy, and nobody could tell whose machine answers."""
    urls = ["ws://100.64.0.1:9001/link"]

    assert proxy_address("", ["ws://control:9001/link"]) is None
    assert proxy_address("localhost:1055", urls) == ("localhost", 1055)
    assert proxy_address("[::1]:1055", urls) == ("::1", 1055)
    for wrong in ("localhost", ":1055", "localhost:0", "user@host:1055", "http://x:1055"):
        with pytest.raises(SettingsError, match="host:port"):
            proxy_address(wrong, urls)
    with pytest.raises(SettingsError, match="tailnet IP address"):
        proxy_address("localhost:1055", ["ws://control:9001/link"])
