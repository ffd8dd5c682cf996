"""Pairs come into use with today's terms and leave when a reading no longer holds them (B-106..B-109)."""

from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace

import msgspec
import pytest

from controller.adoption import Adoption
from controller.discovery.catalogue import Discovery, LeagueReport
from controller.model import Event, EventId, Pair, PairChanged
from controller.risk.limits import RiskSettings
from controller.settings import ControllerSettings
from controller.state import State
from trading.book import MarketChanged
from trading.clock import SECOND, ManualClock
from trading.errors import Unreachable
from trading.ids import ArbId, leg_id
from trading.market import KALSHI, POLYMARKET, Action, FeeTerms, Market, MarketId, Outcome, Venue
from trading.offload import InlineOffload
from trading.order import LegRequest, Tif, Want
from trading.units import Money, MonoNs, Price, Size, WallNs

NOW = MonoNs(1)


def market(name: str, venue: Venue, *, taker: int = 50_000_000) -> Market:
    return Market(
        id=MarketId(name),
        venue=venue,
        event_id=f"{name}-event",
        question="Who wins?",
        tokens=("1", "2"),
        grid=((Price(0), Price(10_000), Price(100)),),
        min_size=Size(10_000),
        fees=FeeTerms(schedule="kalshi" if venue == KALSHI else "polymarket", taker=taker),
        starts_at=WallNs(5),
    )


K, P = market("K", KALSHI), market("P", POLYMARKET)
PAIR = Pair(
    id="K:P",
    event=EventId("game"),
    league="nba",
    kind="game_winner",
    description="a game",
    first=K.id,
    second=P.id,
    outcome_index=Outcome.YES,
    state="approved",
    terms="verified",
    starts_at=WallNs(5),
)


def found(*pairs: Pair, league_error: str | None = None, from_cache: bool = False) -> Discovery:
    return Discovery(
        pairs=pairs,
        markets={K.id: K, P.id: P},
        reports=(LeagueReport(league="nba", error=league_error, from_cache=from_cache),),
        failures=(),
        notices=(),
        read_at=WallNs(0),
    )


class Client:
    """A venue whose terms a test sets; None = it does not answer."""

    def __init__(self, terms: Market | None) -> None:
        self.terms = terms
        self.asked: list[MarketId] = []

    async def market(self, market_id: MarketId) -> Market:
        self.asked.append(market_id)
        if self.terms is None:
            raise Unreachable("venue", "unreachable", "down")
        return self.terms


class Feed:
    def __init__(self) -> None:
        self.watched: set[str] = set()

    def watch(self, markets: Sequence[Market]) -> None:
        self.watched.update(one.id for one in markets)

    def unwatch(self, markets: Sequence[MarketId]) -> None:
        self.watched.difference_update(markets)


class Quiet:
    """A Gamma that knows nothing new."""

    async def market_pages(self, **filters: object) -> AsyncIterator[list[dict[str, object]]]:
        yield []


class House:
    def __init__(self) -> None:
        self.clients = {KALSHI: Client(K), POLYMARKET: Client(P)}
        self.feeds = {KALSHI: Feed(), POLYMARKET: Feed()}
        self.state = State(RiskSettings())
        self.events: list[Event] = []
        self.adoption = Adoption(
            settings=ControllerSettings(),
            connections=SimpleNamespace(polymarket=SimpleNamespace(remember=lambda markets: None)),
            clients=self.clients,
            gamma=Quiet(),
            feeds=self.feeds,
            state=self.state,
            deliver=self.deliver,
            clock=ManualClock(),
            offload=InlineOffload(),
        )

    def deliver(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, PairChanged):
            self.state.apply_pair(event, NOW)
        elif isinstance(event, MarketChanged):
            self.state.apply_market(event.market, NOW)

    async def adopt(self, what: Discovery) -> None:
        self.events.clear()
        await self.adoption.adopt(what, progress=lambda *_: None)


