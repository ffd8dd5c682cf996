"""What the aiohttp form of Http promises: cold sockets are counted, and an error says whether anything was sent."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from trading.errors import UnknownOutcome, Unreachable
from trading.http import AiohttpHttp, HttpStatistics

OK = b"HTTP/1.1 200 OK\r\nX-Name: Value\r\nContent-Length: 2\r\n\r\nhi"
BYE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"


class Peer:
    """A server on loopback that answers each request with the next of answers; None cuts the connection instead."""

    def __init__(self) -> None:
        self.answers: list[bytes | None] = []
        self.url = ""
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                answer = self.answers.pop(0)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
                if answer is BYE:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    server = Peer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def http() -> AsyncIterator[AiohttpHttp]:
    made = AiohttpHttp("venue")
    yield made
    await made.close()


def counted(http: AiohttpHttp) -> tuple[int, int, int]:
    stats: HttpStatistics = http.statistics()
    return stats.requests, stats.opened, stats.cold_writes


async def test_write_on_a_warm_socket_is_not_cold(peer: Peer, http: AiohttpHttp) -> None:
    """A read warms the socket; the order after it opens nothing."""
    peer.answers = [OK, OK]
    answer = await http.request("GET", peer.url, {}, None, timeout_s=5)
    await http.request("POST", peer.url, {}, None, timeout_s=5)

    assert (answer.status, answer.headers["x-name"], answer.body) == (200, "Value", b"hi")
    assert counted(http) == (2, 1, 0)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_write_that_opens_its_socket_is_counted_cold(peer: Peer, http: AiohttpHttp, method: str) -> None:
    """Every kind of write counts, a read never does."""
    peer.answers = [BYE, BYE]
    await http.request(method, peer.url, {}, None, timeout_s=5)
    await http.request("GET", peer.url, {}, None, timeout_s=5)

    assert counted(http) == (2, 2, 1)


async def test_refused_connection_is_unreachable(peer: Peer, http: AiohttpHttp) -> None:
    """Nothing was sent: the caller may try again; the connection that was begun counts."""
    await peer.stop()
    with pytest.raises(Unreachable):
        await http.request("POST", peer.url, {}, None, timeout_s=5)

    assert counted(http) == (1, 1, 1)


async def test_cut_after_sending_is_an_unknown_outcome(peer: Peer, http: AiohttpHttp) -> None:
    """The order may have arrived, and it was sent once: a cut socket never repeats a POST."""
    peer.answers = [OK, None, OK]
    await http.request("GET", peer.url, {}, None, timeout_s=5)
    with pytest.raises(UnknownOutcome):
        await http.request("POST", peer.url, {}, None, timeout_s=5)

    assert peer.answers == [OK]
    assert counted(http) == (2, 1, 0)
