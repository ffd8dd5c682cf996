"""Prove the keys before anything trades: a wrong key, clock or wallet is told at the start, not by the first leg of an arb."""

from collections.abc import Mapping

from controller.settings import ControllerSettings
from trading.connect import Connections
from trading.errors import AuthFailed
from trading.log import get_logger
from trading.market import POLYMARKET, Venue
from trading.venue import AccountQuery, VenueClient

__all__ = ["preflight"]

log = get_logger(__name__)


async def preflight(settings: ControllerSettings, connections: Connections, clients: Mapping[Venue, VenueClient]) -> None:
    """Derive the credentials that are missing and read balance and positions of each traded venue once. Polymarket's copy of the
    wallet is renewed first: one from before the last deposit or approval refuses every order (polymarket.md 7.1).

    Raises AuthFailed with the next step when a key, the clock or the wallet is refused; paper needs no proof.
    """
    if settings.dry_run:
        return
    for venue in sorted(settings.platforms):
        try:
            if venue == POLYMARKET and not settings.polymarket_api_key:
                await connections.polymarket.derive_credentials()
            if venue == POLYMARKET:
                await connections.polymarket.holdings.refresh()
            await clients[venue].account(AccountQuery(what="balances"))
            held = (await clients[venue].account(AccountQuery(what="positions"))).positions
        except AuthFailed as exc:
            step = "check the key, its file and this clock with `controller doctor`"
            raise AuthFailed(venue, exc.code, f"{exc.detail}; {step}") from exc
        if count := sum(bool(position.size) for position in held):
            step = "`controller reconcile` names each that is not in the journal: it counts in no limit and shuts its event"
            log.warning("positions_found", venue=venue, markets=count, next_step=step)
