"""One account on two venues and our side of it, both set by a test of the comparison."""

from collections.abc import Collection, Mapping
from typing import Any

from controller.model import EventId
from controller.reconcile.compare import Legs, journal_nets
from controller.reconcile.gate import Reconciler
from trading.clock import SECOND
from trading.errors import Unreachable
from trading.ids import LegId
from trading.journal import MemoryJournal
from trading.market import KALSHI, POLYMARKET, Action, MarketId, Outcome, Venue
from trading.order import Fill, FillStatus, LegRequest, LegResult, Purpose, Want
from trading.units import DOLLAR, Money, MonoNs, Price, Size, WallNs
from trading.venue import AccountPage, AccountQuery, Balance, OpenOrder, Position, Settlement, VenueFill

NOW = WallNs(1_800_000_000 * SECOND)
A, B, Z = MarketId("KXA"), MarketId("KXB"), MarketId("0xz")
EVENTS = {A: "game", Z: "game", B: "other"}


def leg_name(n: int, at: int = NOW - SECOND) -> LegId:
    return LegId((at // 1_000_000).to_bytes(6) + b"boot" + n.to_bytes(4) + b"\0\0")


def request(n: int, market: MarketId, outcome: Outcome = Outcome.YES, *, purpose: Purpose = "open") -> LegRequest:
    want = Want(market=market, outcome=outcome, action=Action.BUY, limit=Price(5_000), size=Size(5_000_000))
    return LegRequest(
        leg_id=leg_name(n),
        want=want,
        venue=POLYMARKET if market == Z else KALSHI,
        purpose=purpose,
        max_cost=Money(5_000_000),
        world="live",
        epoch=1,
        deadline=MonoNs(0),
    )


class Desk:
    """One account on two venues, and our side of it, both set by hand."""

    wall = NOW

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.known: dict[LegId, tuple[LegRequest, LegResult | None]] = {}
        self.open: set[MarketId] = set()
        self.held: dict[MarketId, int] = {}
        self.resting: list[OpenOrder] = []
        self.history: list[OpenOrder] = []
        self.fills: list[VenueFill] = []
        self.settlements: list[Settlement] = []
        self.books = False
        self.arbs: dict[LegId, tuple[tuple[Venue, MarketId], ...]] = {}
        self.naps: list[float] = []
        self.cash = 1_000_000
        self.dead: set[Venue] = set()
        self.status = "open"
        self.cancelled: list[LegId] = []
        self.lost: list[str] = []
        self.reads = 0
        self.epoch = 2
        self.on_read: Any = lambda: None
        self.one = self.fresh()

    def fresh(self) -> Reconciler:
        """A start."""
        clock: Any = self
        one = Reconciler(
            (KALSHI, POLYMARKET),
            read=self.read,
            market=self.market,
            ours=self,
            numbers=self.journal,
            clock=clock,
            sleep=self.nap,
            on_lost=self.lost.append,
            epoch=self.epoch,
        )
        one.begin()
        return one

    async def nap(self, seconds: float) -> None:
        self.naps.append(seconds)

    def settle(self, market: MarketId, contracts: int) -> None:
        """The venue paid out; YES won."""
        row = Settlement(market=market, payout=DOLLAR, revenue=Money(contracts), at=NOW, held=Size(contracts))
        self.settlements.append(row)

    def wall_ns(self) -> WallNs:
        return NOW

    def fill(self, n: int, market: MarketId, contracts: int, outcome: Outcome = Outcome.YES) -> LegId:
        """A leg of ours that filled, by the journal."""
        leg = request(n, market, outcome)
        self.known[leg.leg_id] = (
            leg,
            LegResult(leg_id=leg.leg_id, state="filled", filled=Size(contracts), venue_order_id=f"order-{n}"),
        )
        return leg.leg_id

    # --- the venue's side

    async def read(self, venue: Venue, what: AccountQuery) -> AccountPage:
        self.reads += 1
        if venue in self.dead:
            raise Unreachable(venue, "silent", "no answer")
        self.on_read()

        def here(market: MarketId) -> bool:
            return (market == Z) is (venue == POLYMARKET) and what.market in (None, market)

        if what.what == "positions":
            return AccountPage(positions=tuple(Position(market=m, size=Size(n)) for m, n in self.held.items() if n and here(m)))
        if what.what == "balances":
            return AccountPage(balances=(Balance(shard=0, cash=Money(self.cash)),))
        if what.what == "fills":
            return AccountPage(fills=tuple(row for row in self.fills if here(row.market)))
        if what.what == "settlements":
            return AccountPage(settlements=tuple(row for row in self.settlements if here(row.market)))
        rows = self.resting if what.what == "orders" else self.history
        return AccountPage(orders=tuple(row for row in rows if here(row.market)))

    async def market(self, venue: Venue, market: MarketId) -> Any:
        return self

    # --- ours

    def nets(self, venue: Venue) -> Mapping[MarketId, int]:
        return journal_nets(self.known, venue, "live")

    def busy(self) -> Collection[MarketId]:
        return self.open

    def legs(self) -> Legs:
        return self.known

    def siblings(self, market: MarketId) -> tuple[EventId | None, Collection[MarketId]]:
        event = EVENTS.get(market)
        return (EventId(event) if event else None), [one for one, its in EVENTS.items() if its == event]

    async def cancel(self, leg_id: LegId) -> LegResult | None:
        self.cancelled.append(leg_id)
        self.resting.clear()
        return LegResult(leg_id=leg_id, state="none")

    def partners(self, leg_id: LegId) -> Collection[tuple[Venue, MarketId]] | None:
        return self.arbs.get(leg_id)

    async def book(self, result: LegResult) -> bool:
        if not self.books:
            return False
        self.known[result.leg_id] = self.known[result.leg_id][0], result
        return True

    def blocked(self, market: MarketId, purpose: Purpose = "open") -> str | None:
        return self.one.blocks([request(99, market, purpose=purpose)])


def fill_of(number: str, market: MarketId, size: int, status: FillStatus = "final") -> VenueFill:
    fill = Fill(
        id=number,
        price=Price(5_000),
        size=Size(size),
        cost=Money(1),
        fee=Money(0),
        fee_is_final=True,
        maker=False,
        at=NOW,
        status=status,
    )
    return VenueFill(venue_order_id=number, market=market, fill=fill)


def order(market: MarketId, name: str = "", number: str = "x") -> OpenOrder:
    return OpenOrder(venue_order_id=number, client_order_id=name, market=market, remaining=Size(1_000_000))
