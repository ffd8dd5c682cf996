"""Between discoveries the venues are asked what no stream tells, and nothing is opened on what they answer (matching.md 3.7)."""

import asyncio
from types import SimpleNamespace

import msgspec
import pytest
from test_pairs_adoption import PAIR, House, K, P

from controller.pairs.recheck import starts_of, words_of
from controller.pairs.store import Decision
from controller.pairs.upkeep import remember
from trading.clock import SECOND
from trading.errors import Unreachable
from trading.units import WallNs

START = 1_795_143_600 * SECOND  # 2026-11-20 03:00 UTC
LATER = "2026-11-20T05:00:00Z"
GAME = msgspec.structs.replace(PAIR, starts_at=WallNs(START))


class Venues:
    """What both venues say when asked again."""

    def __init__(self, house):
        self.row = {"conditionId": "P", "gameStartTime": "2026-11-20 03:00:00+00"}
        self.stones = []
        self.down = False
        self.asked = []
        house.adoption._gamma = self
        house.adoption._connections = SimpleNamespace(
            polymarket=SimpleNamespace(remember=lambda markets: None), kalshi=SimpleNamespace(catalogue=self)
        )

    async def market_pages(self, **filters):
        self.asked.append(filters)
        if self.down:
            raise Unreachable("polymarket", "connect", "refused")
        yield [self.row] if bool(self.row.get("closed")) is filters["closed"] else []

    async def milestones(self, *, category="", min_updated_ts=None):
        self.asked.append(min_updated_ts)
        return self.stones


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


async def used(house):
    venues = Venues(house)
    await house.adopt(GAME)
    return venues


@pytest.mark.parametrize("status", ["proposed", "disputed"])
async def test_a_market_whose_result_is_under_way_is_held_back_and_freed_again(house, status):
    """The CLOB goes on taking orders while UMA decides: the gate must not, until the result is taken back."""
    venues = await used(house)
    before = house.state.markets[P.id].tradable
    venues.row["umaResolutionStatus"] = status
    await house.adoption.recheck()
    held = house.state.markets[P.id].tradable
    await house.adoption.recheck()
    venues.row["umaResolutionStatus"] = ""
    await house.adoption.recheck()

    assert (before, held, house.state.markets[P.id].tradable) == (True, False, True)
    assert house.state.markets[P.id].status == "open"  # what stands alone in it can be sold all the while


async def test_a_market_already_under_way_is_never_open_at_all(house):
    """Also when the pair comes into use in that state, and when its terms are read again after a refusal."""
    venues = Venues(house)
    venues.row["umaResolutionStatus"] = "disputed"
    await house.adopt(GAME)
    first = house.state.markets[P.id].tradable
    house.adoption._doubted[P.id] = P
    await house.adoption.reread()

    assert (first, house.state.markets[P.id].tradable) == (False, False)
    venues.row["umaResolutionStatus"] = ""
    await house.adoption.recheck()
    assert house.state.markets[P.id].tradable


async def test_a_closed_or_resolved_market_is_held_back_before_its_retirement(house):
    """Gamma knows before the next discovery."""
    venues = await used(house)
    venues.row["closed"] = True
    await house.adoption.recheck()

    assert not house.state.markets[P.id].tradable


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
async def test_a_postponed_start_sends_the_pair_back_to_review(house, capsys, venue):
    """B-100: either venue's new start does, at once, durably and with an alert; the approval of before does not outlive it."""
    venues = await used(house)
    house.say("approved")
    house.adoption.look()
    before = house.now
    if venue == "kalshi":
        venues.stones = [{"start_date": LATER, "primary_event_tickers": [K.event_id], "related_event_tickers": []}]
    else:
        venues.row["gameStartTime"] = LATER
    await house.adoption.recheck()
    pair = house.state.pairs["K:P"]

    assert (before, pair.state) == ("approved", "proposed")
    assert "its start moved from 2026-11-20 03:00 UTC to 2026-11-20 05:00 UTC" in pair.doubts[-1]
    assert "pair_start_moved" in capsys.readouterr().out
    assert house.store.load().pairs["K:P"].by == "controller"


async def test_an_approval_after_the_move_stands(house):
    """A move is told once; who approved the new start is not overruled every minute."""
    venues = await used(house)
    venues.row["gameStartTime"] = LATER
    await house.adoption.recheck()
    house.say("approved")
    await house.adoption.recheck()
    house.adoption.look()

    assert house.now == "approved"


async def test_a_delay_within_the_tolerance_is_the_same_game(house):
    """Rain of an hour is no postponement (matching.md section 2: 90 minutes)."""
    venues = await used(house)
    venues.row["gameStartTime"] = "2026-11-20 04:00:00+00"
    await house.adoption.recheck()

    assert house.now == "approved"


async def test_a_venue_that_cannot_be_asked_changes_nothing_and_is_asked_again(house):
    """What was held back stays so; the other venue is still heard."""
    venues = await used(house)
    venues.row["umaResolutionStatus"] = "disputed"
    await house.adoption.recheck()
    venues.down = True
    await house.adoption.recheck()

    assert not house.state.markets[P.id].tradable
    assert house.now == "approved"


