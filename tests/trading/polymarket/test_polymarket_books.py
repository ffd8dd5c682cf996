"""The market channel: recorded frames, mirrors, proof, doubt and loss."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.book import BookChanged, BookLost, MarketChanged, MarketEvent
from trading.clock import MS, SECOND
from trading.market import POLYMARKET, Action, FeeTerms, Market, MarketId, Outcome
from trading.polymarket.books import PolymarketBooks
from trading.polymarket.frames import Sample
from trading.units import ONE, MonoNs, Price, Size, WallNs, complement, parse_price, parse_size

RECORDED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "polymarket_ws_market_2026-09-11.jsonl"
ID = MarketId("0xabc")
YES, NO = "111", "222"
WALL = WallNs(1_790_000_000 * SECOND)


def market(market_id: str = ID, tokens: tuple[str, str] = (YES, NO)) -> Market:
    return Market(
        id=MarketId(market_id),
        venue=POLYMARKET,
        event_id="e",
        question="q",
        tokens=tokens,
        grid=((Price(100), Price(9_900), Price(100)),),
        min_size=Size(10_000),
        fees=FeeTerms(schedule="polymarket", taker=0),
        version="v1",
    )


class Desk:
    """A PolymarketBooks with one market, its events, and frames by short calls."""

    def __init__(self, watched: Market | None = None) -> None:
        self.events: list[MarketEvent] = []
        self.core = PolymarketBooks(self.events.append)
        self.core.add(watched or market())
        self.book = self.core.books[(watched or market()).id]
        self.now = 10 * SECOND

    def send(self, *frames: dict[str, Any]) -> None:
        for frame in frames:
            self.raw(json.dumps(frame).encode())

    def raw(self, data: bytes) -> None:
        self.now += MS
        self.core.apply(data, MonoNs(self.now), WALL)

    def wanted(self) -> str | None:
        return self.core.wanted.get(self.book.market)

    def prices(self) -> tuple[int, int]:
        return self.book.bid, self.book.ask


def levels(**sizes: str) -> list[dict[str, str]]:
    return [{"price": "0." + name[1:], "size": size} for name, size in sizes.items()]


def book(token: str = YES, stamp: int | str = 1_790_000_000_000, **sides: Any) -> dict[str, Any]:
    bids, asks = sides.get("bids", levels(_48="100")), sides.get("asks", levels(_53="10"))
    return {"event_type": "book", "market": ID, "asset_id": token, "bids": bids, "asks": asks, "timestamp": str(stamp)}


def change(*entries: tuple[str, str, str, str, str | None, str | None], stamp: int = 1_790_000_000_001) -> dict[str, Any]:
    names = ("asset_id", "price", "size", "side", "best_bid", "best_ask")
    rows = [{k: v for k, v in zip(names, entry, strict=True) if v is not None} for entry in entries]
    return {"event_type": "price_change", "market": ID, "price_changes": rows, "timestamp": str(stamp)}


def test_recorded_frames_end_with_the_recorded_best_prices() -> None:
    """After each burst of the recording the book's top is the recorded one, and both tokens tell the same book."""
    if not RECORDED.exists():
        pytest.skip("recorded frames are not beside this checkout")
    rows = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    first = rows[0]["frame"]
    tokens = (first[0]["asset_id"], first[1]["asset_id"])
    watched = market(first[0]["market"], tokens)
    yes, no = Desk(watched), Desk(msgspec.structs.replace(watched, tokens=(tokens[1], tokens[0])))
    for row in rows:
        data = json.dumps(row["frame"]).encode()
        yes.raw(data)
        no.raw(data)

    last = next(c for c in rows[-1]["frame"]["price_changes"] if c["asset_id"] == tokens[0])
    assert yes.prices() == (parse_price(last["best_bid"]), parse_price(last["best_ask"]))
    assert yes.book.ready
    assert yes.wanted() is None
    assert parse_price("0.637") not in yes.book.asks
    assert no.book.ready
    assert {complement(p): s for p, s in no.book.bids.items()} == yes.book.asks
    assert {complement(p): s for p, s in no.book.asks.items()} == yes.book.bids


