"""A sale follows whoever holds what is sold: a trader sells no more than it bought, and says so only when leg 1 is gone (B-440)."""

from collections.abc import Sequence

import pytest
from execution_fakes import KX, POLY, contracts, result
from structlog.testing import capture_logs

from controller.execution.hybrid import HybridExecutor
from controller.execution.remote import RemoteExecutor
from trading.clock import ManualClock
from trading.errors import Misuse, VenueError
from trading.ids import ArbId, leg_id
from trading.journal import MemoryJournal
from trading.market import KALSHI, POLYMARKET, Action, Market, Outcome
from trading.order import LegRequest, LegResult, Want
from trading.units import Money, MonoNs, Price


class Trader:
    """A connected trader that fills whatever it gets."""

    def __init__(self, name: str, score: float, journal_id: int = 1) -> None:
        self.name, self.score, self.journal_id = name, score, journal_id
        self.away = ""
        self.got: list[LegRequest] = []

    @property
    def health(self) -> str:
        return "down" if self.away else "ready"

    def refuses(self, leg: LegRequest) -> str | None:
        return self.away or None

    async def execute(self, leg: LegRequest, hold_ns: int) -> LegResult:
        self.got.append(leg)
        return result(leg, "filled", leg.want.size / 1_000_000)


class Local:
    """A venue's client in this process."""

    name = "local"

    def __init__(self, venue) -> None:
        self.venue = venue

    def refuses(self, legs: Sequence[LegRequest]) -> str | None:
        return None

    def at_once(self, want: Want) -> Want:
        return want

    async def execute(self, leg: LegRequest) -> LegResult:
        raise Misuse("no leg of these tests goes here")


_NUMBER = iter(range(1, 1_000))


def order(action: Action, size: float, market: Market = POLY, outcome: Outcome = Outcome.YES) -> LegRequest:
    return LegRequest(
        leg_id=leg_id(ArbId(next(_NUMBER).to_bytes(14)), 0, 0),
        want=Want(market=market.id, outcome=outcome, action=action, limit=Price(5_000), size=contracts(size)),
        venue=market.venue,
        purpose="open" if action is Action.BUY else "exit",
        max_cost=Money(10_000_000),
        world="sim",
        epoch=1,
        deadline=MonoNs(10**18),
    )


class Room:
    """Two traders of one venue, the near one preferred, and the other venue's client here."""

    def __init__(self) -> None:
        self.near, self.far = Trader("near", 1.0), Trader("far", 9.0)
        self.journal = MemoryJournal()
        traders = {one.name: one for one in (self.near, self.far)}
        markets = {one.id: one for one in (KX, POLY)}
        self.remote = RemoteExecutor(POLYMARKET, traders, self.journal, ManualClock(), market_of=markets.get)  # type: ignore[arg-type]  # fakes
        local = {KALSHI: Local(KALSHI), POLYMARKET: Local(POLYMARKET)}
        self.here = HybridExecutor(local, {POLYMARKET: self.remote}, frozenset({KALSHI, POLYMARKET}), True)
        self.hybrid = HybridExecutor(local, {POLYMARKET: self.remote}, frozenset({KALSHI}))

    async def buy_at(self, trader: Trader, size: float) -> None:
        others = [one for one in (self.near, self.far) if one is not trader]
        for one in others:
            one.away = "down"
        await self.remote.execute(order(Action.BUY, size))
        for one in others:
            one.away = ""


@pytest.fixture
def room() -> Room:
    return Room()


async def test_sale_goes_to_the_trader_that_bought(room: Room) -> None:
    """B-440: the nearer trader never held it, so the sale goes to the other one."""
    await room.buy_at(room.far, 10)
    sale = order(Action.SELL, 10)

    assert room.hybrid.refuses([order(Action.SELL, 10, KX), sale]) is None
    assert (await room.hybrid.execute(sale)).state == "filled"
    assert room.far.got[-1] is sale


async def test_what_two_traders_bought_is_sold_by_one_after_the_other(room: Room) -> None:
    """B-440: ten at one, four at the other: no order of fourteen can go, but one of ten and then one of four. A trader that is
    away is not counted on."""
    await room.buy_at(room.far, 10)
    await room.buy_at(room.near, 4)
    whole = order(Action.SELL, 14)
    assert room.hybrid.refuses([whole]) is not None
    room.far.away = "down"
    assert room.hybrid.at_once(POLYMARKET, whole.want).size == contracts(4)
    room.far.away = ""

    sold = []
    for _ in range(2):
        part = room.hybrid.at_once(POLYMARKET, order(Action.SELL, 14 - sum(sold)).want)
        await room.hybrid.execute(order(Action.SELL, part.size / 1_000_000))
        sold.append(part.size / 1_000_000)

    assert sold == [10, 4]
    assert (room.far.got[-1].want.size, room.near.got[-1].want.size) == (contracts(10), contracts(4))