async def test_a_start_that_moved_while_nobody_ran_is_noticed_at_the_next_start(house):
    """The start each pair was in use with is kept beside the decisions."""
    await used(house)
    house.adoption = house.made()
    Venues(house)
    await house.adopt(msgspec.structs.replace(GAME, starts_at=WallNs(START + 7_200 * SECOND)))

    assert house.now == "proposed"


async def test_small_moves_add_up(tmp_path, house):
    """Three delays of an hour are a postponement: the start that was approved is what counts."""
    states = []
    for hours in range(3):
        moved = msgspec.structs.replace(GAME, starts_at=WallNs(START + hours * 3_600 * SECOND))
        states.append(remember(house.store, [moved], WallNs(1))[2])

    assert [bool(moved) for moved in states] == [False, False, True]


async def test_a_rejected_pair_stays_rejected_when_its_start_moves(house):
    """A move is no reason to propose again what a person turned down (B-300)."""
    house.store.change(
        lambda known: msgspec.structs.replace(
            known, pairs={"K:P": Decision(state="rejected", by="ann", at=WallNs(1), texts="one")}
        )
    )
    remember(house.store, [GAME], WallNs(1))
    remember(house.store, [msgspec.structs.replace(GAME, starts_at=WallNs(START + 86_400 * SECOND))], WallNs(2))

    assert house.store.load().pairs["K:P"].state == "rejected"


async def test_many_markets_are_asked_in_hundreds():
    """One request names at most a hundred condition ids; closed ones are listed when asked for only (polymarket.md 2.1)."""
    asked = []

    class Gamma:
        async def market_pages(self, **filters):
            asked.append((len(filters["condition_ids"]), filters["closed"]))
            known = {f"0x{n}" for n in range(240)} if not filters["closed"] else {"0x245"}
            yield [{"conditionId": one, "closed": filters["closed"]} for one in filters["condition_ids"] if one in known]

    words = await words_of(Gamma(), [f"0x{n}" for n in range(250)])

    assert asked == [(100, False), (100, False), (50, False), (10, True)]
    assert [name for name, word in words.items() if word.doubt] == ["0x245"]
    assert len(words) == 241


@pytest.mark.parametrize(
    ("row", "doubt"),
    [
        ({"acceptingOrders": True, "active": True, "enableOrderBook": True, "events": [{"ended": False}]}, ""),
        ({"acceptingOrders": False}, "it takes no orders"),
        ({"events": [{"ended": True}]}, "its event has ended"),
        ({"active": False}, "switched off"),
        ({"archived": True}, "switched off"),
        ({"enableOrderBook": False}, "switched off"),
    ],
)
async def test_what_gamma_says_against_trading_holds_a_market_back(row, doubt):
    """The CLOB's parameters tell none of it, and they are what a market is read again from (polymarket.md 2.2, 14)."""

    class Gamma:
        async def market_pages(self, **filters):
            yield [{"conditionId": "P", **row}]

    assert (await words_of(Gamma(), ["P"]))["P"].doubt == doubt


def test_two_milestones_of_one_event_that_differ_give_no_start():
    """What contradicts itself moves nothing."""
    stones = [
        {"start_date": f"2026-11-20T0{hour}:00:00Z", "primary_event_tickers": ["E"], "related_event_tickers": ["F"][: hour - 3]}
        for hour in (3, 4)
    ]

    assert set(starts_of(stones, {"E", "F"})) == {"F"}


async def test_two_readings_of_doubted_terms_at_once_end_no_watch(house):
    """The recheck and the modes' loop read the same market; a pause by a person is still heard afterwards."""
    venues = await used(house)
    venues.row["umaResolutionStatus"] = "proposed"
    await house.adoption.recheck()
    venues.row["umaResolutionStatus"] = ""
    read = [asyncio.Event(), asyncio.Event()]
    waiting = iter(read)

    async def market(_: str):
        await next(waiting).wait()
        return P

    house.adoption._clients = dict.fromkeys(house.adoption._clients, SimpleNamespace(market=market))
    house.adoption._doubted[P.id] = P
    both = [asyncio.create_task(house.adoption.reread()) for _ in range(2)]
    await asyncio.sleep(0)
    for one in read:
        one.set()
    await asyncio.gather(*both)


async def test_a_failed_look_is_told_and_the_next_one_comes(house):
    """A defect in one minute's recheck must not stop `controller pairs pause`."""
    fails = iter([ValueError("odd"), None])
    looked = 0

    async def work() -> None:
        nonlocal looked
        looked += 1
        exc = next(fails)
        if exc is not None:
            raise exc

    async def sleep(_: float) -> None:
        if looked == 2:
            raise asyncio.CancelledError

    house.adoption._sleep = sleep
    with pytest.raises(asyncio.CancelledError):
        await house.adoption._again(1, work)
    assert looked == 2