async def test_a_new_pair_is_watched_on_both_venues_with_todays_terms() -> None:
    house = House()
    house.clients[POLYMARKET].terms = msgspec.structs.replace(P, question="", starts_at=None)
    await house.adopt(found(PAIR))

    assert house.state.live_pairs == 1
    assert (house.feeds[KALSHI].watched, house.feeds[POLYMARKET].watched) == ({"K"}, {"P"})
    assert house.state.markets[P.id].question == "Who wins?"  # what discovery knows and the terms lack is kept
    assert house.state.markets[P.id].starts_at == 5


async def test_changed_fees_of_an_unchanged_pair_reach_the_engine() -> None:
    """Each round reads the terms again: a fee rise between rounds is not traded at the old rate."""
    house = House()
    await house.adopt(found(PAIR))
    house.clients[POLYMARKET].terms = market("P", POLYMARKET, taker=70_000_000)
    await house.adopt(found(PAIR))

    assert [type(event) for event in house.events] == [MarketChanged]
    fees = house.state.markets[P.id].fees
    assert fees is not None
    assert fees.taker == 70_000_000


async def test_unreadable_terms_are_watched_and_come_back() -> None:
    """A failed read makes the market untradable until the next round reads it."""
    house = House()
    house.clients[POLYMARKET].terms = None
    await house.adopt(found(PAIR))
    before = house.state.markets[P.id].tradable
    house.clients[POLYMARKET].terms = P
    await house.adopt(found(PAIR))

    assert not before
    assert house.state.markets[P.id].tradable


async def test_terms_that_go_unread_stay_what_was_traded_on() -> None:
    """What is held must be sold on its grid and paid for on its shard, although discovery alone knows neither."""
    house = House()
    house.clients[KALSHI].terms = msgspec.structs.replace(K, shard=3, hold_ns=7, min_size=Size(1_000_000))
    await house.adopt(found(PAIR))
    read = house.state.markets[K.id]
    house.clients[KALSHI].terms = None
    await house.adopt(found(PAIR))

    assert house.state.markets[K.id] == msgspec.structs.replace(read, tradable=False)


async def test_a_market_with_other_tokens_is_never_traded() -> None:
    """Swapped by the venue, its outcomes still mean the tokens that were bought: an exit must not buy the other ones."""
    house = House()
    house.clients[POLYMARKET].terms = msgspec.structs.replace(P, tokens=("2", "1"))
    await house.adopt(found(PAIR))

    assert not house.state.markets[P.id].tradable
    assert house.state.markets[P.id].tokens == P.tokens


async def test_a_pair_that_a_reading_no_longer_holds_is_retired() -> None:
    """Postponed, started or no longer unique: its baskets are gone and its markets unwatched."""
    house = House()
    await house.adopt(found(PAIR))
    await house.adopt(found())

    assert house.state.live_pairs == 0
    assert not house.state.baskets_of(K.id)
    assert house.feeds[KALSHI].watched == house.feeds[POLYMARKET].watched == set()


async def test_a_league_that_could_not_be_read_keeps_its_pairs() -> None:
    """A failure or a cached answer proves nothing about what is gone (B-108)."""
    house = House()
    await house.adopt(found(PAIR))
    await house.adopt(found(league_error="kalshi: timeout"))
    await house.adopt(found(from_cache=True))

    assert house.state.live_pairs == 1
    assert house.feeds[KALSHI].watched == {"K"}


def order_on(one: Market) -> tuple[LegRequest, None]:
    want = Want(market=one.id, outcome=Outcome.YES, action=Action.BUY, limit=Price(5_000), size=Size(1_000_000), tif=Tif.IOC)
    leg = LegRequest(
        leg_id=leg_id(ArbId(b"a" * 14), 0, 0),
        want=want,
        venue=one.venue,
        purpose="open",
        max_cost=Money(1_000_000),
        world="live",
        epoch=1,
        deadline=MonoNs(2),
    )
    return leg, None


