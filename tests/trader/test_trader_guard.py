"""The trader's own limits: counted from the journal, never raised from outside, never in the way of ending a risk (4.9)."""

from msgspec.structs import replace

from trader.guard import Guard, GuardLimits
from trading.clock import SECOND, ManualClock
from trading.ids import SeededIds, leg_id
from trading.market import KALSHI, Action, FeeTerms, Market, MarketId, Outcome
from trading.order import LegRequest, LegResult, Want
from trading.units import CONTRACT, DOLLAR, ONE, Money, MonoNs, Price, Size

_DAY = 24 * 3600 * SECOND
MARKET = Market(
    id=MarketId("KX"),
    venue=KALSHI,
    event_id="E",
    question="?",
    grid=((Price(0), ONE, Price(100)),),
    min_size=Size(10_000),
    fees=FeeTerms(schedule="kalshi", taker=0),
)
LIMITS = GuardLimits(
    leg_contracts=Size(100 * CONTRACT),
    leg_cost=Money(50 * DOLLAR),
    open_legs=10,
    rate=5,
    day_cost=Money(100 * DOLLAR),
    day_loss=Money(5 * DOLLAR),
    market_contracts=Size(150 * CONTRACT),
)


class Desk:
    def __init__(self, **changes) -> None:
        self.clock = ManualClock()
        self.ids = SeededIds(self.clock, 1)
        self.guard = Guard(replace(LIMITS, **changes), self.clock.wall_ns)

    def leg(self, contracts: float = 20, cents: int = 40, *, action: Action = Action.BUY, **more) -> LegRequest:
        size = Size(round(contracts * CONTRACT))
        want = Want(market=MARKET.id, outcome=Outcome.YES, action=action, limit=Price(cents * 100), size=size)
        values = {
            "leg_id": leg_id(self.ids.arb(), 0, 0),
            "want": want,
            "venue": KALSHI,
            "purpose": "open",
            "max_cost": Money(0),
            "world": "sim",
            "epoch": 1,
            "deadline": MonoNs(0),
        }
        return LegRequest(**(values | more))

    def refusal(self, leg: LegRequest) -> str:
        self.clock.advance(SECOND)
        no = self.guard.check(leg, MARKET, self.clock.mono_ns())
        return no[0] if no is not None else ""

    def trade(self, leg: LegRequest, *, filled: bool = True) -> None:
        """The leg is promised and comes back whole, or not at all."""
        self.guard.admit(leg)
        sign = 1 if leg.want.action is Action.BUY else -1
        cost = sign * leg.want.limit * leg.want.size // ONE
        result = LegResult(leg_id=leg.leg_id, state="none")
        if filled:
            result = LegResult(leg_id=leg.leg_id, state="filled", filled=leg.want.size, cost=Money(cost))
        self.guard.note(leg, result)


def test_one_leg_has_a_size_and_a_cost() -> None:
    """Above either it is refused, the fee's room included."""
    desk = Desk()
    assert desk.refusal(desk.leg(101, 10)) == "limit_order"
    assert desk.refusal(desk.leg(100, 51)) == "limit_order"
    assert desk.refusal(desk.leg(10, 40, max_cost=Money(51 * DOLLAR))) == "limit_order"
    assert desk.refusal(desk.leg(100, 40)) == ""


def test_prices_stay_on_the_grid_and_off_the_edges() -> None:
    """1 to 99 cents, on the market's own steps."""
    desk = Desk()
    leg = desk.leg()
    assert desk.refusal(replace(leg, want=replace(leg.want, limit=Price(4_050)))) == "bad_price"
    assert desk.refusal(replace(leg, want=replace(leg.want, limit=Price(50)))) == "bad_price"


def test_promised_and_spent_dollars_count_to_the_day_and_the_day_ends() -> None:
    """Nine tenths for new risk; the next UTC day begins at nothing; a miss gives its room back."""
    desk = Desk(market_contracts=Size(2**40))
    desk.trade(desk.leg(100, 40))
    waiting = desk.leg(100, 40)
    desk.guard.admit(waiting)
    assert desk.refusal(desk.leg(30, 40)) == "limit_day"
    desk.guard.note(waiting, LegResult(leg_id=waiting.leg_id, state="none"))
    assert desk.refusal(desk.leg(30, 40)) == ""
    desk.trade(desk.leg(100, 40))
    assert desk.refusal(desk.leg(30, 40)) == "limit_day"
    desk.clock.advance(_DAY)
    assert desk.refusal(desk.leg(100, 40)) == ""


def test_the_last_tenth_is_kept_for_legs_that_end_a_risk() -> None:
    """A used-up day must not leave a leg alone: complete and unwind still fit."""
    desk = Desk(market_contracts=Size(2**40))
    desk.trade(desk.leg(100, 45))
    desk.trade(desk.leg(100, 45))
    assert desk.refusal(desk.leg(10, 40)) == "limit_day"
    assert desk.refusal(desk.leg(10, 40, purpose="complete")) == ""
    assert desk.refusal(desk.leg(40, 40, purpose="unwind")) == "limit_day"


