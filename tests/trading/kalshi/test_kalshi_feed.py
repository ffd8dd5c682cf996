"""KalshiFeed and PolledFeed over in-memory sockets and Http."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fakes import FakeDialer, FakeHttp, FakeWire, reply, settle
from kalshi_rows import BASE, PREFIX, WS, make_market

from trading.book import BookChanged, BookLost, MarketChanged, MarketEvent
from trading.clock import SECOND, ManualClock
from trading.errors import AuthFailed, Disconnected, Unreachable
from trading.ids import SeededIds
from trading.kalshi.feed import KalshiFeed
from trading.kalshi.poll import PolledFeed
from trading.kalshi.session import Redial
from trading.kalshi.sign import KalshiSigner

T, U = "KXNBAGAME-26NOV19UTAGSW-GSW", "KXNBAGAME-26NOV19UTAGSW-UTA"
KEY = Ed25519PrivateKey.generate()


class Room:
    """A feed with its fakes. Sleeps wait until let(n) releases them; each release moves the clock by its length."""

    def __init__(self, *wires: FakeWire | Exception, max_per_sid: int = 300) -> None:
        self.clock = ManualClock()
        self.events: list[MarketEvent] = []
        self.dialer = FakeDialer(*wires)
        self.waiting: list[tuple[float, asyncio.Future[None]]] = []
        self.feed = KalshiFeed(
            self.dialer,
            WS,
            KalshiSigner("key-id", "ed25519", KEY.sign),
            self.clock,
            SeededIds(self.clock, 1),
            self.events.append,
            max_per_sid=max_per_sid,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((seconds, future))
        await future

    async def let(self, times: int = 1) -> list[float]:
        """Release every present sleeper, times over; returns the lengths."""
        lengths = []
        for _ in range(times):
            await settle()
            now, self.waiting = self.waiting, []
            self.clock.advance(round(max((seconds for seconds, _ in now), default=0) * SECOND))
            for seconds, future in now:
                if not future.done():
                    lengths.append(seconds)
                    future.set_result(None)
            await settle()
        return lengths

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.feed.run())
        await settle()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def lost(self) -> list[str]:
        return [event.book.market for event in self.events if isinstance(event, BookLost)]


def subscribed(sid: int = 1) -> dict[str, Any]:
    return {"type": "subscribed", "id": 1, "msg": {"channel": "orderbook_delta", "sid": sid}}


def snapshot(ticker: str, seq: int) -> dict[str, Any]:
    msg = {"market_ticker": ticker, "yes_dollars_fp": [["0.4000", "10.00"]], "no_dollars_fp": [["0.4500", "20.00"]]}
    return {"type": "orderbook_snapshot", "sid": 1, "seq": seq, "msg": msg}


async def deal(wire: FakeWire) -> None:
    """The venue's answer to a subscription to both markets."""
    for frame in (subscribed(), snapshot(T, 1), snapshot(U, 2)):
        wire.put(frame)
    await settle()


async def test_feed_subscribes_and_builds_books() -> None:
    """One signed socket, one subscription with the view stated, books ready from their snapshots."""
    wire = FakeWire()
    room = Room(wire)
    room.feed.watch([make_market(T), make_market(U)])
    async with room.running():
        await deal(wire)

        stats = room.feed.statistics()

    assert wire.messages()[0]["params"]["market_tickers"] == [T, U]
    assert wire.messages()[0]["params"]["use_yes_price"] is True
    assert set(room.dialer.dialled[0]) == {"KALSHI-ACCESS-KEY", "KALSHI-ACCESS-TIMESTAMP", "KALSHI-ACCESS-SIGNATURE"}
    assert (stats.markets, stats.ready, stats.connected, stats.reconnects) == (2, 2, True, 0)
    assert [type(event) for event in room.events[:2]] == [BookChanged, BookChanged]


