"""Whether live orders may leave for Polymarket from here: its own word on this machine's address, asked before the start (B-427).

Blocked, or no plain answer, means no live trading from here. A simulated venue is asked at its own door only.
"""

from controller.settings import ControllerSettings
from trading.errors import AuthFailed, VenueError
from trading.market import POLYMARKET
from trading.polymarket.client import PolymarketClient
from trading.settings import is_loopback

__all__ = ["asks_place", "check_place"]


def asks_place(settings: ControllerSettings) -> bool:
    """Whether there is anybody to ask: not the real venue about a simulated one."""
    return is_loopback(settings.polymarket_geoblock_url) or not is_loopback(settings.polymarket_clob_url)


async def check_place(settings: ControllerSettings, client: PolymarketClient) -> None:
    """Raise AuthFailed where this process would send orders to Polymarket that its place forbids; paper asks nobody."""
    if settings.dry_run or POLYMARKET not in settings.platforms or not asks_place(settings):
        return
    step = "run its trader where the venue allows it, or take polymarket out of CONTROLLER_PLATFORMS (B-427)"
    try:
        answer = await client.geoblock(settings.polymarket_geoblock_url)
    except VenueError as exc:
        raise AuthFailed(POLYMARKET, "place_unknown", f"{exc.detail}: this place counts as blocked; {step}") from exc
    if answer.blocked:
        where = " ".join(filter(None, (answer.country, answer.region))) or "here"
        raise AuthFailed(POLYMARKET, "geoblocked", f"orders are refused from {where}; {step}")