async def test_what_was_bought_here_is_sold_whole(room: Room) -> None:
    """A venue listed here trades its whole account; so does a purchase, and a sale that no trader can make is left to its route,
    which says why."""
    await room.buy_at(room.far, 10)

    assert room.here.at_once(POLYMARKET, order(Action.SELL, 14).want).size == contracts(14)
    assert room.hybrid.at_once(POLYMARKET, order(Action.BUY, 14).want).size == contracts(14)
    assert room.hybrid.at_once(POLYMARKET, order(Action.SELL, 14, outcome=Outcome.NO).want).size == contracts(14)


async def test_exit_is_refused_before_its_first_leg_when_the_holder_is_away(room: Room) -> None:
    """B-088, B-440: another trader's guard would refuse the second sale after the first one has gone: nothing is sent."""
    await room.buy_at(room.far, 10)
    room.far.away = "trader far is down"

    no = room.hybrid.refuses([order(Action.SELL, 10, KX), order(Action.SELL, 10)])

    assert no is not None
    assert "trader near bought 0 of 0xc YES" in no
    assert "trader far is down" in no


async def test_what_was_sold_or_is_being_sold_is_not_sold_again(room: Room) -> None:
    """distributed.md 4.9: sold contracts, and those of a sale in doubt, are not the trader's to sell."""
    await room.buy_at(room.near, 10)
    await room.remote.execute(order(Action.SELL, 4))
    doubtful = order(Action.SELL, 3)
    room.journal.address(doubtful.leg_id, "near", 1)
    await room.journal.promise([doubtful])

    room.far.away = "down"
    assert room.hybrid.refuses([order(Action.SELL, 3.01)]) is not None
    await room.journal.settle(LegResult(leg_id=doubtful.leg_id, state="none"))
    assert room.hybrid.refuses([order(Action.SELL, 6)]) is None
    assert room.hybrid.refuses([order(Action.SELL, 6, outcome=Outcome.NO)]) is not None


async def test_trader_with_a_new_journal_holds_nothing(room: Room) -> None:
    """distributed.md 4.6: a trader that lost its journal counts from nothing, so no sale is sent to it."""
    await room.buy_at(room.near, 10)
    room.far.away = "down"
    room.near.journal_id = 2

    assert room.hybrid.refuses([order(Action.SELL, 10)]) is not None


async def test_sale_of_what_was_bought_here_goes_from_here(room: Room) -> None:
    """B-086: traders are preferred, but none of them bought this; a purchase goes to one as ever."""
    bought = order(Action.BUY, 10)
    await room.journal.promise([bought])
    await room.journal.settle(result(bought, "filled", 10))

    assert room.here.route(order(Action.SELL, 10)).name == "local"
    assert room.here.route(order(Action.BUY, 10)) is room.remote


async def test_a_leg_that_an_earlier_start_promised_is_sent_by_nobody(room: Room) -> None:
    """B-093: it may stand at the venue, by a trader that this start cannot name: whoever offers it again gets the doubt."""
    leg = order(Action.BUY, 10)
    room.journal.address(leg.leg_id, "a trader that was paired then", 1)
    await room.journal.promise([leg])

    assert (await room.remote.execute(leg)).state == "unknown"
    assert room.near.got == room.far.got == []


async def test_a_trader_that_cannot_cancel_is_told_once(room: Room) -> None:
    """A drain asks every second: one line a failure, and another only after it worked in between."""
    answers: list[int | None] = [None, None, 2, None]

    async def cancel_all(reason: str) -> int:
        answer = answers.pop(0)
        if answer is None:
            raise VenueError(POLYMARKET, "link_lost", "trader near is down")
        return answer

    async def nothing(reason: str) -> int:
        return 0

    room.near.cancel_all, room.far.cancel_all = cancel_all, nothing  # type: ignore[attr-defined]  # the test's traders
    with capture_logs() as told:
        ended = [await room.remote.cancel_all("drain") for _ in range(4)]

    assert ended == [0, 0, 2, 0]
    assert [row["event"] for row in told] == ["cancel_all_failed", "cancel_all_failed"]
