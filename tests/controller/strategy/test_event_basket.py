"""NO of several markets of one event on one venue, and nothing riskier (B-160, B-434)."""

from desk import KALSHI_FEES, POLY_FEES, Desk, K, change, contracts

from controller.model import Basket, EventId, Tick
from controller.risk.decision import Approved
from controller.risk.limits import RiskSettings
from controller.strategy.event_basket import EventBasket
from trading.book import Book, BookChanged, MarketChanged
from trading.market import KALSHI, POLYMARKET, Market, Outcome
from trading.units import CONTRACT, ONE, Price, Size

GRID = ((Price(0), ONE, Price(100)),)


def sister(number: int, *, venue: str = KALSHI, exclusive: bool = True, shard: int = 3) -> Market:
    return Market(
        id=f"{venue}-{number}",
        venue=venue,
        event_id="cup",
        question=f"team {number} wins",
        grid=GRID,
        min_size=Size(10_000),
        shard=shard,
        fees=KALSHI_FEES if venue == KALSHI else POLY_FEES,
        mutually_exclusive=exclusive,
    )


class Cup:
    """Three sister markets on a desk, priced by their bids."""

    def __init__(self, settings: RiskSettings | None = None, **fields: object) -> None:
        self.desk = Desk(settings or RiskSettings(edge_vol_k_ppm=0))
        self.strategy = EventBasket(self.desk.settings)
        self.markets = [sister(number, **fields) for number in range(3)]
        self.books = [Book(market.id, self.desk.proofs[market.venue]) for market in self.markets]
        for market in self.markets:
            self.desk.process(MarketChanged(market))

    def bids(self, *cents: int) -> list:
        for book, bid in zip(self.books, cents, strict=True):
            bids = {Price(bid * 100): contracts(40)} if bid else {}
            book.apply_snapshot(bids, {Price(bid * 100 + 200): contracts(40)}, self.desk.now)
            self.desk.state.apply_book(book, self.desk.now)
        found = []
        for book in self.books:
            found = list(self.strategy.on_event(BookChanged(book), self.desk.state, self.desk.now)) or found
        return found


def test_bids_above_a_dollar_in_sum_sell_every_side() -> None:
    """40 + 40 + 30 = $1.10: NO of all three, two of which must pay."""
    (intent,) = Cup().bids(40, 40, 30)

    assert intent.basket.kind == "kalshi_only"
    assert intent.basket.payout == 2 * ONE
    assert {want.outcome for want in intent.wants} == {Outcome.NO}
    assert [want.limit for want in intent.wants] == [6_000, 6_000, 7_000]


def test_bids_within_a_dollar_are_nothing() -> None:
    """40 + 30 + 30 = $1.00: no edge before fees, none after."""
    assert Cup().bids(40, 30, 30) == []


def test_worthless_leg_is_left_out_with_its_dollar() -> None:
    """A market without bids adds nothing: the other two are bought and pay one dollar at least."""
    (intent,) = Cup().bids(55, 52, 0)

    assert [want.market for want in intent.wants] == ["kalshi-0", "kalshi-1"]
    assert intent.basket.payout == ONE
    assert len(intent.quotes) == 2


def test_markets_that_may_both_win_form_no_basket() -> None:
    """Without the venue's word that at most one wins, NO+NO is a bet."""
    cup = Cup(exclusive=False)

    assert cup.bids(60, 60, 60) == []
    assert not any(basket.kind == "kalshi_only" for basket in cup.desk.state.baskets.values())


def test_closed_market_leaves_the_basket() -> None:
    """A sister that is no longer open is not bought."""
    cup = Cup()
    cup.desk.process(MarketChanged(change(cup.markets[2], status="closed")))

    (intent,) = cup.bids(60, 60, 60)

    assert [want.market for want in intent.wants] == ["kalshi-0", "kalshi-1"]


def test_switched_off_by_setting() -> None:
    """B-405: ENABLE_EVENT_BASKETS=0 forms none."""
    assert Cup(RiskSettings(enable_event_baskets=False, edge_vol_k_ppm=0)).bids(60, 60, 60) == []


def test_yes_legs_need_a_set_that_is_proven_exhaustive() -> None:
    """YES+YES+YES below a dollar is an arb only if one of them must win, which the basket's kind says."""
    cup = Cup(exclusive=False)
    legs = tuple((market.id, Outcome.YES) for market in cup.markets)
    basket = Basket(
        id="cup:yes", kind="kalshi_only", event=EventId("cup"), legs=legs, payout=ONE, approval="approved", terms="verified"
    )
    cup.desk.state.apply_basket(basket)
    assert cup.bids(25, 25, 25) == []

    cup.desk.state.apply_basket(change(basket, kind="kalshi_only_exhaustive"))

    (intent,) = cup.bids(25, 25, 25)
    assert {want.outcome for want in intent.wants} == {Outcome.YES}


def test_sweep_finds_a_standing_basket() -> None:
    """B-166: a Tick looks at event baskets too."""
    cup = Cup()
    cup.bids(40, 40, 30)

    assert len(cup.strategy.on_event(Tick(cup.desk.clock.wall_ns()), cup.desk.state, cup.desk.now)) == 1


def test_engine_approves_it_as_one_batch() -> None:
    """R1: one venue and shard, one batch, every leg reserved."""
    cup = Cup()
    (intent,) = cup.bids(40, 40, 30)

    answer = cup.desk.gate.approve(intent, cup.desk.now)

    assert isinstance(answer, Approved)
    assert (answer.plan.row, answer.plan.mode, len(answer.legs)) == ("R1", "batch", 3)
    assert cup.desk.state.cash.reserved((KALSHI, 3)) == sum(answer.reserved)
    assert answer.plan.size == 10 * CONTRACT
    assert K not in {leg.want.market for leg in answer.legs}
    assert POLYMARKET not in {leg.venue for leg in answer.legs}
