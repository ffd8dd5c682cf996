"""What PooledHttp promises: an error says whether anything was sent, a write is sent once, and connections stay warm and whole."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from http_peer import BYE, CUT, OK, SILENT, Act, Peer, few_turns

from trading.errors import Misuse, UnknownOutcome, Unreachable
from trading.http import PooledHttp, Response
from trading.http_pool import Connection, Origin

LONG_S = 60.0
"""Never waited for."""


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    server = Peer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def http() -> AsyncIterator[PooledHttp]:
    made = PooledHttp("venue")
    yield made
    await made.close()


def counted(http: PooledHttp) -> tuple[int, int, int]:
    stats = http.statistics()
    return stats.requests, stats.opened, stats.cold_writes


async def ask(
    http: PooledHttp, peer: Peer, method: str = "GET", *, body: bytes | None = None, timeout_s: float = LONG_S
) -> Response:
    return await http.request(method, peer.url, {}, body, timeout_s=timeout_s)


# -- warm and cold -----------------------------------------------------------------------------------------------------------


async def test_write_on_a_warm_socket_is_not_cold(peer: Peer, http: PooledHttp) -> None:
    """A read warms the socket; the order after it opens nothing."""
    peer.acts.extend([OK, OK])
    answer = await ask(http, peer)
    await ask(http, peer, "POST")

    assert (answer.status, answer.headers["x-name"], answer.body) == (200, "Value", b"hi")
    assert counted(http) == (2, 1, 0)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_write_that_opens_its_socket_is_counted_cold(peer: Peer, http: PooledHttp, method: str) -> None:
    """Every kind of write counts, a read never does."""
    peer.acts.extend([BYE, BYE])
    await ask(http, peer, method)
    await ask(http, peer)

    assert counted(http) == (2, 2, 1)


async def test_request_goes_out_as_it_was_given(peer: Peer, http: PooledHttp) -> None:
    """Target, header and body byte for byte: venues sign over them."""
    peer.acts.append(OK)
    await http.request("POST", f"{peer.url}a%2Fb?c=%20&d=/", {"X-Key": "k"}, b'{"a":1}', timeout_s=LONG_S)
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")

    assert head.startswith(f"POST /a%2Fb?c=%20&d=/ HTTP/1.1\r\nHost: 127.0.0.1:{peer.port}\r\n".encode())
    assert b"\r\nX-Key: k\r\nContent-Length: 7" in head
    assert body == b'{"a":1}'


async def test_url_without_a_path_asks_for_the_root(peer: Peer, http: PooledHttp) -> None:
    """http://host and http://host?query, on the same connection as http://host/."""
    peer.acts.extend([OK, OK, OK])
    for end in ("", "?a=/b", "/"):
        await http.request("GET", f"http://127.0.0.1:{peer.port}{end}", {}, None, timeout_s=LONG_S)

    assert [request.split(b" ")[1] for request in peer.requests] == [b"/", b"/?a=/b", b"/"]
    assert len(peer.lines) == 1


@pytest.mark.parametrize("url", ["ftp://host/", "host/path", "http:///path", "http://user:word@host/", "http://host:port/", ""])
async def test_url_that_is_none_is_misuse(http: PooledHttp, url: str) -> None:
    """Ours to get right, so no venue error."""
    with pytest.raises(Misuse):
        await http.request("GET", url, {}, None, timeout_s=LONG_S)

    assert counted(http)[1] == 0