def test_burst_with_bests_of_its_end_is_doubted_and_then_ready() -> None:
    """Best prices that run ahead of a burst make the book not ready for the burst's length only, without a resync."""
    desk = Desk()
    desk.send(book(asks=levels(_53="10", _55="5")))
    desk.send({"event_type": "best_bid_ask", "market": ID, "asset_id": YES, "best_bid": "0.48", "best_ask": "0.55"})
    doubted = desk.book.ready
    desk.send(change((YES, "0.53", "0", "SELL", "0.48", "0.55")))

    assert not doubted
    assert desk.book.ready
    assert desk.prices() == (4800, 5500)
    assert desk.core.resyncs == 0


def test_latency_is_venue_stamp_to_our_clock_smoothed() -> None:
    """B-121, B-339: how far our clock is past the newest stamps; a tenth of each new one, None before the first."""
    desk = Desk()
    assert desk.core.latency_ms is None

    desk.send(book(stamp=1_790_000_000_000 - 40))
    first = desk.core.latency_ms
    desk.send(change((YES, "0.48", "90", "BUY", "0.48", "0.53"), stamp=1_790_000_000_000 - 140))

    assert (first, desk.core.latency_ms) == (40, 50)


def test_sizes_are_absolute_and_zero_removes() -> None:
    """B-116: a change sets its level; "0" takes it away."""
    desk = Desk()
    desk.send(book(), change((YES, "0.49", "7.5", "BUY", "0.49", "0.53")), change((YES, "0.49", "3", "BUY", "0.49", "0.53")))

    assert desk.book.best(Outcome.YES, Action.SELL) == (4900, parse_size("3"))
    desk.send(change((YES, "0.49", "0", "BUY", "0.48", "0.53")))
    assert desk.book.best(Outcome.YES, Action.SELL) == (4800, parse_size("100"))


def test_mirrored_entries_are_applied_once() -> None:
    """With both tokens in a frame token 0's entry counts; alone, token 1's is mirrored, its best prices too."""
    both, alone = Desk(), Desk()
    mirror = (NO, "0.51", "7", "SELL", "0.47", "0.51")
    both.send(book(), change(mirror, (YES, "0.49", "7", "BUY", "0.49", "0.53")))
    alone.send(book(), change(mirror))

    assert both.book.bids == alone.book.bids == {Price(4800): Size(100_000_000), Price(4900): Size(7_000_000)}
    assert both.book.asks == alone.book.asks
    assert alone.book.ready


def test_token_one_book_stands_in_until_token_zero_has_one() -> None:
    """NO's book is mirrored when nothing stands yet; of two equally timed ones YES's counts; a newer NO book replaces."""
    desk = Desk()
    desk.send(book(NO, bids=levels(_47="10"), asks=levels(_52="100")))
    first = (desk.book.bids, desk.book.asks)
    epoch = desk.book.epoch
    desk.send(book())
    desk.send(book(NO, bids=levels(_40="1"), asks=levels(_60="1")))
    equal = desk.prices()
    desk.send(book(NO, stamp=1_790_000_000_500, bids=levels(_45="1"), asks=levels(_54="1")))

    assert first == ({Price(4800): Size(100_000_000)}, {Price(5300): Size(10_000_000)})
    assert equal == (4800, 5300)
    assert desk.prices() == (4600, 5500)
    assert desk.book.epoch == epoch + 1


def test_duplicate_books_keep_the_epoch_and_prove() -> None:
    """The same book again proves the market but is no rebuild: plans made on it stay good (B-451)."""
    desk = Desk()
    desk.send(book(), book(stamp=1_790_000_000_900))

    assert desk.book.epoch == 1
    assert desk.book.proved_at == desk.now


def test_older_books_are_dropped() -> None:
    """A book stamped before the last applied frame changes nothing; a second in place of ms is understood."""
    desk = Desk()
    desk.send(book(stamp=1_790_000_001), change((YES, "0.50", "1", "BUY", "0.50", "0.53"), stamp=1_790_000_002_000))
    desk.send(book(stamp=1_790_000_001_500))

    assert desk.prices() == (5000, 5300)


def test_array_frames_apply_each_event() -> None:
    """A frame may be an array of events."""
    desk = Desk()
    desk.raw(json.dumps([book(), change((YES, "0.49", "7", "BUY", "0.49", "0.53"))]).encode())

    assert desk.prices() == (4900, 5300)


