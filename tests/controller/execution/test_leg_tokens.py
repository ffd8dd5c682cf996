"""Rate tokens of arbs over the real budgets: both legs and a way out, once each (B-431)."""

import pytest

from controller.execution.tokens import LegTokens
from trading.clock import SECOND, ManualClock
from trading.ids import ArbId, SeededIds, leg_id
from trading.kalshi.budget import Budget
from trading.market import KALSHI, POLYMARKET, Action, Market, MarketId, Outcome, Venue
from trading.order import LegRequest, Tif, Want
from trading.polymarket.budget import SignerBudget
from trading.units import ONE, Money, MonoNs, Price, Size

_CENTS = ((Price(0), ONE, Price(100)),)
_MARKETS = {
    MarketId("KX"): Market(
        id=MarketId("KX"), venue=KALSHI, event_id="E", question="?", grid=_CENTS, min_size=Size(1), shard=3, fees=None
    ),
    MarketId("0xc"): Market(
        id=MarketId("0xc"), venue=POLYMARKET, event_id="E", question="?", grid=_CENTS, min_size=Size(1), fees=None
    ),
}


class Desk:
    """Two budgets and their reservations; away names the venues whose legs a trader takes."""

    def __init__(self, *away: Venue) -> None:
        self.clock = ManualClock()
        self.ids = SeededIds(self.clock, 1)
        self.kalshi, self.polymarket = Budget(self.clock), SignerBudget(self.clock)
        budgets = {KALSHI: self.kalshi, POLYMARKET: self.polymarket}
        self.tokens = LegTokens(budgets, lambda leg: leg.venue in away, _MARKETS.get, self.clock)

    def legs(self, arb: ArbId, *markets: str) -> list[LegRequest]:
        return [
            _leg(arb, number, MarketId(market), MonoNs(self.clock.mono_ns() + 5 * SECOND))
            for number, market in enumerate(markets)
        ]

    def open(self) -> tuple[ArbId, str]:
        """One more arb over both venues, and why it may not."""
        arb = self.ids.arb()
        return arb, self.tokens.reserve(arb, self.legs(arb, "KX", "0xc"))


def _leg(arb: ArbId, number: int, market: MarketId, deadline: MonoNs) -> LegRequest:
    return LegRequest(
        leg_id=leg_id(arb, number, 0),
        want=Want(market=market, outcome=Outcome.YES, action=Action.BUY, limit=Price(5_000), size=Size(1_000_000), tif=Tif.IOC),
        venue=_MARKETS[market].venue,
        purpose="open",
        max_cost=Money(1_000_000),
        world="live",
        epoch=1,
        deadline=deadline,
    )


def test_arbs_at_once_cannot_count_the_same_tokens() -> None:
    """A Basic account holds ten orders and three stay for exits: three arbs of a leg and an unwind each, and no fourth."""
    desk = Desk()
    answers = [desk.open() for _ in range(4)]

    assert [why for _, why in answers[:3]] == ["", "", ""]
    assert answers[3][1] == "kalshi shard 3: 2 orders, in 0.10 s at the earliest"
    desk.tokens.release(answers[0][0])
    assert desk.open()[1] == ""


def test_what_was_reserved_can_be_spent_and_nothing_of_it_by_others() -> None:
    """A stranger gets what is left beside exits and reservations; the owner's leg and its unwind go all the same."""
    desk = Desk()
    arb, _ = desk.open()
    while desk.kalshi.take_write(10, 3) == 0:
        pass
    strangers = desk.kalshi.statistics().writes[3]
    while desk.polymarket.take("orders") == 0:
        pass

    assert (strangers, desk.polymarket.statistics().orders) == (50, 5)
    assert [desk.kalshi.take_write(10, 3, owner=arb) for _ in range(2)] == [0, 0]
    assert [desk.polymarket.take("orders", owner=arb) for _ in range(2)] == [0, 0]
    assert desk.kalshi.take_write(10, 3, owner=arb) > 0
    assert desk.polymarket.take("orders", owner=arb) > 0


def test_a_venue_without_tokens_keeps_the_other_venues_free() -> None:
    """Nothing is kept for an arb that may not go."""
    desk = Desk()
    desk.polymarket.apply_answer("orders", 200, {"poly-ratelimit-remaining": "4"})
    _, why = desk.open()

    assert why.startswith("polymarket shard 0: 2 orders")
    assert desk.kalshi.reserve(b"other", 7, 3) == 0