async def test_quiet_books_stay_proven() -> None:
    """While nothing trades, probes keep every proof younger than two seconds (execution.md 3)."""
    wire = FakeWire()
    room = Room(wire)
    room.feed.watch([make_market(T), make_market(U)])
    async with room.running():
        await deal(wire)
        book, seq, oldest, answered = room.feed.books[make_market(U).id], 2, 0, len(wire.sent)
        for _ in range(60):
            await room.let()
            oldest = max(oldest, room.clock.mono_ns() - book.proved_at)
            for command in wire.messages()[answered:]:
                seq += 1
                wire.put(snapshot(command["params"]["market_tickers"][0], seq))
            answered = len(wire.sent)
            await settle()

    assert oldest < 2 * SECOND
    assert (book.epoch, room.lost()) == (1, [str(T), str(U)])  # lost only by the stop at the end


async def test_lost_socket_loses_books_at_once_and_comes_back() -> None:
    """BookLost before any waiting; then a jittered pause, a new socket and fresh snapshots (B-119)."""
    one, two = FakeWire(), FakeWire()
    room = Room(one, two)
    room.feed.watch([make_market(T)])
    async with room.running():
        one.put(subscribed())
        one.put(snapshot(T, 1))
        await settle()
        one.end()
        await settle()
        lost = room.lost()
        await room.let()
        two.put(subscribed())
        two.put(snapshot(T, 1))
        await settle()

        assert lost == [T]
        assert one.closed
        assert room.feed.books[make_market(T).id].ready
        assert room.feed.statistics().reconnects == 1


async def test_silent_socket_is_dropped() -> None:
    """A socket that only pongs is closed after five seconds without a numbered frame (B-428)."""
    one, two = FakeWire(), FakeWire()
    room = Room(one, two)
    room.feed.watch([make_market(T)])
    async with room.running():
        one.put(subscribed())
        one.put(snapshot(T, 1))
        await settle()
        await room.let(22)

        assert room.lost() == [T]
        assert one.closed
        assert len(room.dialer.dialled) == 2


async def test_refused_key_does_not_loop_hot() -> None:
    """Retries after a 401 wait 5 s and ever longer, at most a minute: a mended clock is soon heard of, a bad key seldom asked."""
    room = Room(*(AuthFailed("kalshi", "unauthorized") for _ in range(6)))
    room.feed.watch([make_market(T)])
    async with room.running():
        waits = await room.let(6)

    assert waits == [5, 10, 20, 40, 60, 60]


async def test_failed_dials_back_off_with_jitter() -> None:
    """The pause grows up to its cap and stays a random share of it."""
    room = Room(*(Disconnected("refused") for _ in range(12)))
    room.feed.watch([make_market(T)])
    async with room.running():
        waits = await room.let(12)

    assert len(set(waits)) == 12
    assert all(wait <= min(30, 0.5 * 2**number) for number, wait in enumerate(waits))
    assert max(waits) > 5


async def test_markets_spread_over_sockets() -> None:
    """Past max_per_sid a second socket opens, also while running; only the first follows the lifecycle channel."""
    one, two = FakeWire(), FakeWire()
    room = Room(one, two, max_per_sid=1)
    room.feed.watch([make_market(T)])
    async with room.running():
        room.feed.watch([make_market(T), make_market(U)])
        await settle()

    channels = [[command["params"]["channels"][0] for command in wire.messages()] for wire in (one, two)]
    assert channels == [["orderbook_delta", "market_lifecycle_v2"], ["orderbook_delta"]]
    assert two.messages()[0]["params"]["market_tickers"] == [U]


async def test_unwatch_and_resync_reach_the_socket() -> None:
    """resync asks one snapshot, unwatch deletes the market; both go out with the next tick."""
    wire = FakeWire()
    room = Room(wire)
    room.feed.watch([make_market(T), make_market(U)])
    async with room.running():
        await deal(wire)
        wire.sent.clear()

        room.feed.resync(make_market(T).id, "asked by the test")
        room.feed.unwatch([make_market(U).id])
        await room.let()

        assert [command["params"]["action"] for command in wire.messages()] == ["get_snapshot", "delete_markets"]
        assert room.lost() == [T, U]
        assert list(room.feed.books) == [T]


