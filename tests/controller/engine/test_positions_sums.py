"""Sums over positions are kept current with each change, and equal what adding everything up would give."""

import random

import msgspec
from desk import PAIR

from controller.model import EventId
from controller.positions import Positions
from controller.risk.limits import naked_contracts, naked_loss, worst_loss
from trading.ids import ArbId, leg_id
from trading.market import KALSHI, POLYMARKET, Action, MarketId, Outcome
from trading.order import LegRequest, Want
from trading.units import CONTRACT, DOLLAR, Money, MonoNs, Price, Size, WallNs

_DAY = 86_400_000_000_000


def _pair(number: int, day: int):
    return msgspec.structs.replace(
        PAIR,
        id=f"p{number}",
        event=EventId(f"e{number}"),
        first=MarketId(f"K{number}"),
        second=MarketId(f"P{number}"),
        starts_at=WallNs(day * _DAY),
    )


def _leg(market: str, outcome: Outcome, action: Action) -> LegRequest:
    return LegRequest(
        leg_id=leg_id(ArbId(b"a" * 14), 0, 0),
        want=Want(market=MarketId(market), outcome=outcome, action=action, limit=Price(5_000), size=Size(CONTRACT)),
        venue=KALSHI if market.startswith("K") else POLYMARKET,
        purpose="open",
        max_cost=Money(0),
        world="sim",
        epoch=1,
        deadline=MonoNs(0),
    )


def test_sums_equal_what_adding_up_gives_whatever_is_traded() -> None:
    """Fills, sales, reversals, settlements, games moved to another day: totals, losses, events and league days stay exact."""
    chance = random.Random(4)
    positions = Positions()
    days = {number: chance.randrange(3) for number in range(6)}
    for number, day in days.items():
        positions.link_pair(_pair(number, day))
    for _ in range(400):
        number = chance.randrange(6)
        market = f"{chance.choice('KP')}{number}"
        what = chance.random()
        if what < 0.05:
            days[number] = chance.randrange(3)
            positions.link_pair(_pair(number, days[number]))
        elif what < 0.08:
            positions.set_terms(MarketId(market), KALSHI, chance.choice(["", "cup"]))
        elif what < 0.1:
            positions.set_position(MarketId(market), chance.randrange(-3, 4) * CONTRACT, Money(chance.randrange(3) * DOLLAR))
        else:
            action = chance.choice(list(Action))
            size = chance.randrange(1, 20) * CONTRACT
            cash = size // 2 if action is Action.BUY else -size // 2
            positions.apply_fill(_leg(market, chance.choice(list(Outcome)), action), size, cash)

        held = positions.all()
        costs = {n: sum(positions.cost(MarketId(f"{venue}{n}")) for venue in "KP") for n in days}
        assert positions.total_contracts() == sum(abs(net) for net, _ in held.values())
        assert positions.total_cost() == sum(cost for _, cost in held.values())
        assert positions.naked_total() == sum(naked_loss(positions.lots(EventId(f"e{n}"))) for n in days)
        for n in days:
            lots = positions.lots(EventId(f"e{n}"))
            assert positions.worst_loss(EventId(f"e{n}")) == worst_loss(lots)
            assert positions.naked(EventId(f"e{n}")) == naked_contracts(lots)
            assert positions.event_cost(EventId(f"e{n}")) == costs[n]
            same = [other for other in days if days[other] == days[n]]
            assert positions.league_day_cost(EventId(f"e{n}")) == sum(costs[other] for other in same)
