"""Market terms as a trader reads them: for Polymarket Gamma too, because its outcome 0 is our YES (design.md 6)."""

from collections.abc import Awaitable, Callable

from trader.app import Ports
from trader.settings import TraderSettings
from trading.connect import Connections
from trading.errors import Rejected
from trading.market import POLYMARKET, Market, MarketId, Venue
from trading.polymarket.gamma import Gamma
from trading.polymarket.wire import market_from

__all__ = ["ReadMarket", "market_reader"]

ReadMarket = Callable[[MarketId], Awaitable[Market]]


def market_reader(venue: Venue, settings: TraderSettings, ports: Ports, venues: Connections) -> ReadMarket:
    """Reads one market's terms now. The reader raises Rejected when the venue does not know the market."""
    if venue != POLYMARKET:
        return venues.clients[venue].market
    gamma = Gamma(ports.http(POLYMARKET), settings.polymarket_gamma_url, sleep=ports.sleep)

    async def read(market: MarketId) -> Market:
        row = await gamma.market(market)
        if row is None:
            raise Rejected(POLYMARKET, "not_found", "Gamma does not list it")
        venues.polymarket.remember([market_from({}, row, None, read_at=ports.clock.wall_ns())])
        return await venues.polymarket.market(MarketId(str(row["conditionId"])))

    return read