def test_redial_starts_again_after_success() -> None:
    """A socket that delivered returns quickly at its next loss."""
    redial = Redial(SeededIds(ManualClock(), 3), "test")
    for _ in range(10):
        redial.delay_s(Disconnected("x"))

    redial.apply_success()

    assert redial.delay_s(Disconnected("x")) <= 0.5


class Polls:
    def __init__(self) -> None:
        self.http = FakeHttp(base=PREFIX)
        self.events: list[MarketEvent] = []
        self.clock = ManualClock()
        self.feed = PolledFeed(self.http, BASE, self.clock, self.events.append, interval_s=5, sleep=self.sleep)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) > 2:
            await asyncio.Event().wait()


def books_body(*tickers: str, yes: str = "0.4000") -> dict[str, Any]:
    levels = {"yes_dollars": [[yes, "10.00"]], "no_dollars": [["0.5500", "20.00"]]}
    return {"orderbooks": [{"ticker": ticker, "orderbook_fp": levels} for ticker in tickers]}


async def test_polled_books_are_ready_but_never_proven() -> None:
    """Prices may be shown and alerted on; proved_at stays 0 so the gate refuses them (B-122)."""
    polls = Polls()
    polls.http.on("GET", "/markets/orderbooks", reply(200, books_body(T, U)))
    polls.feed.watch([make_market(T), make_market(U)])

    await polls.feed.poll()
    await polls.feed.poll()

    book = polls.feed.books[make_market(T).id]
    assert (book.ready, book.bid, book.ask, book.proved_at, book.epoch) == (True, 4_000, 4_500, 0, 1)
    assert len(polls.events) == 2
    assert [value for name, value in polls.http.calls[0].query if name == "tickers"] == [T, U]
    assert polls.http.calls[0].headers == {}


@pytest.mark.parametrize(
    "answer",
    [reply(200, books_body(U)), reply(200, books_body(T, yes="0.4600")), reply(200, b"{}"), Unreachable("kalshi", "refused")],
    ids=["missing", "crossed", "garbage", "unreachable"],
)
async def test_failed_poll_loses_its_books(answer: Any) -> None:
    """A book that is absent, crossed or not answered for is not ready until the next good poll."""
    polls = Polls()
    polls.http.on("GET", "/markets/orderbooks", reply(200, books_body(T)), answer, reply(200, books_body(T)))
    polls.feed.watch([make_market(T)])

    await polls.feed.poll()
    await polls.feed.poll()
    lost = [event.reason for event in polls.events if isinstance(event, BookLost)]
    await polls.feed.poll()

    assert len(lost) == 1
    assert polls.feed.books[make_market(T).id].ready


async def test_polls_go_in_hundreds_every_interval() -> None:
    """The bulk endpoint takes 100 tickers; the pause is PRICE_FETCH_INTERVAL."""
    polls = Polls()
    polls.http.on("GET", "/markets/orderbooks", reply(200, {"orderbooks": []}))
    polls.feed.watch([make_market(f"KXT-1-{number}") for number in range(101)])
    task = asyncio.create_task(polls.feed.run())
    await settle(40)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert [len(call.query) for call in polls.http.calls[:2]] == [100, 1]
    assert polls.slept == [5, 5, 5]
    assert polls.feed.statistics().frames == 6


async def test_unwatched_polled_book_says_goodbye() -> None:
    """unwatch and resync lose the book."""
    polls = Polls()
    polls.http.on("GET", "/markets/orderbooks", reply(200, books_body(T, U)))
    polls.feed.watch([make_market(T), make_market(U)])
    await polls.feed.poll()

    polls.feed.unwatch([make_market(T).id])
    polls.feed.resync(make_market(U).id, "test")

    assert [event.book.market for event in polls.events if isinstance(event, BookLost)] == [T, U]
    assert list(polls.feed.books) == [U]