@pytest.mark.parametrize(("headers", "seconds"), [({"retry-after": "3"}, 3), ({}, 1)])
def test_no_arb_begins_while_a_venue_asks_to_wait(headers: dict[str, str], seconds: int) -> None:
    """A 429 to an order tells that the venue counts fewer tokens than we do: hedges are tried, new arbs wait for its end."""
    desk = Desk()
    desk.polymarket.apply_answer("orders", 429, headers)
    _, why = desk.open()

    assert why.startswith("polymarket shard 0")
    assert desk.polymarket.take("orders", reducing=True) == 0
    desk.clock.advance(seconds * SECOND)
    assert desk.open()[1] == ""


def test_a_429_of_kalshi_stops_new_arbs_until_the_tokens_are_back() -> None:
    """Its bucket is empty then: half a second refills what a leg, an unwind and the exits need."""
    desk = Desk()
    desk.kalshi.apply_throttled("write", 3)
    assert desk.open()[1].startswith("kalshi shard 3")
    desk.clock.advance(SECOND // 2)

    assert desk.open()[1] == ""


def test_other_shards_have_their_own_tokens() -> None:
    """Collateral and write tokens are per shard: an arb on shard 3 takes nothing from shard 2."""
    desk = Desk()
    for _ in range(3):
        desk.open()

    assert desk.kalshi.reserve(b"other", 7, 2) == 0


@pytest.mark.parametrize(("away", "kept"), [((KALSHI,), (0, 2)), ((POLYMARKET,), (2, 0)), ((KALSHI, POLYMARKET), (0, 0))])
def test_a_traders_leg_is_not_counted_here(away: tuple[Venue, ...], kept: tuple[int, int]) -> None:
    """Its account's tokens are spent by another process."""
    desk = Desk(*away)

    assert desk.open()[1] == ""
    assert desk.kalshi.reserve(b"other", 8 - kept[0], 3) > 0
    assert desk.kalshi.reserve(b"other", 7 - kept[0], 3) == 0
    assert desk.polymarket.reserve(b"other", 58 - kept[1]) > 0
    assert desk.polymarket.reserve(b"other", 57 - kept[1]) == 0


def test_exits_go_whatever_is_reserved() -> None:
    """A way out of one arb may spend what another keeps: exposure that stands is worse than an arb that does not open."""
    desk = Desk()
    for _ in range(3):
        desk.open()

    assert [desk.kalshi.take_write(10, 3, reducing=True) for _ in range(10)] == [0] * 10


def test_arbs_in_doubt_for_long_do_not_stop_new_ones() -> None:
    """Past its deadline an arb sends at most a way out, and all that are late keep one order together: a Basic account
    under sixty of them has room for three arbs at once, as without them (B-431)."""
    desk = Desk()
    for _ in range(60):
        arb, why = desk.open()
        assert why == ""
        assert desk.kalshi.take_write(10, 3, owner=arb) == 0
        desk.clock.advance(6 * SECOND)

    assert [desk.open()[1] for _ in range(4)] == ["", "", "", "kalshi shard 3: 2 orders, in 0.20 s at the earliest"]


def test_the_oldest_arb_in_doubt_finds_its_way_out_whatever_opens() -> None:
    """Strangers and new arbs spend all they may; beside the exits' own three there is still the share of those that are late."""
    desk = Desk()
    oldest, _ = desk.open()
    desk.open()
    desk.clock.advance(6 * SECOND)
    while True:
        arb, why = desk.open()
        if why:
            break
        assert [desk.kalshi.take_write(10, 3, owner=arb) for _ in range(2)] == [0, 0]
    while desk.kalshi.take_write(10, 3) == 0:
        pass

    assert desk.kalshi.statistics().writes[3] >= 40
    assert desk.kalshi.take_write(10, 3, reducing=True, owner=oldest) == 0


def test_no_arb_opens_before_the_share_of_the_late_is_there() -> None:
    """A way out that left spent it: the next arb waits for the refill, so the second oldest finds it too."""
    desk = Desk()
    desk.open()
    desk.clock.advance(6 * SECOND)
    desk.kalshi.apply_throttled("write", 3)
    desk.clock.advance(SECOND // 3)
    _, why = desk.open()

    assert why.startswith("kalshi shard 3: a way out of arbs under way, in 0.0")
    desk.clock.advance(SECOND // 2)
    assert desk.open()[1] == ""


def test_the_share_ends_with_the_last_arb_in_doubt() -> None:
    """Three arbs fit into a Basic account again; the share is of nobody."""
    desk = Desk()
    late = [desk.open()[0] for _ in range(2)]
    desk.clock.advance(6 * SECOND)
    desk.tokens.release(desk.open()[0])
    for arb in late:
        desk.tokens.release(arb)

    assert desk.kalshi.reserve(b"other", 7, 3) == 0
    assert desk.polymarket.reserve(b"other", 57) == 0