async def test_redirects_are_answers(peer: Peer, http: PooledHttp) -> None:
    """An order goes where the settings say, or nowhere."""
    peer.acts.append(Act(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n"))
    answer = await ask(http, peer, "POST")

    assert (answer.status, len(peer.requests)) == (307, 1)


async def test_large_bodies_pass_both_ways(peer: Peer, http: PooledHttp) -> None:
    """More than any socket buffer takes at once."""
    body = bytes(range(256)) * 8_000
    peer.acts.append(Act(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body))
    answer = await ask(http, peer, "POST", body=body)

    assert answer.body == body
    assert peer.requests[0].endswith(body)


# -- the pool ----------------------------------------------------------------------------------------------------------------


async def test_requests_at_once_take_a_connection_each(peer: Peer, http: PooledHttp) -> None:
    """One exchange in flight per connection; afterwards all of them are kept."""
    peer.acts.extend([OK] * 10)
    await asyncio.gather(*(ask(http, peer) for _ in range(5)))
    await asyncio.gather(*(ask(http, peer, "POST") for _ in range(5)))

    assert counted(http) == (10, 5, 0)
    assert len(peer.lines) == 5


async def test_writes_take_the_newest_connection_and_reads_the_oldest(peer: Peer, http: PooledHttp) -> None:
    """An order goes where life was seen last; reads go round and keep all connections warm."""
    served: list[int] = []
    peer.acts.extend([SILENT, SILENT])
    both = [asyncio.create_task(ask(http, peer)) for _ in range(2)]
    await peer.until(2)
    for line in peer.lines:
        line.transport.write(OK.data)
        await few_turns()
    await asyncio.gather(*both)
    for method in ("POST", "POST", "GET", "POST", "GET"):
        peer.acts.append(OK)
        before = [line.served for line in peer.lines]
        await ask(http, peer, method)
        served.append(next(number for number, line in enumerate(peer.lines) if line.served > before[number]))

    assert served == [1, 1, 0, 0, 1]


async def test_pool_at_its_limit_makes_requests_wait(peer: Peer) -> None:
    """The third takes its turn when a connection comes back; nothing more is opened."""
    http = PooledHttp("venue", limit=2)
    peer.acts.extend([SILENT, SILENT, OK])
    tasks = [asyncio.create_task(ask(http, peer, "POST")) for _ in range(3)]
    await peer.until(2)
    assert not any(task.done() for task in tasks)
    peer.lines[0].transport.write(OK.data)
    await peer.until(3)
    peer.lines[1].transport.write(OK.data)
    answers = await asyncio.gather(*tasks)

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert counted(http) == (3, 2, 2)
    await http.close()


async def test_connection_lost_at_the_limit_lets_the_next_one_open(peer: Peer) -> None:
    """A slot is never lost with its connection."""
    http = PooledHttp("venue", limit=1)
    peer.acts.extend([CUT, OK])
    first, second = (asyncio.create_task(ask(http, peer, "POST")) for _ in range(2))
    with pytest.raises(UnknownOutcome):
        await first

    assert (await second).status == 200
    await http.close()


async def test_waiting_for_a_turn_ends_in_unreachable(peer: Peer) -> None:
    """Nothing of it was sent; a later request is not held up by the one that gave up."""
    http = PooledHttp("venue", limit=1)
    peer.acts.extend([SILENT, OK])
    first = asyncio.create_task(ask(http, peer, "POST"))
    await peer.until(1)
    with pytest.raises(Unreachable):
        await ask(http, peer, "POST", timeout_s=0)
    peer.lines[0].transport.write(OK.data)
    await first

    assert (await ask(http, peer, "POST")).status == 200
    assert len(peer.requests) == 2
    await http.close()


async def test_turn_of_a_cancelled_request_goes_to_the_next() -> None:
    """Woken and cancelled in the same turn of the loop, it passes the wake-up on."""
    origin = Origin("127.0.0.1", 1, "127.0.0.1:1", None, limit=1)
    first, second = (asyncio.create_task(origin.wait_turn()) for _ in range(2))
    await few_turns()
    origin.forget(Connection(origin))
    first.cancel()
    await asyncio.wait([first, second])

    assert first.cancelled() and not second.cancelled()


# -- connections that are not used again ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [
        Act(BYE.data),
        Act(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
        Act(OK.data + b"more"),
        Act(b"HTTP/1.1 200 OK\r\n\r\nhi", close=True),
    ],
    ids=["close", "1.0", "surplus", "until-close"],
)
async def test_connection_that_may_not_be_reused_is_closed(peer: Peer, http: PooledHttp, act: Act) -> None:
    """The answer stands; the next request opens another."""
    peer.acts.extend([act, OK])
    answer = await ask(http, peer)
    await ask(http, peer)

    assert answer.body == b"hi"
    assert counted(http)[1] == 2
    await peer.lines[0].gone


async def test_idle_connection_closed_by_the_peer_is_dropped(peer: Peer, http: PooledHttp) -> None:
    """The order after it goes out on a new one, and is answered."""
    peer.acts.extend([OK, OK])
    await ask(http, peer)
    peer.lines[0].transport.close()
    await peer.lines[0].gone
    await few_turns()
    answer = await ask(http, peer, "POST")

    assert answer.status == 200
    assert counted(http) == (2, 2, 1)


async def test_bytes_on_an_idle_connection_drop_it(peer: Peer, http: PooledHttp) -> None:
    """An answer nobody asked for would be read as the next order's."""
    peer.acts.extend([OK, OK])
    await ask(http, peer)
    peer.lines[0].transport.write(Act(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n").data)
    await peer.lines[0].gone
    answer = await ask(http, peer, "POST")

    assert answer.status == 200


async def test_connection_idle_too_long_is_not_used(peer: Peer, http: PooledHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue is about to close it, even where the sweep came late."""
    peer.acts.extend([OK, OK])
    await ask(http, peer)
    monkeypatch.setattr("trading.http_pool._IDLE_S", 0.0)
    await ask(http, peer, "POST")

    assert counted(http) == (2, 2, 1)


async def test_idle_connections_are_closed_by_themselves(peer: Peer, http: PooledHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the venue closes them."""
    monkeypatch.setattr("trading.http_pool._IDLE_S", 0.0)
    peer.acts.append(OK)
    await ask(http, peer)

    await peer.lines[0].gone


async def test_early_refusal_of_a_large_body_closes_the_connection(peer: Peer, http: PooledHttp) -> None:
    """The rest of the body is still to be sent, so nothing may follow on this connection; the answer counts."""
    task = asyncio.create_task(ask(http, peer, "POST", body=b"x" * 16_000_000))
    while not peer.lines:
        await asyncio.sleep(0)
    peer.lines[0].transport.pause_reading()
    peer.lines[0].transport.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    answer = await task

    assert answer.status == 413
    peer.lines[0].transport.resume_reading()
    await peer.lines[0].gone


# -- errors say what was sent --------------------------------------------------------------------------------------------------


async def test_refused_connection_is_unreachable(peer: Peer, http: PooledHttp) -> None:
    """Nothing was sent: the caller may try again; the connection that was begun counts."""
    await peer.stop()
    with pytest.raises(Unreachable):
        await ask(http, peer, "POST")

    assert counted(http) == (1, 1, 1)


async def test_host_that_is_no_name_is_unreachable(http: PooledHttp) -> None:
    """A label beyond 63 characters fails before any look-up."""
    with pytest.raises(Unreachable):
        await http.request("POST", f"http://{'a' * 64}.example/", {}, None, timeout_s=LONG_S)


async def test_connection_not_made_in_time_is_unreachable(http: PooledHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, TCP and TLS count into the request's time; nothing was sent."""

    async def never(*_: Any, **__: Any) -> Any:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
    with pytest.raises(Unreachable) as caught:
        await http.request("POST", "http://127.0.0.1:1/", {}, None, timeout_s=0)

    assert caught.value.code == "timeout"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_answer_in_time_is_an_unknown_outcome(peer: Peer, http: PooledHttp, method: str) -> None:
    """It was handed over. The connection is closed: a late answer must not meet the next request."""
    peer.acts.extend([OK, SILENT, OK])
    await ask(http, peer)
    with pytest.raises(UnknownOutcome) as caught:
        await ask(http, peer, method, timeout_s=0)
    await peer.lines[0].gone

    assert caught.value.code == "timeout"
    assert counted(http)[:2] == (2, 1)


@pytest.mark.parametrize("reset", [False, True])
async def test_cut_after_sending_is_an_unknown_outcome(peer: Peer, http: PooledHttp, reset: bool) -> None:
    """The order may have arrived, and it was sent once: a cut socket never repeats a POST."""
    peer.acts.extend([OK, Act(close=not reset, reset=reset), OK])
    await ask(http, peer)
    with pytest.raises(UnknownOutcome):
        await ask(http, peer, "POST")

    assert len(peer.requests) == 2
    assert counted(http) == (2, 1, 0)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_cut_at_any_byte_of_the_answer_is_an_unknown_outcome(peer: Peer, http: PooledHttp, method: str) -> None:
    """On a fresh connection too, and for reads; never a shortened answer, never a second request."""
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    for size in range(0, len(wire), 3):
        peer.acts.append(Act(wire[:size], close=True))
        with pytest.raises(UnknownOutcome):
            await ask(http, peer, method)

    assert len(peer.requests) == len(range(0, len(wire), 3))


async def test_read_that_met_a_closing_connection_is_sent_again_once(peer: Peer, http: PooledHttp) -> None:
    """A kept connection closed without a byte of an answer: the read goes out on a fresh one, and only once more."""
    peer.acts.extend([OK, CUT, OK, CUT, CUT, OK])
    await ask(http, peer)
    assert (await ask(http, peer)).status == 200
    with pytest.raises(UnknownOutcome):
        await ask(http, peer)

    assert len(peer.requests) == 5
    assert counted(http) == (3, 3, 0)


async def test_read_sent_again_is_never_called_unsent(peer: Peer, http: PooledHttp) -> None:
    """Its first bytes did go out, so a door closed since then is still an unknown outcome."""
    peer.acts.extend([OK, SILENT])
    await ask(http, peer)
    task = asyncio.create_task(ask(http, peer))
    await peer.until(2)
    await peer.stop()
    with pytest.raises(UnknownOutcome):
        await task


async def test_half_an_answer_is_not_sent_again(peer: Peer, http: PooledHttp) -> None:
    """The peer had begun to answer: it saw the request."""
    peer.acts.extend([OK, Act(b"H", close=True), OK])
    await ask(http, peer)
    with pytest.raises(UnknownOutcome):
        await ask(http, peer)

    assert len(peer.requests) == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"SSH-2.0-x\r\n\r\n", "malformed"), (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "too_large")],
)
async def test_answer_that_cannot_be_read_is_an_unknown_outcome(peer: Peer, http: PooledHttp, data: bytes, code: str) -> None:
    """The order was received by somebody; the connection is closed."""
    peer.acts.append(Act(data))
    with pytest.raises(UnknownOutcome) as caught:
        await ask(http, peer, "POST")
    await peer.lines[0].gone

    assert caught.value.code == code


async def test_cancelled_request_closes_its_connection(peer: Peer, http: PooledHttp) -> None:
    """Its answer may still come, so no other request goes there."""
    peer.acts.extend([OK, SILENT, OK])
    await ask(http, peer)
    task = asyncio.create_task(ask(http, peer, "POST"))
    await peer.until(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await peer.lines[0].gone

    assert (await ask(http, peer)).status == 200
    assert counted(http)[:2] == (3, 2)


async def test_close_ends_what_is_under_way(peer: Peer) -> None:
    """Unknown for what was sent, unreachable for what waits and for what comes later; every socket is closed."""
    http = PooledHttp("venue", limit=1)
    peer.acts.append(SILENT)
    sent = asyncio.create_task(ask(http, peer, "POST"))
    await peer.until(1)
    waiting = asyncio.create_task(ask(http, peer, "POST"))
    await asyncio.sleep(0)
    await http.close()
    results = await asyncio.gather(sent, waiting, return_exceptions=True)
    with pytest.raises(Unreachable):
        await ask(http, peer)
    await peer.lines[0].gone

    assert [type(result) for result in results] == [UnknownOutcome, Unreachable]


async def test_exchange_on_a_warm_connection_makes_no_task(
    peer: Peer, http: PooledHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order path pays for a future, a timer and a write (performance.md 10)."""
    peer.acts.extend([OK, OK])
    await ask(http, peer)
    made: list[object] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "create_task", made.append)
    await ask(http, peer, "POST")

    assert made == []
