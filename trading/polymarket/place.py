"""Whether live orders may leave for Polymarket: from this machine's address, by its own word (B-427), and from this wallet.

Blocked, or no plain answer, means no live trading from here; a simulated venue is asked at its own door only. A wallet that has not
let the exchanges move its money has its orders matched and never settled (polymarket.md 14). Both are asked before the start.
"""

from trading.errors import AuthFailed, VenueError
from trading.log import get_logger
from trading.market import POLYMARKET
from trading.polymarket.client import PolymarketClient
from trading.polymarket.contracts import EXCHANGE, NEG_RISK_EXCHANGE, PERMISSIONS
from trading.settings import VenueSettings, is_loopback

__all__ = ["asks_place", "check_permitted", "check_place"]

_log = get_logger("trading")
_NEEDED = tuple(row for row in PERMISSIONS if row.spender in (EXCHANGE, NEG_RISK_EXCHANGE))
"""What every order on a v1 market rests on."""


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


async def check_permitted(settings: VenueSettings, client: PolymarketClient) -> None:
    """Raise AuthFailed where the index of the chain says that an exchange may not move this wallet's money or tokens.

    Paper needs none. An index that does not answer, or does not name them, proves nothing: the CLOB's own check remains.
    """
    if settings.dry_run:
        return
    try:
        forbidden = await client.holdings.forbidden()
    except VenueError as exc:
        _log.warning("polymarket_permissions_unread", error=str(exc), next="run doctor before trading")
        return
    missing = [row for row in _NEEDED if (row.token.lower(), row.spender.lower()) in forbidden]
    if missing:
        names = ", ".join(f"{row.name} {row.spender} for {row.token}" for row in missing)
        why = f"wallet {client.holdings.wallet} has not permitted {names}; its orders would match and never settle"
        raise AuthFailed(POLYMARKET, "not_permitted", f"{why}: run controller treasury --apply")
