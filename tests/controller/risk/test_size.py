"""The sizing law: the last step pays the floor, one more would not, or the size is capped (execution.md 3)."""

from itertools import accumulate
from math import sqrt

from desk import KALSHI_FEES, POLY_FEES
from hypothesis import example, given
from hypothesis import strategies as st

from controller.risk.limits import RiskSettings
from controller.risk.size import UNIT, Depth, base_floor, extra_floor, fraction_of, take, unit_cost, walk, worst_fee
from trading.fees import fee_of_fill
from trading.units import CONTRACT, ONE, Money, Price, Size

ALL = RiskSettings(depth_fraction_ppm=1_000_000)
STEP = Size(10_000)


def levels(prices: list[int], sizes: list[int]) -> list[tuple[Price, Size]]:
    return [(Price(price * 100), Size(size * 10_000)) for price, size in zip(sorted(set(prices)), sizes, strict=False)]


SIDES = st.builds(
    levels,
    st.lists(st.integers(30, 60), min_size=1, max_size=6, unique=True),
    st.lists(st.integers(1, 5_000), min_size=6, max_size=6),
)


def marginal(legs: list[Depth], at: int) -> tuple[int, int] | None:
    """Net edge and cost of the contract that follows the first `at` units of every leg, None past the end of one."""
    cost = 0
    for leg in legs:
        left = at
        for price, size in leg.levels:
            if left < size:
                cost += unit_cost(leg.fees, price)
                break
            left -= size
        else:
            return None
    return ONE * UNIT - cost, cost


def pays(legs: list[Depth], at: int, extra: int) -> bool:
    """Whether the contract after the first `at` units is there and earns its floor."""
    step = marginal(legs, at)
    return step is not None and step[0] >= base_floor(Money(step[1]), ALL) + extra


def acceptable(legs: list[Depth], extra: int) -> int:
    """Units before the first that does not pay: the margin changes only where a level ends, and only downwards."""
    ends = {0, *(end for leg in legs for end in accumulate(size for _, size in leg.levels))}
    return min(end for end in ends if not pays(legs, end, extra))


@given(one=SIDES, two=SIDES, extra=st.integers(0, 20_000))
@example(one=levels([48], [100]), two=levels([48], [100]), extra=0)
@example(one=levels([48], [500]), two=levels([48], [500]), extra=0)
def test_walk_stops_exactly_where_the_margin_falls_below_the_floor(one: list, two: list, extra: int) -> None:
    """B-161: all depth that pays is taken and nothing beyond it, or none where the rounding of its fees eats the floor.

    One contract at 48 + 48 cents stands 0.0048 cents above the floor, less than its fees are rounded by; five stand above it.
    """
    legs = [Depth(one, KALSHI_FEES), Depth(two, POLY_FEES)]
    depth = Size(acceptable(legs, extra))

    sized = walk(legs, ONE, extra=Money(extra), fraction_ppm=1_000_000, step=Size(1), settings=ALL)

    if depth == 0:
        assert sized is None
        return
    last = marginal(legs, depth - 1)
    assert last is not None
    floor = base_floor(Money(last[1]), ALL) + extra
    edge = (depth - sum(sum(take(leg, depth)) for leg in legs)) * CONTRACT // depth
    assert (sized is not None) == (edge >= floor)
    if sized is not None:
        assert (sized.acceptable, sized.worst_edge, sized.edge) == (depth, last[0], edge)


@given(one=SIDES, two=SIDES, fraction=st.integers(10_000, 1_000_000))
def test_size_is_the_fraction_of_acceptable_depth_in_whole_steps(one: list, two: list, fraction: int) -> None:
    """DEPTH_FRACTION caps the size, Kalshi's step cuts it, and what is bought earns at least the floor after all rounding."""
    legs = [Depth(one, KALSHI_FEES), Depth(two, POLY_FEES)]

    sized = walk(legs, ONE, extra=Money(0), fraction_ppm=fraction, step=STEP, settings=ALL)

    if sized is None:
        return
    assert sized.size == sized.acceptable * fraction // 1_000_000 // STEP * STEP
    paid = sum(sum(take(leg, sized.size)) for leg in legs)
    assert sized.cost == paid
    assert sized.size - paid >= sized.size // 100  # a set pays a dollar and earns a cent at least


@given(price=st.integers(1, ONE - 1), size=st.integers(1, 100_000))
def test_worst_fee_is_never_below_the_venues_fee(price: int, size: int) -> None:
    """B-133: what sizing charges covers the formula of either venue."""
    contracts = Size(size * 10_000)

    assert worst_fee(KALSHI_FEES, Price(price), contracts) >= fee_of_fill(KALSHI_FEES, Price(price), contracts)
    assert worst_fee(POLY_FEES, Price(price), contracts) == fee_of_fill(POLY_FEES, Price(price), contracts)


def test_limits_are_the_deepest_prices_that_pay() -> None:
    """Two levels a side, the deeper pair just pays: both limits stand there though the size needs less."""
    legs = [
        Depth(levels([45, 46], [1_000, 1_000]), KALSHI_FEES),
        Depth(levels([46, 47, 55], [1_000, 1_000, 1_000]), POLY_FEES),
    ]

    sized = walk(legs, ONE, extra=Money(0), fraction_ppm=250_000, step=STEP, settings=RiskSettings())

    assert sized is not None
    assert (sized.limits, sized.size, sized.acceptable) == ((4_600, 4_700), 5 * CONTRACT, 20 * CONTRACT)
    assert sized.worst_edge < sized.edge


def test_floor_is_the_strictest_of_three() -> None:
    """B-162: a cent, the threshold on cost, or MIN_ARB_SPREAD."""
    cost = Money(950_000)

    assert base_floor(cost, RiskSettings(min_arbitrage_threshold_ppm=0)) == 10_000
    assert base_floor(cost, RiskSettings(min_arbitrage_threshold_ppm=20_000)) == 19_000
    assert base_floor(cost, RiskSettings(min_arb_spread=Money(150_000))) == 150_000


def test_floor_grows_with_volatility_hold_ghosts_and_settlement() -> None:
    """sigma x sqrt(hold + 0.6 x unwind time) in cents, ghost rate x exit loss, and the settlement charge add up."""
    found = extra_floor(
        sigma=2.5,
        hold_ns=1_000_000_000,
        ghost_ppm=20_000,
        exit_loss=Money(50_000),
        charge=Money(2_000),
        settings=RiskSettings(),
    )

    assert abs(found - (2.5 * sqrt(1 + 0.6 * 4.3) * 10_000 + 1_000 + 2_000)) <= 1


def test_long_hold_takes_a_tenth_of_depth() -> None:
    """DEPTH_FRACTION is 0.25, and 0.10 from a hold of one second on."""
    assert fraction_of(999_999_999, RiskSettings()) == 250_000
    assert fraction_of(1_000_000_000, RiskSettings()) == 100_000
