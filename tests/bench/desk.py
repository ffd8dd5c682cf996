"""Games both venues list, as the product's own values: what P1 and P2 trade on, without discovery.

Each game is two Kalshi markets that exclude each other and one Polymarket market with two outcomes, so two pairs, four baskets
over two venues and one event basket. Kalshi's second market asks for Polymarket's outcome 1.
"""

from dataclasses import dataclass

from controller.model import EventId, Pair, PairChanged
from trading.clock import SECOND
from trading.fees import rate
from trading.market import KALSHI, POLYMARKET, FeeTerms, Market, MarketId, Outcome
from trading.units import CENT, CONTRACT, DOLLAR, ONE, Money, Price, Size, WallNs

__all__ = ["Game", "make_games"]

_DAY = 86_400 * SECOND
_KALSHI_GRID = ((Price(0), ONE, Price(CENT)),)
_POLYMARKET_GRID = ((Price(CENT), Price(ONE - CENT), Price(CENT)),)
_KALSHI_FEES = FeeTerms(schedule="kalshi", taker=rate("0.07"), maker=rate("0.0175"))
_POLYMARKET_FEES = FeeTerms(schedule="polymarket", taker=rate("0.03"))


@dataclass(frozen=True, slots=True)
class Game:
    """middle is the probability of the first side in cents."""

    middle: int
    first: Market
    second: Market
    other: Market
    pairs: tuple[PairChanged, PairChanged]


def make_games(count: int, wall: WallNs) -> list[Game]:
    """Games that start in a day, with middles spread over 30..69 cents."""
    return [_game(number, 30 + number * 7 % 40, wall) for number in range(count)]


def _game(number: int, middle: int, wall: WallNs) -> Game:
    event = f"KXBENCHGAME-26NOV22{number:04d}"
    starts = WallNs(wall + _DAY)
    first, second = (
        Market(
            id=MarketId(f"{event}-{side}"),
            venue=KALSHI,
            event_id=event,
            question=f"Does {side} win game {number}?",
            grid=_KALSHI_GRID,
            min_size=Size(CONTRACT // 100),
            fees=_KALSHI_FEES,
            starts_at=starts,
            closes_at=WallNs(starts + _DAY),
            settles_at=WallNs(starts + _DAY // 4),
            mutually_exclusive=True,
        )
        for side in ("AAA", "BBB")
    )
    other = Market(
        id=MarketId(f"0x{number + 1:064x}"),
        venue=POLYMARKET,
        event_id=f"bench-aaa-bbb-{number:04d}",
        question=f"AAA vs. BBB, game {number}",
        outcomes=("AAA", "BBB"),
        tokens=(f"7{number:075d}1", f"7{number:075d}2"),
        grid=_POLYMARKET_GRID,
        min_size=Size(CONTRACT // 100),
        min_cost=Money(DOLLAR),
        version="v1",
        fees=_POLYMARKET_FEES,
        starts_at=starts,
        settles_at=WallNs(starts + _DAY // 4),
    )
    return Game(middle, first, second, other, (_pair(first, other, Outcome.YES), _pair(second, other, Outcome.NO)))


def _pair(ours: Market, other: Market, means_yes: Outcome) -> PairChanged:
    pair = Pair(
        id=f"{ours.id}~{other.id[-8:]}",
        event=EventId(ours.event_id),
        league="bench",
        kind="game_winner",
        description=ours.question,
        first=ours.id,
        second=other.id,
        outcome_index=means_yes,
        state="approved",
        terms="verified",
        starts_at=ours.starts_at,
    )
    return PairChanged(pair, (ours, other))