def test_lasting_mismatch_is_a_resync() -> None:
    """Best prices that disagree for a second lose the book, with or without a further frame."""
    for further_frame in (True, False):
        desk = Desk()
        desk.send(book(), change((YES, "0.49", "7", "BUY", "0.50", "0.53")))
        doubted = (desk.book.ready, desk.wanted())
        desk.now += SECOND
        if further_frame:
            desk.send(change((YES, "0.47", "7", "BUY", "0.50", "0.53")))
        desk.core.check(MonoNs(desk.now))

        assert doubted == (False, None)
        assert desk.wanted() == "best prices disagree"
        assert isinstance(desk.events[-1], BookLost)
        assert desk.core.resyncs == 1


def test_crossed_books_never_trade() -> None:
    """A crossing change makes the book not ready and then lost; a crossed snapshot is lost at once (B-434)."""
    desk = Desk()
    desk.send(book(), change((YES, "0.53", "7", "BUY", None, None)))
    crossed = (desk.book.ready, desk.wanted())
    desk.core.check(MonoNs(desk.now + SECOND))
    later = desk.wanted()
    fresh = Desk()
    fresh.send(book(bids=levels(_60="1"), asks=levels(_50="1")))

    assert crossed == (False, None)
    assert later is not None
    assert (fresh.book.ready, fresh.wanted()) == (False, "crossed snapshot")


def test_changes_before_the_first_book_are_ignored() -> None:
    """No level is kept before a snapshot stands, and the book is not ready."""
    desk = Desk()
    desk.send(change((YES, "0.49", "7", "BUY", "0.49", "0.53")))

    assert not desk.book.ready
    assert desk.book.bids == {}
    assert not desk.core.synced(ID)


def test_tick_change_is_a_new_epoch() -> None:
    """A new tick loses the book until the next one and tells the new grid, once although it is sent twice."""
    desk = Desk()
    desk.send(book())
    tick = {"event_type": "tick_size_change", "market": ID, "asset_id": YES, "old_tick_size": "0.01", "new_tick_size": "0.001"}
    desk.send(tick, tick | {"asset_id": NO})
    told = [event.market for event in desk.events if isinstance(event, MarketChanged)]
    ready = desk.book.ready
    desk.send(book(stamp=1_790_000_000_100))

    assert [m.grid for m in told] == [((Price(10), Price(9_990), Price(10)),)]
    assert not ready
    assert desk.core.resyncs == 1
    assert desk.book.ready
    assert desk.book.epoch == 2


def test_resolution_closes_the_market_for_good() -> None:
    """market_resolved tells a closed market, loses the book and asks for no other."""
    desk = Desk()
    desk.send(book(), {"event_type": "market_resolved", "market": ID, "winning_outcome": "Yes"}, book(stamp=1_790_000_009_000))

    assert isinstance(desk.events[-1], MarketChanged)
    assert desk.events[-1].market.status == "closed"
    assert not desk.book.ready
    assert desk.wanted() is None
    assert desk.core.synced(ID)


def sample(bid: str, ask: str, token: str = YES) -> Sample:
    row = {"asset_id": token, "bids": [{"price": bid, "size": "1"}], "asks": [{"price": ask, "size": "1"}]}
    return msgspec.convert(row, Sample)


def test_agreeing_sample_proves_as_of_when_it_was_asked() -> None:
    """A REST sample with the same top proves the book, from either token; the time of asking counts, not of the answer."""
    for given_sample in (sample("0.48", "0.53"), sample("0.47", "0.52", NO)):
        desk = Desk()
        desk.send(book())
        asked = MonoNs(desk.now + SECOND)
        desk.core.apply_sample(given_sample, asked)

        assert desk.book.proved_at == asked
        assert desk.core.unproved(MonoNs(asked + SECOND), SECOND, 10) == [YES]
        assert desk.core.unproved(MonoNs(asked + SECOND), 2 * SECOND, 10) == []


def test_two_disagreeing_samples_lose_the_book() -> None:
    """A frozen stream is found by the second sample that disagrees in a row (B-428)."""
    desk = Desk()
    desk.send(book())
    for _ in range(2):
        first = desk.wanted()
        desk.now += SECOND
        desk.core.apply_sample(sample("0.48", "0.55"), MonoNs(desk.now))

    assert first is None
    assert desk.wanted() == "REST samples disagree"


