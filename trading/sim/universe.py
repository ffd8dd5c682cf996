"""What the simulated venues list, and what of it means the same.

A Universe is two raw catalogues as the venues themselves would send them, plus links that only flow.py and script.py read:
they keep the prices of twins close, as arbitrage does in life. A recorded universe has no links, so a matcher can never find
its answers in the prices.
"""

from dataclasses import dataclass
from pathlib import Path

from trading.fees import rate
from trading.market import FeeTerms
from trading.sim import recorded, synthetic
from trading.sim.kalshi_data import KalshiCatalogue
from trading.sim.links import Link
from trading.sim.polymarket_data import PolymarketCatalogue
from trading.units import CENT, Price, WallNs, parse_price

__all__ = ["DEFAULT_EVENTS", "Link", "Universe", "load"]

DEFAULT_EVENTS = 14


@dataclass(frozen=True, slots=True)
class Universe:
    """Both catalogues and the links between their markets (empty for recorded universes)."""

    kalshi: KalshiCatalogue
    polymarket: PolymarketCatalogue
    links: tuple[Link, ...]

    def fee_terms(self) -> dict[str, FeeTerms]:
        """The taker terms of every market by Kalshi ticker or condition id, as the raw objects state them."""
        terms: dict[str, FeeTerms] = {}
        multipliers = {row["ticker"]: str(row.get("fee_multiplier", 1)) for row in self.kalshi.series}
        for event in self.kalshi.events:
            kalshi = FeeTerms(schedule="kalshi", taker=rate("0.07", multipliers.get(event["series_ticker"], "1")))
            terms |= {market["ticker"]: kalshi for market in event.get("markets", ())}
        for event in self.polymarket.events:
            for market in event.get("markets", ()):
                stated = str((market.get("feeSchedule") or {}).get("rate", 0)) if market.get("feesEnabled") else "0"
                terms[market["conditionId"]] = FeeTerms(schedule="polymarket", taker=rate(stated))
        return terms

    def ticks(self) -> dict[str, Price]:
        """Polymarket's price steps that are not a cent; whole cents are valid on every Kalshi grid (kalshi.md 6)."""
        found = {}
        for event in self.polymarket.events:
            for market in event.get("markets", ()):
                found[market["conditionId"]] = parse_price(f"{market.get('orderPriceMinTickSize') or 0.01:.4f}")
        return {market: tick for market, tick in found.items() if tick != CENT}

    def holds_s(self) -> dict[str, int]:
        """Polymarket's declared holds by condition id, where there is one."""
        markets = (market for event in self.polymarket.events for market in event.get("markets", ()))
        return {market["conditionId"]: market["secondsDelay"] for market in markets if market.get("secondsDelay")}


def load(path: Path | None, seed: int, now: WallNs, *, events: int = DEFAULT_EVENTS) -> Universe:
    """Make the synthetic universe, or read a recorded one from a pairs file.

    The synthetic one depends on seed, now and events (1..5000 games) only. Raises ValueError when the file or events is
    unusable.
    """
    if path is not None:
        kalshi, polymarket = recorded.read(path)
        return Universe(kalshi, polymarket, ())
    kalshi, polymarket, links = synthetic.make(seed, now, events)
    return Universe(kalshi, polymarket, links)