def test_losses_by_selling_stop_buying_not_selling() -> None:
    """B-227: five dollars lost against what the contracts cost; what is held may still be sold."""
    desk = Desk()
    desk.trade(desk.leg(100, 40))
    desk.trade(desk.leg(50, 29, action=Action.SELL))
    assert desk.refusal(desk.leg(1, 40)) == "limit_day"
    assert desk.refusal(desk.leg(1, 40, purpose="complete")) == ""
    assert desk.refusal(desk.leg(50, 20, action=Action.SELL, purpose="unwind")) == ""


def test_only_what_was_bought_here_is_sold() -> None:
    """A stolen controller cannot open a short through a sale; two sales cannot share the same contracts."""
    desk = Desk()
    assert desk.refusal(desk.leg(1, 40, action=Action.SELL)) == "limit_exposure"
    desk.trade(desk.leg(10, 40))
    first = desk.leg(8, 40, action=Action.SELL)
    assert desk.refusal(first) == ""
    desk.guard.admit(first)
    assert desk.refusal(desk.leg(3, 40, action=Action.SELL)) == "limit_exposure"


def test_one_market_and_the_legs_under_way_are_bounded() -> None:
    """Contracts held or promised of one market, and open legs, with the last tenth for exits."""
    desk = Desk(day_cost=Money(2**40), open_legs=10)
    desk.trade(desk.leg(100, 10))
    assert desk.refusal(desk.leg(60, 10)) == "limit_exposure"
    busy = Desk(day_cost=Money(2**40), market_contracts=Size(2**40))
    for _ in range(9):
        busy.guard.admit(busy.leg(1, 10))
    assert busy.refusal(busy.leg(1, 10)) == "limit_exposure"
    assert busy.refusal(busy.leg(1, 10, purpose="unwind")) == ""


def test_legs_a_second_are_bounded_but_exits_go() -> None:
    """Five a second, then a refusal until tokens come back."""
    desk = Desk()
    now = desk.clock.mono_ns()
    codes = [desk.guard.check(desk.leg(1, 10), MARKET, now) for _ in range(6)]
    assert [no is None for no in codes] == [True] * 5 + [False]
    assert desk.guard.check(desk.leg(1, 10, purpose="complete"), MARKET, now) is None


def test_the_controller_lowers_and_never_raises() -> None:
    """Its wish is taken where it is smaller."""
    desk = Desk()
    desk.guard.wish(Size(1_000 * CONTRACT), Money(1_000 * DOLLAR))
    assert desk.refusal(desk.leg(101, 10)) == "limit_order"
    desk.guard.wish(Size(5 * CONTRACT), Money(0))
    assert desk.refusal(desk.leg(6, 10)) == "limit_order"


def test_a_restart_gives_no_fresh_day() -> None:
    """What the journal knows counts as it did before."""
    desk = Desk(market_contracts=Size(2**40))
    bought, waiting = desk.leg(100, 45), desk.leg(50, 45)
    again = Guard(desk.guard.limits, desk.clock.wall_ns)
    again.restore(
        [
            (bought, LegResult(leg_id=bought.leg_id, state="filled", filled=bought.want.size, cost=Money(45 * DOLLAR))),
            (waiting, None),
        ]
    )
    assert again.open_legs == 1
    no = again.check(desk.leg(100, 40), MARKET, desk.clock.mono_ns())
    assert no is not None and no[0] == "limit_day"


def test_the_purpose_a_controller_names_lifts_no_limit() -> None:
    """A stolen controller calls every leg a completion: rate, position and loss still end it, a little later."""
    desk = Desk(day_cost=Money(10_000 * DOLLAR))
    now = desk.clock.mono_ns()
    legs = [desk.leg(1, 10, purpose="complete") for _ in range(30)]
    passed = [leg for leg in legs if desk.guard.check(leg, MARKET, now) is None]
    assert len(passed) == 2 * LIMITS.rate

    desk = Desk(day_cost=Money(10_000 * DOLLAR))
    desk.trade(desk.leg(100, 40))
    assert desk.refusal(desk.leg(40, 40)) == "limit_exposure"
    assert desk.refusal(desk.leg(50, 40, purpose="complete")) == ""
    assert desk.refusal(desk.leg(51, 40, purpose="complete")) == "limit_exposure"

    desk.trade(desk.leg(50, 19, action=Action.SELL))
    assert desk.refusal(desk.leg(1, 40, purpose="complete")) == "limit_day"
    assert desk.refusal(desk.leg(50, 20, action=Action.SELL, purpose="unwind")) == ""