def test_sample_that_crossed_a_frame_says_nothing() -> None:
    """A sample asked for before the market's last frame neither proves nor strikes."""
    desk = Desk()
    desk.send(book())
    asked = MonoNs(desk.now)
    desk.send(change((YES, "0.50", "1", "BUY", "0.50", "0.53")))
    for _ in range(3):
        desk.core.apply_sample(sample("0.48", "0.53"), asked)

    assert desk.wanted() is None
    assert desk.book.proved_at == desk.now


def test_unreadable_frames_are_counted_and_cost_one_resync() -> None:
    """Garbage is counted; a broken event of a known market loses its book once; other events of the frame still apply."""
    desk = Desk()
    desk.send(book())
    desk.raw(b"PING")
    desk.raw(b"INVALID OPERATION")
    good = change((YES, "0.49", "7", "BUY", "0.49", "0.53"))
    desk.raw(json.dumps([{"event_type": "shiny_new", "market": ID}, {"error": "busy"}, good]).encode())
    untouched, applied = desk.book.ready, desk.prices()
    for _ in range(2):
        desk.send(change((YES, "x", "7", "BUY", "0.49", "0.53")), {"event_type": "book", "market": ID, "bids": None})

    assert untouched
    assert applied == (4900, 5300)
    assert desk.core.bad_frames == 6
    assert desk.core.resyncs == 1


OTHER = market("0xdef", ("333", "444"))
HALF = {"event_type": "price_change", "price_changes": [{"asset_id": YES, "price": None}]}


@pytest.mark.parametrize(
    ("frame", "lost"),
    [
        (b"\xff{", [ID, OTHER.id]),
        (json.dumps(change((YES, "0.49", "7", "BUY", "0.49", "0.53"))).encode()[:-9], [ID, OTHER.id]),
        (b"[7]", [ID, OTHER.id]),
        (b'{"event_type":"book","market":7}', [ID, OTHER.id]),
        (b'{"event_type":"book","market":"0xdef","bids":7}', [OTHER.id]),
        (b'{"event_type":"book","market":"0xnone","bids":7}', []),
        (json.dumps(HALF).encode(), [ID]),
        (json.dumps([HALF, HALF | {"market": "0xdef"}]).encode(), [ID, OTHER.id]),
        (b"null", []),
    ],
)
def test_an_unreadable_frame_costs_every_book_it_may_have_been_about(frame: bytes, lost: list[str]) -> None:
    """What a lost change took from a book below its top nothing else would tell: the books it names, or else all of its socket,
    are not traded until they came anew. Books of other sockets stay."""
    desk = Desk()
    desk.core.add(OTHER)
    desk.core.add(market("0xfar", ("5", "6")))
    desk.send(book(), *(book() | {"market": name, "asset_id": token} for name, token in (("0xdef", "333"), ("0xfar", "5"))))
    desk.core.apply(frame, MonoNs(desk.now), WALL, [ID, OTHER.id])

    assert [name for name, one in desk.core.books.items() if not one.ready] == lost
    assert list(desk.core.wanted) == lost


def test_empty_strings_and_empty_sides_are_understood() -> None:
    """ "", 0 and 1 state an empty side; an empty book that is stated empty is ready and offers nothing."""
    desk = Desk()
    desk.send(book(asks=[]), change((YES, "0.48", "0", "BUY", "", ""), stamp=1_790_000_000_002))
    desk.send({"event_type": "best_bid_ask", "market": ID, "asset_id": YES, "best_bid": "0", "best_ask": "1", "timestamp": ""})
    desk.send({"event_type": "best_bid_ask", "market": ID, "asset_id": NO, "best_bid": "0", "best_ask": "0", "timestamp": ""})

    assert desk.book.ready
    assert desk.prices() == (0, ONE)
    assert desk.book.best(Outcome.YES, Action.BUY) is None


def test_empty_best_prices_do_not_clear_a_doubt() -> None:
    """A book whose ask was contradicted stays unready and unproven when the next change states "" for both sides."""
    desk = Desk()
    desk.send(book(bids=levels(_40="100"), asks=levels(_45="100")))
    proved = desk.book.proved_at
    desk.send(change((YES, "0.30", "5", "BUY", "0.40", "0.48")))
    doubted = desk.book.ready
    desk.send(change((YES, "0.31", "5", "BUY", "", "")))

    assert not doubted
    assert (desk.book.ready, desk.book.proved_at) == (False, proved)


