"""Whether live orders may leave for Polymarket from here: its own word on this machine's address, asked before the start (B-427).

Blocked, or no plain answer, means no live trading from here. A simulated venue is asked at its own door only.
"""

from trading.errors import AuthFailed, VenueError
from trading.market import POLYMARKET
from trading.polymarket.client import PolymarketClient
from trading.settings import VenueSettings, is_loopback

__all__ = ["asks_place", "check_place"]


def asks_place(settings: VenueSettings) -> bool:
    """Whether there is anybody to ask: not the real venue about a simulated one."""
    return is_loopback(settings.polymarket_geoblock_url) or not is_loopback(settings.polymarket_clob_url)


async def check_place(settings: VenueSettings, client: PolymarketClient, *, step: str) -> None:
    """Raise AuthFailed, ending with what to do (step), where this place forbids the orders we would send; paper asks nobody."""
    if settings.dry_run or not asks_place(settings):
        return
    try:
        answer = await client.geoblock(settings.polymarket_geoblock_url)
    except VenueError as exc:
        raise AuthFailed(POLYMARKET, "place_unknown", f"{exc.detail}: this place counts as blocked; {step} (B-427)") from exc
    if answer.blocked:
        where = " ".join(filter(None, (answer.country, answer.region))) or "here"
        raise AuthFailed(POLYMARKET, "geoblocked", f"orders are refused from {where}; {step} (B-427)")