async def test_a_refused_stream_key_waits_before_it_dials_again() -> None:
    """Error 9, authentication required: dialling again at once would help nobody."""
    wire = FakeWire()
    room = Room(wire, FakeWire())
    room.feed.watch([make_market(T)])
    async with room.running():
        wire.put({"type": "error", "id": 1, "msg": {"code": 9, "msg": "Authentication required"}})
        await room.let()
        lengths = await room.let()

    assert lengths == [5]


async def test_an_error_nobody_knows_dials_again() -> None:
    """A new code says nothing about the books of this socket: they are lost and rebuilt on another one."""
    one, two = FakeWire(), FakeWire()
    room = Room(one, two)
    room.feed.watch([make_market(T), make_market(U)])
    async with room.running():
        await deal(one)
        one.put({"type": "error", "msg": {"code": 99, "msg": "news"}})
        await room.let(3)
        await deal(two)

        assert room.feed.statistics().ready == 2
    assert one.closed
    assert set(room.lost()) == {T, U}


async def test_a_full_subscription_moves_its_markets_to_another_socket() -> None:
    """Error 26: what does not fit is watched elsewhere, and no socket takes more than the venue holds."""
    one, two = FakeWire(), FakeWire()
    room = Room(one, two)
    room.feed.watch([make_market(T)])
    async with room.running():
        one.put(subscribed())
        one.put(snapshot(T, 1))
        await settle()
        room.feed.watch([make_market(U)])
        await room.let()
        added = one.messages()[-1]
        assert added["params"]["action"] == "add_markets"
        one.put({"type": "error", "id": added["id"], "sid": 1, "seq": 2, "msg": {"code": 26, "msg": "limit"}})
        await room.let(2)
        two.put(subscribed())
        two.put(snapshot(U, 1))
        await settle()

        assert room.feed.statistics().ready == 2
        assert two.messages()[0]["params"]["market_tickers"] == [U]
        assert not one.closed


async def test_a_frozen_feed_is_found_within_ten_seconds() -> None:
    """B-428: pongs go on, data and answers stop. Its books are lost and another socket is dialled well inside 10 s."""
    one, two = FakeWire(), FakeWire()
    room = Room(one, two)
    room.feed.watch([make_market(T), make_market(U)])
    async with room.running():
        await deal(one)
        frozen_at = room.clock.mono_ns()
        while not room.lost():
            await room.let()
            assert room.clock.mono_ns() - frozen_at < 10 * SECOND
        await room.let()
        await deal(two)

        assert room.feed.statistics().ready == 2
    assert set(room.lost()) == {T, U}


async def test_a_feed_that_answers_but_forgot_a_change_is_corrected() -> None:
    """Contiguous and alive, but one book stands still: the next probe of it disagrees and replaces it (B-428)."""
    wire = FakeWire()
    room = Room(wire)
    room.feed.watch([make_market(T)])
    async with room.running():
        wire.put(subscribed())
        wire.put(snapshot(T, 1))
        await settle()
        while len(wire.messages()) < 2:
            await room.let()
        fresh = snapshot(T, 2)
        fresh["msg"]["yes_dollars_fp"] = [["0.4300", "5.00"]]
        wire.put(fresh)
        await settle()

        assert room.feed.books[make_market(T).id].bid == 4_300
        assert room.feed.statistics().resyncs == 1


async def test_a_grid_change_reaches_markets_on_every_socket() -> None:
    """One socket follows the lifecycle for all: a finer grid of a market on another one is told too (kalshi.md 6)."""
    one, two = FakeWire(), FakeWire()
    room = Room(one, two, max_per_sid=1)
    room.feed.watch([make_market(T), make_market(U)])
    finer = [{"start": "0.0000", "end": "1.0000", "step": "0.0010"}]
    async with room.running():
        msg = {"event_type": "price_level_structure_updated", "market_ticker": U, "price_ranges": finer}
        one.put({"type": "market_lifecycle_v2", "sid": 7, "seq": 1, "msg": msg})
        await settle()

    changed = [event.market for event in room.events if isinstance(event, MarketChanged)]
    assert [(market.id, market.grid) for market in changed] == [(U, ((0, 10_000, 10),))]
