"""An order typed by a person, checked value by value before anything talks to a venue. Pure.

Each refusal is a SettingsError of one line that names the flag, its value and the rule. What only the venue's own rules can
tell is left to its prepare, like any controller leg.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from trading.clock import SECOND
from trading.errors import SettingsError
from trading.fees import fee_of_fill
from trading.ids import LegId
from trading.market import KALSHI, POLYMARKET, Action, FeeTerms, Market, MarketId, Outcome, Venue, snap, step_at
from trading.order import LegRequest, Tif, Want, World
from trading.units import ONE, Money, MonoNs, Price, Size, complement, cost_of, parse_price, parse_size, to_dollars

__all__ = ["Ticket", "check_against", "dollars", "leg_of", "parse_ticket"]

T = TypeVar("T")

PATIENCE_NS = 5 * SECOND
"""A leg's deadline after the market's hold: what the controller's gate gives its legs."""
MOST_CONTRACTS = Size(1_000_000 * 1_000_000)
"""A million: more is a slip of the finger."""

_VENUES = {"kalshi": KALSHI, "polymarket": POLYMARKET, "poly": POLYMARKET}
_OUTCOMES = {"yes": Outcome.YES, "no": Outcome.NO}
_ACTIONS = {"buy": Action.BUY, "sell": Action.SELL}
_TIFS = {"ioc": Tif.IOC, "fok": Tif.FOK}  # nothing may rest: no process would be left to watch it


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """One order as asked for, every value understood."""

    venue: Venue
    want: Want


def dollars(price: Price) -> str:
    """A price as the shortest decimal: 4_200 -> "0.42"."""
    return to_dollars(Money(price * 100))


def _one_of(flag: str, text: str, known: Mapping[str, T]) -> T:
    found = known.get(text.strip().lower())
    if found is None:
        raise SettingsError(f"{flag} {text}: is none of {', '.join(name for name in known if name != 'poly')}")
    return found


def parse_ticket(*, venue: str, market: str, outcome: str, action: str, limit: str, contracts: str, tif: str = "ioc") -> Ticket:
    """Understand the flags of manual-trade. limit is in dollars of the outcome traded, contracts a decimal number."""
    where = _one_of("--venue", venue, _VENUES)
    name = market.strip()
    if not name or not name.isascii() or not name.isprintable() or " " in name:
        raise SettingsError(f"--market {market!r}: is no market id")
    if (where == POLYMARKET) is not name.lower().startswith("0x"):
        kind = {KALSHI: "a ticker, for example KXNBAGAME-...", POLYMARKET: "its condition id, 0x and 64 hex digits"}[where]
        raise SettingsError(f"--market {name}: on {where} a market is named by {kind}")
    try:
        price = parse_price(limit.strip())
    except ValueError as exc:
        raise SettingsError(f"--limit {limit}: {exc}; give dollars such as 0.42") from None
    if not 0 < price < ONE:
        raise SettingsError(f"--limit {limit}: must lie between 0 and 1 dollar, both excluded")
    try:
        size = parse_size(contracts.strip())
    except ValueError as exc:
        raise SettingsError(f"--contracts {contracts}: {exc}") from None
    if not 0 < size <= MOST_CONTRACTS:
        raise SettingsError(f"--contracts {contracts}: must be above 0 and at most {to_dollars(MOST_CONTRACTS)}")
    want = Want(
        market=MarketId(name),
        outcome=_one_of("--outcome", outcome, _OUTCOMES),
        action=_one_of("--action", action, _ACTIONS),
        limit=price,
        size=size,
        tif=_one_of("--tif", tif, _TIFS),
    )
    return Ticket(venue=where, want=want)


def check_against(ticket: Ticket, market: Market) -> FeeTerms:
    """Hold a ticket to its market's terms as just read and return its fees. Raises SettingsError with the nearest that fits."""
    want, name = ticket.want, market.id
    if market.status != "open":
        raise SettingsError(f"--market {name}: is {market.status}; it takes no orders now")
    if not market.tradable or market.fees is None:
        raise SettingsError(f"--market {name}: its grid, fees or version could not be understood; it is watched, never traded")
    yes = want.limit if want.outcome is Outcome.YES else complement(want.limit)  # grids are stated in YES prices
    if step_at(market, yes) is None:
        around = [near for near in (snap(market, yes, up=False), snap(market, yes, up=True)) if near is not None]
        near = sorted(price if want.outcome is Outcome.YES else complement(price) for price in around)
        hint = f"; nearest: {' or '.join(dollars(Price(price)) for price in near)}" if near else ""
        raise SettingsError(f"--limit {dollars(want.limit)}: is off the price grid of {name}{hint}")
    if want.size < market.min_size:
        raise SettingsError(
            f"--contracts {to_dollars(want.size)}: below the smallest order of {name}, {to_dollars(market.min_size)}"
        )
    if want.size % market.size_step:
        raise SettingsError(
            f"--contracts {to_dollars(want.size)}: {name} takes whole multiples of {to_dollars(market.size_step)}"
        )
    cost = cost_of(want.limit, want.size, up=False)
    if want.action is Action.BUY and cost < market.min_cost:
        raise SettingsError(
            f"--contracts {to_dollars(want.size)}: ${to_dollars(cost)} at --limit {dollars(want.limit)} is below the "
            f"${to_dollars(market.min_cost)} that {name} asks of a buy"
        )
    return market.fees


def leg_of(ticket: Ticket, market: Market, *, leg_id: LegId, world: World, now: MonoNs) -> LegRequest:
    """The leg of a ticket: one attempt, purpose "manual". Raises SettingsError as check_against."""
    terms = check_against(ticket, market)
    return LegRequest(
        leg_id=leg_id,
        want=ticket.want,
        venue=ticket.venue,
        purpose="manual",
        max_cost=_most_cost(terms, ticket.want),
        world=world,
        epoch=0,
        deadline=MonoNs(now + (market.hold_ns or 0) + PATIENCE_NS),
    )


def _most_cost(terms: FeeTerms, want: Want) -> Money:
    """The cash the order may take: cost at the limit and the largest fee; a sale takes its fee only."""
    if want.action is Action.SELL:
        return fee_of_fill(terms, Price(max(want.limit, ONE // 2)), want.size)  # fees peak at one half
    cost = cost_of(want.limit, want.size)
    if terms.schedule == "polymarket":  # a buy sized in cash that fills cheaper gets more shares: at most rate x cash
        return Money(cost - (-cost * terms.taker // 1_000_000_000))
    return Money(cost + fee_of_fill(terms, want.limit, want.size))
