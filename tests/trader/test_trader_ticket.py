"""What a person typed becomes a leg or one line of refusal, with no venue in sight."""

import msgspec
import pytest
from trader_bench import MARKET, TICKER

from trader.ticket import Ticket, check_against, leg_of, parse_ticket
from trading.clock import SECOND
from trading.errors import SettingsError
from trading.ids import LegId
from trading.market import KALSHI, POLYMARKET, Action, FeeTerms, Market, Outcome
from trading.order import Tif
from trading.units import ONE, Money, MonoNs, Price

LEG = LegId(bytes(16))
NOW = MonoNs(1_000 * SECOND)


def ticket(**changes: str) -> Ticket:
    given = {
        "venue": "kalshi",
        "market": TICKER,
        "outcome": "yes",
        "action": "buy",
        "limit": "0.42",
        "contracts": "3",
        **changes,
    }
    return parse_ticket(**given)


def market(**changes: object) -> Market:
    return msgspec.structs.replace(MARKET, **changes)


def test_ticket_is_read_in_any_case_and_exactly() -> None:
    """Values become integers once; poly is polymarket, as in the settings."""
    read = ticket(venue=" Poly", market="0xab", outcome="NO", action="Sell", limit=".4150", contracts="2.50", tif="FOK")

    assert (read.venue, read.want.market, read.want.outcome, read.want.action) == (POLYMARKET, "0xab", Outcome.NO, Action.SELL)
    assert (read.want.limit, read.want.size, read.want.tif) == (4_150, 2_500_000, Tif.FOK)


def test_leg_is_manual_dated_and_never_rests() -> None:
    """Purpose manual, IOC unless asked otherwise, five seconds after the market's hold (B-074)."""
    leg = leg_of(ticket(), market(hold_ns=3 * SECOND), leg_id=LEG, world="sim", now=NOW)

    assert (leg.purpose, leg.venue, leg.world, leg.want.tif) == ("manual", KALSHI, "sim", Tif.IOC)
    assert leg.deadline == NOW + 8 * SECOND


@pytest.mark.parametrize(
    ("terms", "action", "most"),
    [
        (FeeTerms(schedule="kalshi", taker=70_000_000), "buy", 1_260_000 + 51_200),
        (FeeTerms(schedule="kalshi", taker=70_000_000), "sell", 52_500),
        (FeeTerms(schedule="polymarket", taker=50_000_000), "buy", 1_260_000 + 63_000),
    ],
)
def test_most_cost_covers_price_and_largest_fee(terms: FeeTerms, action: str, most: int) -> None:
    """A buy may take its limit and the fee there, in cash-sized venues the rate on all its cash; a sale its fee only."""
    leg = leg_of(ticket(action=action), market(fees=terms), leg_id=LEG, world="paper", now=NOW)

    assert leg.max_cost == most


@pytest.mark.parametrize("status", ["paused", "closed", "settled"])
def test_market_that_takes_no_orders_is_refused(status: str) -> None:
    with pytest.raises(SettingsError, match=f"^--market {TICKER}: is {status}"):
        check_against(ticket(), market(status=status))


@pytest.mark.parametrize("changes", [{"fees": None}, {"tradable": False}])
def test_market_that_is_not_understood_is_refused(changes: dict[str, object]) -> None:
    """Unread fees or an unknown version: watch only, also by hand."""
    with pytest.raises(SettingsError, match="could not be understood"):
        check_against(ticket(), market(**changes))


def test_no_price_is_held_to_the_grid_as_its_yes_price() -> None:
    """A grid of 0.001 below 0.10 YES lets NO be priced by 0.001 above 0.90, and the hint is in NO prices."""
    fine = ((Price(0), Price(1_000), Price(10)), (Price(1_000), ONE, Price(100)))
    tapered = market(grid=fine)
    check_against(ticket(outcome="no", limit="0.955"), tapered)

    with pytest.raises(SettingsError, match=r"^--limit 0\.055: .* nearest: 0\.05 or 0\.06$"):
        check_against(ticket(outcome="no", limit="0.055"), tapered)


def test_sale_has_no_least_amount() -> None:
    """What reduces exposure is never refused for being small; the venue words its dollar for buys."""
    small = market(min_cost=Money(1_000_000))
    check_against(ticket(action="sell", contracts="1"), small)

    with pytest.raises(SettingsError, match="below the \\$1"):
        check_against(ticket(contracts="1"), small)
