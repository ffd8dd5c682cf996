"""Facts as trading makes them, for tests of the ledger: one pair on two venues, arbs of ten contracts."""

import msgspec

from controller.model import ArbClosed, Basket, EventId, Pair
from controller.risk.decision import Approved, Plan, Refused
from controller.strategy.base import Intent, Quote
from trading.ids import ArbId, LegId, leg_id
from trading.market import KALSHI, POLYMARKET, Action, Market, MarketId, Outcome
from trading.order import Fill, LegRequest, LegResult, Want
from trading.units import CONTRACT, Money, MonoNs, Price, Size, WallNs, cost_of

DAY1, DAY2 = "2026-11-20", "2026-11-21"
AT = 1_795_176_000_000_000_000
"""2026-11-20 12:00 UTC."""
HOUR = 3_600_000_000_000
TEN = Size(10 * CONTRACT)
KX = Market(
    id=MarketId("KX"), venue=KALSHI, event_id="E", question="Do the Owls win?", grid=(), min_size=Size(1), fees=None, shard=2
)
POLY = Market(
    id=MarketId("0xc"), venue=POLYMARKET, event_id="e", question="Owls vs. Bats", grid=(), min_size=Size(1), fees=None
)
PAIR = Pair(
    id="owls",
    event=EventId("game"),
    league="nba",
    kind="game_winner",
    description="Owls beat Bats",
    first=KX.id,
    second=POLY.id,
    outcome_index=Outcome.YES,
    state="approved",
    terms="verified",
    starts_at=None,
    evidence=("approved by ann: read both",),
)
BASKET = Basket(
    id="owls:kalshi_yes_poly_no",
    kind="kalshi_yes_poly_no",
    event=PAIR.event,
    legs=((KX.id, Outcome.YES), (POLY.id, Outcome.NO)),
    payout=Price(10_000),
    approval="approved",
    terms="verified",
)


def arb_id(number: int, at: int = AT) -> ArbId:
    return ArbId((at // 1_000_000).to_bytes(6) + b"boot" + number.to_bytes(4))


def leg(arb: ArbId, number: int, market: Market, outcome: Outcome, price: int, *, attempt: int = 0, **more) -> LegRequest:
    want = Want(
        market=market.id, outcome=outcome, action=more.pop("action", Action.BUY), limit=Price(price), size=more.pop("size", TEN)
    )
    return LegRequest(
        leg_id=leg_id(arb, number, attempt),
        want=want,
        venue=market.venue,
        purpose=more.pop("purpose", "open"),
        max_cost=Money(10_000_000),
        world=more.pop("world", "sim"),
        epoch=1,
        deadline=MonoNs(0),
    )


def filled(
    order: LegRequest, *, status: str = "final", fee: int = 20_000, number: int = 1, size: int | None = None
) -> LegResult:
    """The whole order at its limit, or size contracts' worth of it."""
    got = Size(order.want.size if size is None else size)
    cost = Money(cost_of(order.want.limit, got) * (1 if order.want.action is Action.BUY else -1))
    fill = Fill(
        id=f"f{order.leg_id.hex()}",
        price=order.want.limit,
        size=got,
        cost=cost,
        fee=Money(fee),
        fee_is_final=True,
        maker=False,
        at=WallNs(AT),
        status=status,
    )
    return LegResult(
        leg_id=order.leg_id,
        state="filled" if got == order.want.size else "partial",
        filled=got,
        cost=cost,
        fee=Money(fee),
        fills=(fill,),
        venue_order_id=f"order-{order.leg_id.hex()[-4:]}",
        result_no=number,
    )


def intent() -> Intent:
    wants = tuple(
        Want(market=market, outcome=outcome, action=Action.BUY, limit=Price(price), size=TEN)
        for (market, outcome), price in zip(BASKET.legs, (4_000, 5_500), strict=True)
    )
    return Intent(
        strategy="cross_venue",
        basket=BASKET,
        event=PAIR.event,
        purpose="open",
        wants=wants,
        edge=Money(46_000),
        worst_edge=Money(40_000),
        quotes=tuple(Quote(want.market, want.limit, TEN, 1, MonoNs(0), MonoNs(0)) for want in wants),
        expires=MonoNs(0),
        reason="5c",
    )


def approved(arb: ArbId) -> Approved:
    """YES at 40 on one venue, NO at 55 on the other."""
    return Approved(
        arb_id=arb,
        intent=intent(),
        plan=Plan(
            row="R5",
            mode="concurrent",
            order=(0, 1),
            size=TEN,
            limits=(Price(4_000), Price(5_500)),
            concession=None,
            hold_ns=0,
            reason="both fast",
        ),
        purpose="open",
        legs=(leg(arb, 0, KX, Outcome.YES, 4_000), leg(arb, 1, POLY, Outcome.NO, 5_500)),
        claim=PAIR.event,
        reserved=(Money(0), Money(0)),
    )


def refused(code: str = "feed_unproven") -> Refused:
    return Refused(intent=intent(), code=code, detail="proven 4 s ago")


def closed(arb: ArbId, results: tuple[LegResult, ...], **more) -> ArbClosed:
    """A matched arb of ten contracts: 50 cents less the fees."""
    known = {"outcome": "matched", "matched": TEN, "unhedged": Size(0), "profit": Money(460_000)} | more
    return ArbClosed(arb_id=arb, event=PAIR.event, basket=BASKET.id, results=results, **known)


def again(result: LegResult, **changes) -> LegResult:
    """A later truth about the same leg."""
    return msgspec.structs.replace(result, result_no=result.result_no + 1, **changes)


def nobody(text: str) -> LegId:
    return LegId(text.encode().ljust(16, b"."))