async def test_terms_that_a_refusal_contradicts_are_read_again_at_once() -> None:
    """A tick that moved unseen would cost every arb its second leg until the next discovery; other refusals read nothing."""
    house = House()
    await house.adopt(found(PAIR))
    house.events.clear()
    finer = ((Price(0), Price(10_000), Price(10)),)
    house.clients[KALSHI].terms = msgspec.structs.replace(K, grid=finer)
    house.adoption.doubt("insufficient_balance", order_on(K))
    house.adoption.doubt("invalid_price", None)
    await house.adoption.reread()
    assert house.events == []

    house.adoption.doubt("invalid_price", order_on(K))
    await house.adoption.reread()
    await house.adoption.reread()

    assert house.state.markets[K.id].grid == finer
    assert len(house.events) == 1


@pytest.mark.parametrize("code", ["MARKET_INACTIVE", "market_not_found", "order_price_off_grid", "MARKET_CLOSED"])
async def test_a_refusal_over_terms_is_known_in_every_spelling(code: str) -> None:
    """MARKET_INACTIVE is upper case on the wire, and the codes of off-grid prices are not documented (kalshi.md 3, 16.2)."""
    house = House()
    await house.adopt(found(PAIR))
    house.clients[KALSHI].terms = msgspec.structs.replace(K, status="closed")
    house.adoption.doubt(code, order_on(K))
    await house.adoption.reread()

    assert house.state.markets[K.id].status == "closed"


async def test_doubted_terms_that_cannot_be_read_are_not_traded_until_they_can() -> None:
    """The refusal stands; what the market's terms are is not known until the venue answers."""
    house = House()
    await house.adopt(found(PAIR))
    house.clients[POLYMARKET].terms = None
    house.adoption.doubt("off_tick", order_on(P))
    await house.adoption.reread()
    meanwhile = house.state.markets[P.id].tradable
    house.clients[POLYMARKET].terms = P
    await house.adoption.reread()

    assert (meanwhile, house.state.markets[P.id].tradable) == (False, True)


async def test_markets_that_discovery_has_just_read_are_asked_for_once_a_shard() -> None:
    """B-110: thousands of lines come into use without a read each; what a cache kept for an hour is read again."""
    house = House()
    clock = ManualClock(wall=7_200 * SECOND)
    house.adoption._clock = clock
    fresh = {f"K{n}": msgspec.structs.replace(K, id=MarketId(f"K{n}"), shard=n % 2, read_at=clock.wall_ns()) for n in range(6)}
    old = msgspec.structs.replace(K, id=MarketId("old"), read_at=WallNs(3_600 * SECOND))
    markets = {one.id: one for one in (*fresh.values(), old, P)}
    pairs = tuple(msgspec.structs.replace(PAIR, id=f"{one}:P", first=one) for one in markets if one != P.id)
    await house.adopt(msgspec.structs.replace(found(*pairs), markets=markets))

    assert house.clients[KALSHI].asked == ["K0", "K1", "old"]
    assert house.clients[POLYMARKET].asked == ["P"]
    assert house.state.markets[MarketId("K5")] == fresh["K5"]


async def test_what_the_stream_told_since_the_reading_stands() -> None:
    """A market that closed while discovery was reading is not opened again by what had been read."""
    house = House()
    clock = ManualClock(wall=7_200 * SECOND)
    house.adoption._clock = clock
    read = msgspec.structs.replace(K, read_at=clock.wall_ns())
    house.clients[KALSHI].terms = read
    what = msgspec.structs.replace(found(PAIR), markets={K.id: read, P.id: P})
    await house.adopt(what)
    told = msgspec.structs.replace(read, status="closed", read_at=WallNs(read.read_at + 1))
    house.deliver(MarketChanged(told))
    await house.adopt(what)

    assert house.state.markets[K.id].status == "closed"