@pytest.mark.parametrize("empty", ["", "0", "1"])
@pytest.mark.parametrize("token", [YES, NO])
def test_side_stated_empty_must_be_empty_here(empty: str, token: str) -> None:
    """An ask stated as "", "0" or "1" contradicts a book that still shows asks, told by either token; emptied, it proves it."""
    desk = Desk()
    desk.send(book(bids=levels(_40="100"), asks=levels(_45="100")))
    proved = desk.book.proved_at
    bests = ("0.40", empty) if token == YES else ("0" if empty == "1" else empty, "0.60")
    best = {"event_type": "best_bid_ask", "market": ID, "asset_id": token, "best_bid": bests[0], "best_ask": bests[1]}
    desk.send(best)
    contradicted = (desk.book.ready, desk.book.proved_at)
    desk.send(change((YES, "0.45", "0", "SELL", "0.40", "")))

    assert contradicted == (False, proved)
    assert (desk.book.ready, desk.book.proved_at) == (True, desk.now)


@pytest.mark.parametrize("bests", [("0.40", None), (None, "0.45"), (None, None)])
def test_unstated_side_neither_proves_nor_clears(bests: tuple[str | None, str | None]) -> None:
    """A change that leaves a best price out renews no proof of a good book and ends no doubt of a bad one."""
    desk = Desk()
    desk.send(book(bids=levels(_40="100"), asks=levels(_45="100")))
    proved = desk.book.proved_at
    desk.send(change((YES, "0.30", "5", "BUY", *bests)))
    good = (desk.book.ready, desk.book.proved_at)
    desk.send(change((YES, "0.31", "5", "BUY", "0.40", "0.48")), change((YES, "0.32", "5", "BUY", *bests)))

    assert good == (True, proved)
    assert (desk.book.ready, desk.book.proved_at) == (False, proved)


def test_one_stated_side_can_still_disagree() -> None:
    """A best bid alone that the book does not have is a doubt, and a bid of a whole dollar agrees with no book."""
    for bid in ("0.41", "1"):
        desk = Desk()
        desk.send(book(bids=levels(_40="100"), asks=levels(_45="100")), change((YES, "0.30", "5", "BUY", bid, None)))

        assert not desk.book.ready


def test_lost_stream_loses_all_its_books_once() -> None:
    """A disconnect makes the books not ready (B-120) and asks for nothing: the next subscription brings them."""
    desk = Desk()
    desk.send(book())
    desk.core.lose_all([ID], "stream lost")
    desk.core.lose_all([ID], "stream lost")

    assert [type(event) for event in desk.events] == [BookChanged, BookLost]
    assert desk.wanted() is None


words = st.sampled_from(["", "0", "0.5", "0.48", "1", "-1", "x", "0.00001", "1e3"])
entries = st.fixed_dictionaries(
    {"asset_id": st.sampled_from([YES, NO, "9"]), "price": words, "size": words, "side": st.sampled_from(["BUY", "SELL", "?"])},
    optional={"best_bid": words, "best_ask": words},
)
frames = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from(["book", "price_change", "best_bid_ask", "tick_size_change", "last_trade_price", "odd"]),
        "market": st.sampled_from([ID, "0xother"]),
    },
    optional={
        "asset_id": st.sampled_from([YES, NO]),
        "price_changes": st.lists(entries, max_size=3),
        "bids": st.lists(st.fixed_dictionaries({"price": words, "size": words}), max_size=3),
        "asks": st.lists(st.fixed_dictionaries({"price": words, "size": words}), max_size=3),
        "timestamp": st.sampled_from(["", "x", "1790000000000", 5]),
        "new_tick_size": words,
        "best_bid": words,
        "best_ask": words,
    },
)


@settings(max_examples=150)
@given(st.lists(frames | st.lists(frames, max_size=3) | st.binary(max_size=20), max_size=8))
def test_no_frame_breaks_the_decoder_and_ready_books_are_sane(sent: list[Any]) -> None:
    """Whatever arrives, nothing is raised, and a ready book is uncrossed with a true top."""
    desk = Desk()
    desk.send(book())
    for frame in sent:
        desk.raw(frame if isinstance(frame, bytes) else json.dumps(frame).encode())

        if desk.book.ready:
            assert desk.book.bid == max(desk.book.bids, default=0)
            assert desk.book.ask == min(desk.book.asks, default=ONE)
            assert desk.book.bid < desk.book.ask
            assert all(0 < p < ONE and s > 0 for p, s in (*desk.book.bids.items(), *desk.book.asks.items()))
