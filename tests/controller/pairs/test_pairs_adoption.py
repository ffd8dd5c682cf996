"""A running controller follows what people decide, without a restart and without dropping a stream (B-109, B-297)."""

from types import SimpleNamespace

import msgspec
import pytest

from controller.adoption import Adoption
from controller.discovery.catalogue import Discovery, LeagueReport
from controller.model import EventId, Pair, PairChanged
from controller.pairs.desk import Desk
from controller.pairs.store import Decision, Decisions, PairStore
from controller.risk.limits import RiskSettings
from controller.settings import ControllerSettings
from controller.state import State
from trading.book import MarketChanged
from trading.clock import ManualClock
from trading.market import KALSHI, POLYMARKET, FeeTerms, Market, MarketId, Outcome
from trading.offload import InlineOffload
from trading.units import MonoNs, Price, Size, WallNs


def market(name, venue):
    return Market(
        id=MarketId(name),
        venue=venue,
        event_id=f"{name}-event",
        question="Who wins?",
        tokens=("1", "2"),
        grid=((Price(0), Price(10_000), Price(100)),),
        min_size=Size(10_000),
        fees=FeeTerms(schedule="kalshi", taker=1),
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
    texts="one",
    structural=True,
)


class Quiet:
    """A Gamma that knows nothing new."""

    async def market_pages(self, **filters):
        yield []


class House:
    def __init__(self, directory):
        self.store = PairStore(directory)
        self.state = State(RiskSettings())
        self.dropped = []
        self.adoption = self.made()

    def made(self):
        async def read(market_id):
            return {"K": K, "P": P}[market_id]

        feed = SimpleNamespace(watch=lambda markets: None, unwatch=self.dropped.extend)
        client = SimpleNamespace(market=read)
        return Adoption(
            settings=ControllerSettings(),
            connections=SimpleNamespace(polymarket=SimpleNamespace(remember=lambda markets: None)),
            clients={KALSHI: client, POLYMARKET: client},
            gamma=Quiet(),
            feeds={KALSHI: feed, POLYMARKET: feed},
            state=self.state,
            deliver=self.deliver,
            clock=ManualClock(),
            offload=InlineOffload(),
            decisions=self.store,
        )

    def deliver(self, event):
        if isinstance(event, PairChanged):
            self.state.apply_pair(event, MonoNs(1))
        elif isinstance(event, MarketChanged):
            self.state.apply_market(event.market, MonoNs(1))

    async def adopt(self, pair=PAIR):
        found = Discovery(
            pairs=(pair,),
            markets={K.id: K, P.id: P},
            reports=(LeagueReport(league="nba"),),
            failures=(),
            notices=(),
            read_at=WallNs(0),
        )
        await self.adoption.adopt(found, progress=lambda *_: None)

    def say(self, state):
        said = Decision(state=state, by="ann", at=WallNs(1), texts="one")
        self.store.change(lambda known: msgspec.structs.replace(known, pairs={"K:P": said}))

    @property
    def now(self):
        return self.state.pairs["K:P"].state


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.mark.parametrize("state", ["paused", "rejected", "proposed"])
async def test_a_decision_stops_a_pair_that_trades_and_keeps_its_streams(house, state):
    """The next look delivers it; no market is unwatched, because positions may stand on it."""
    await house.adopt()
    house.say(state)
    house.adoption.look()

    assert house.now == state
    assert all(basket.approval == state for basket in house.state.baskets.values())
    assert house.dropped == []


async def test_resume_lets_the_pair_trade_again(house):
    await house.adopt()
    house.say("paused")
    house.adoption.look()
    house.store.change(lambda known: Decisions(seen=known.seen))
    house.adoption.look()

    assert house.now == "approved"
    assert len(house.state.baskets) == 2


async def test_a_rediscovery_does_not_undo_a_decision(house):
    """Discovery finds the pair approved by structure again; the person's word stands."""
    house.say("rejected")
    await house.adopt()
    await house.adopt()

    assert house.now == "rejected"


async def test_a_file_that_becomes_corrupt_stops_every_pair(house):
    """Nothing is approved on a record that cannot be read."""
    await house.adopt()
    house.store.path.write_text("{")
    house.adoption.look()

    assert house.now == "paused"


async def test_a_changed_rule_text_stops_the_pair_until_somebody_reads_it(house):
    """Also after a restart: what was seen is on disk (matching.md 3.5)."""
    await house.adopt()
    house.adoption = house.made()
    await house.adopt(msgspec.structs.replace(PAIR, texts="two"))

    assert house.now == "proposed"
    assert house.store.load().pairs["K:P"].by == "controller"


async def test_a_retired_pair_is_not_revived_by_a_decision(house):
    """What its league no longer lists stays out, whoever approves it."""
    await house.adopt()
    gone = Discovery(pairs=(), markets={}, reports=(LeagueReport(league="nba"),), failures=(), notices=(), read_at=WallNs(0))
    await house.adoption.adopt(gone, progress=lambda *_: None)
    house.say("approved")
    house.adoption.look()

    assert house.now == "retired"


async def test_a_text_or_a_start_that_changed_while_paused_is_not_resumed_approved(tmp_path):
    """B-300: what a person resumes is what a person read."""
    for change in ({"texts": "two"}, {"starts_at": WallNs(86_400 * 10**9)}):
        house = House(tmp_path / str(len(change)) / next(iter(change)))
        await house.adopt(PAIR)
        house.say("approved")
        house.adoption.look()
        cache = type(
            "Kept", (), {"load": lambda self: (type("X", (), {"pairs": (PAIR,), "alike": (), "markets": ()})(), None)}
        )()
        desk = Desk(house.store, cache)
        desk.pause(PAIR.id, by="ann", why="rain", now=WallNs(5))
        house.adoption.look()
        await house.adopt(msgspec.structs.replace(PAIR, **change))
        desk.resume(PAIR.id, by="ann", now=WallNs(6))
        house.adoption.look()
        assert house.now == "proposed", change
