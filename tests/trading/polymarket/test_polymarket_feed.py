"""The feed over memory wires: subscriptions, shards, missing books, dead and frozen sockets, REST proof."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from fakes import FakeWire

from trading.book import BookLost, MarketEvent
from trading.clock import SECOND, ManualClock
from trading.errors import UnknownOutcome
from trading.http import Response
from trading.ids import SeededIds
from trading.market import POLYMARKET, FeeTerms, Market, MarketId
from trading.polymarket.feed import PolymarketFeed
from trading.polymarket.session import Redial
from trading.stream import Wire
from trading.units import Price, Size, WallNs
from trading.venue import Feed


def market(number: int) -> Market:
    return Market(
        id=MarketId(f"0x{number}"),
        venue=POLYMARKET,
        event_id="e",
        question="q",
        tokens=(f"{number}0", f"{number}1"),
        grid=((Price(100), Price(9_900), Price(100)),),
        min_size=Size(10_000),
        fees=FeeTerms(schedule="polymarket", taker=0),
        version="v1",
    )


def book(number: int, *, bid: str = "0.48", ask: str = "0.53") -> dict[str, Any]:
    sides = {"bids": [{"price": bid, "size": "1"}], "asks": [{"price": ask, "size": "1"}]}
    return {"event_type": "book", "market": f"0x{number}", "asset_id": f"{number}0", "timestamp": "1790000000000", **sides}


def begins(known: Market, starts_at: WallNs) -> Market:
    return msgspec.structs.replace(known, starts_at=starts_at)


class Ids(SeededIds):
    """No jitter: the next dial comes at once."""

    def random(self, n: int) -> bytes:
        return bytes(n)


class Bench:
    """A running feed. settle() lets its tasks do what they can without any time passing."""

    def __init__(self, **changes: Any) -> None:
        self.wires: list[FakeWire] = []
        self.posts: list[Any] = []
        self.samples: list[dict[str, Any]] | Exception = []
        self.events: list[MarketEvent] = []
        self.clock = ManualClock()
        self.feed = PolymarketFeed(
            self, "wss://m.test", self, "https://clob.test", self.clock, Ids(self.clock, 1), self.events.append, **changes
        )

    async def connect(self, url: str, headers: Mapping[str, str]) -> Wire:
        self.wires.append(FakeWire())
        return self.wires[-1]

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        self.posts.append((method, url, json.loads(body or b"")))
        if isinstance(self.samples, Exception):
            raise self.samples
        return Response(200, {}, json.dumps(self.samples).encode())

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Bench"]:
        task = asyncio.create_task(self.feed.run())
        await self.settle()
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def settle(self, *, after_s: float = 0) -> None:
        self.clock.advance(int(after_s * SECOND))
        for shard in self.feed._shards:
            shard.poke()
        for _ in range(20):
            await asyncio.sleep(0)

    async def tell(self, wire: int, *frames: dict[str, Any] | bytes) -> None:
        for frame in frames:
            self.wires[wire].put(frame)
        await self.settle()


async def test_markets_are_sharded_and_subscribed_with_both_tokens() -> None:
    """B-116: per_socket counts tokens; the first frame of each socket names all of them and asks for best_bid_ask."""
    bench = Bench(per_socket=4)
    feed: Feed = bench.feed
    feed.watch([market(1), market(2), market(3)])
    async with bench.running():
        first, second = (wire.messages()[0] for wire in bench.wires)

    assert first == {"type": "market", "assets_ids": ["10", "11", "20", "21"], "custom_feature_enabled": True}
    assert second["assets_ids"] == ["30", "31"]


async def test_new_markets_join_without_dropping_streams() -> None:
    """A market watched later is subscribed on the running socket; unwatching unsubscribes it (B-109)."""
    bench = Bench()
    bench.feed.watch([market(1)])
    async with bench.running():
        await bench.tell(0, book(1))
        bench.feed.watch([market(1), market(2)])
        await bench.settle()
        bench.feed.unwatch([MarketId("0x1")])
        await bench.settle()

        assert len(bench.wires) == 1
        assert bench.wires[0].messages()[1:] == [
            {"operation": "subscribe", "assets_ids": ["20", "21"], "custom_feature_enabled": True},
            {"operation": "unsubscribe", "assets_ids": ["10", "11"]},
        ]
        assert list(bench.feed.books) == ["0x2"]


async def test_lost_socket_loses_its_books_and_is_dialled_again() -> None:
    """A cut makes the books not ready until a fresh snapshot on the next socket (B-119, B-120)."""
    bench = Bench()
    bench.feed.watch([market(1)])
    async with bench.running():
        await bench.tell(0, book(1))
        ready = bench.feed.books[MarketId("0x1")].ready
        bench.wires[0].end()
        await bench.settle()
        lost = bench.feed.books[MarketId("0x1")].ready
        await bench.tell(1, book(1))
        counted = bench.feed.statistics()

    assert (ready, lost) == (True, False)
    assert (counted.ready, counted.reconnects, counted.frames, counted.connected) == (1, 1, 2, True)
    assert any(isinstance(event, BookLost) for event in bench.events)


async def test_silence_of_pongs_is_a_dead_socket() -> None:
    """B-116: PING goes out every 10 s; 30 s without PONG ends the socket, an answer keeps it."""
    bench = Bench()
    bench.feed.watch([market(1)])
    async with bench.running():
        await bench.tell(0, book(1))
        for _ in range(3):
            await bench.settle(after_s=10)
            await bench.tell(0, b"PONG")
        alive = len(bench.wires)
        pings = bench.wires[0].sent.count("PING")
        await bench.settle(after_s=20)
        await bench.settle(after_s=11)

    assert (alive, pings) == (1, 4)
    assert len(bench.wires) == 2


async def test_missing_first_book_is_asked_for_again() -> None:
    """A market without a book after 5 s is subscribed afresh, then ever later; a socket that said nothing is left."""
    bench = Bench()
    bench.feed.watch([market(1), market(2)])
    async with bench.running():
        await bench.tell(0, book(1))
        await bench.settle(after_s=4)
        early = len(bench.wires[0].messages())
        await bench.settle(after_s=2)
        again = bench.wires[0].messages()[1:]
        await bench.settle(after_s=6)
        patient = len(bench.wires[0].messages())
    mute = Bench()
    mute.feed.watch([market(1)])
    async with mute.running():
        await mute.settle(after_s=6)

        assert len(mute.wires) == 2
    assert (early, patient) == (1, 3)
    assert again == [
        {"operation": "unsubscribe", "assets_ids": ["20", "21"]},
        {"operation": "subscribe", "assets_ids": ["20", "21"], "custom_feature_enabled": True},
    ]


async def test_resync_subscribes_that_market_afresh_and_not_more_than_once_a_second() -> None:
    """A book given up is asked for again by unsubscribe and subscribe; a market that stays broken does not flood the venue."""
    bench = Bench()
    bench.feed.watch([market(1)])
    async with bench.running():
        await bench.tell(0, book(1))
        await bench.settle(after_s=2)
        bench.feed.resync(MarketId("0x1"), "asked")
        await bench.settle()
        once = len(bench.wires[0].messages())
        await bench.tell(0, book(1, bid="0.6", ask="0.5"), book(1, bid="0.6", ask="0.5"))
        flooded = len(bench.wires[0].messages())
        await bench.settle(after_s=3)

        assert (once, flooded, len(bench.wires[0].messages())) == (3, 3, 5)
        assert bench.feed.statistics().resyncs == 2


async def test_an_unreadable_frame_costs_its_own_socket_only_and_is_got_over() -> None:
    """It may have been about any market subscribed there: these are subscribed afresh, the books of other sockets stay."""
    bench = Bench(per_socket=4)
    bench.feed.watch([market(1), market(2), market(3)])
    async with bench.running():
        await bench.tell(0, book(1), book(2))
        await bench.tell(1, book(3))
        await bench.settle(after_s=2)
        await bench.tell(0, b'[{"event_type":"price_chan')
        lost = [name for name, one in bench.feed.books.items() if not one.ready]
        asked = [wire.messages()[1:] for wire in bench.wires]
        await bench.tell(0, book(1), book(2))

        assert lost == ["0x1", "0x2"]
        assert [message["operation"] for message in asked[0]] == ["unsubscribe", "subscribe"]
        assert asked[0][1]["assets_ids"] == ["10", "11", "20", "21"]
        assert asked[1] == []
        assert all(one.ready for one in bench.feed.books.values())


async def test_agreeing_samples_prove_quiet_books_and_frozen_ones_are_found() -> None:
    """Quiet books are compared with POST /books: agreement proves, two disagreements resubscribe (B-428)."""
    bench = Bench()
    bench.feed.watch([market(1), market(2)])
    async with bench.running():
        await bench.tell(0, book(1), book(2))
        await bench.settle(after_s=1)
        bench.samples = [book(1), book(2, bid="0.49")]
        asked = bench.clock.mono_ns()
        await bench.feed.sample()
        proved = [bench.feed.books[MarketId(name)].proved_at == asked for name in ("0x1", "0x2")]
        await bench.settle(after_s=1)
        await bench.feed.sample()
        await bench.settle()

        assert bench.posts[0] == ("POST", "https://clob.test/books", [{"token_id": "10"}, {"token_id": "20"}])
        assert proved == [True, False]
        assert [bench.feed.books[MarketId(name)].ready for name in ("0x1", "0x2")] == [True, False]
        assert bench.wires[0].messages()[-1]["assets_ids"] == ["20", "21"]


async def test_fresh_books_are_not_sampled_and_failures_prove_nothing() -> None:
    """Only books whose own proof is old are asked for; a failed request leaves everything as it was."""
    bench = Bench()
    bench.feed.watch([market(1)])
    async with bench.running():
        await bench.tell(0, book(1))
        await bench.feed.sample()
        proved = bench.feed.books[MarketId("0x1")].proved_at
        bench.samples = UnknownOutcome("polymarket", "timeout")
        await bench.settle(after_s=1)
        await bench.feed.sample()

        assert len(bench.posts) == 1
        assert bench.feed.sample_failures == 1
        assert bench.feed.books[MarketId("0x1")].proved_at == proved
        assert bench.feed.books[MarketId("0x1")].ready


async def test_dead_feed_that_answers_pings_is_found_within_ten_seconds() -> None:
    """PONGs go on, data stops, the market moves elsewhere: its book is not ready after two rounds, the socket is left (B-428)."""
    bench = Bench()
    bench.feed.watch([market(1), market(2)])
    lost_after = left_after = 0.0
    async with bench.running():
        await bench.tell(0, book(1), book(2))
        bench.samples = [book(1, bid="0.49", ask="0.54"), book(2)]
        for turn in range(1, 21):
            await bench.settle(after_s=0.5)
            if "PING" in bench.wires[0].sent:
                await bench.tell(0, b"PONG")
            if turn % 2 == 0:
                await bench.feed.look()
                await bench.settle()
            if not lost_after and not bench.feed.books[MarketId("0x1")].ready:
                lost_after = turn / 2
            if not left_after and len(bench.wires) == 2:
                left_after = turn / 2
        quiet = bench.feed.statistics()

    assert 0 < lost_after <= 3
    assert 0 < left_after < 10
    assert quiet.reconnects == 1
    assert not any(b.ready for b in bench.feed.books.values())


async def test_quiet_but_true_feed_is_left_alone() -> None:
    """Silence alone is no fault: books that REST confirms stay ready on the same socket."""
    bench = Bench()
    bench.feed.watch([market(1)])
    async with bench.running():
        await bench.tell(0, book(1))
        bench.samples = [book(1)]
        for _ in range(60):
            await bench.settle(after_s=1)
            await bench.tell(0, b"PONG")
            await bench.feed.look()

        assert len(bench.wires) == 1
        assert bench.feed.books[MarketId("0x1")].ready
        assert bench.clock.mono_ns() - bench.feed.books[MarketId("0x1")].proved_at <= SECOND


async def test_book_is_dropped_when_its_event_begins() -> None:
    """All resting orders are wiped at the start: the old book is given up and a fresh one asked for, also when starts move."""
    bench = Bench()
    later = WallNs(bench.clock.wall_ns() + 3600 * SECOND)
    sooner = WallNs(bench.clock.wall_ns() + 5 * SECOND)
    bench.feed.watch([begins(market(1), later), begins(market(2), later), market(3)])
    async with bench.running():
        await bench.tell(0, book(1), book(2), book(3))
        await bench.feed.look()
        bench.feed.watch([begins(market(1), sooner)])
        await bench.settle(after_s=6)
        bench.samples = [book(1), book(2), book(3)]
        await bench.feed.look()
        await bench.settle()
        ready = [bench.feed.books[MarketId(name)].ready for name in ("0x1", "0x2", "0x3")]
        asked = bench.wires[0].messages()[-1]["assets_ids"]
        await bench.tell(0, book(1))
        await bench.feed.look()

        assert ready == [False, True, True]
        assert asked == ["10", "11"]
        assert bench.feed.books[MarketId("0x1")].ready


async def test_market_met_after_its_start_keeps_its_book() -> None:
    """Only a start that was seen to lie ahead wipes."""
    bench = Bench()
    bench.feed.watch([begins(market(1), WallNs(bench.clock.wall_ns() - SECOND))])
    async with bench.running():
        await bench.tell(0, book(1))
        await bench.feed.look()

        assert bench.feed.books[MarketId("0x1")].ready


async def test_no_socket_carries_enough_assets_to_lose_snapshots() -> None:
    """Above about 500 assets a socket stops sending first books: 700 markets go on seven sockets of 200 tokens at most."""
    bench = Bench()
    bench.feed.watch([market(number) for number in range(1, 701)])
    async with bench.running():
        sizes = [len(wire.messages()[0]["assets_ids"]) for wire in bench.wires]

    assert len(sizes) == 7
    assert max(sizes) == 200


def test_redial_jitters_up_to_a_growing_ceiling() -> None:
    """Pauses are a random share of 0.5 s doubling to 30 s, and start over after data came."""
    clock = ManualClock()
    redial = Redial(SeededIds(clock, 3))
    pauses = [redial.delay_s() for _ in range(12)]
    redial.apply_success()

    assert all(0 <= pause <= min(30, 0.5 * 2**i) for i, pause in enumerate(pauses))
    assert max(pauses) > 8
    assert redial.delay_s() <= 0.5
