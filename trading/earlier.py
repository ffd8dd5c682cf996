"""A live start on Polymarket from here: where its orders are refused, what an earlier start left is still looked up (B-427).

To ask about an order is allowed in every place. So the journal learns what became of the legs that a start in another place, or of
another day, left without a final word, before this one says that it cannot trade. Nothing is sent.
"""

import asyncio
from collections.abc import Awaitable, Callable

from trading.clock import Clock
from trading.errors import AuthFailed, TandemError
from trading.execute import PROOF_NS, resolve_leg
from trading.journal import Journal
from trading.log import get_logger
from trading.market import POLYMARKET
from trading.order import LegRequest
from trading.polymarket.client import PolymarketClient
from trading.polymarket.place import check_permitted, check_place
from trading.settings import VenueSettings
from trading.units import MonoNs

__all__ = ["begin_in_place"]

_log = get_logger("trading")


async def begin_in_place(
    settings: VenueSettings,
    client: PolymarketClient,
    *,
    journal: Journal,
    clock: Clock,
    sleep: Callable[[float], Awaitable[None]],
    step: str,
) -> None:
    """check_place and check_permitted, and before an AuthFailed of theirs leaves: one look-up, of about a minute at most, of each
    open leg of this journal."""
    try:
        await check_place(settings, client, step=step)
        await check_permitted(settings, client)
    except AuthFailed:
        legs = [
            leg
            for leg in journal.open_legs()
            if leg.venue == POLYMARKET and leg.world == settings.world() and journal.prepared(leg.leg_id) is not None
        ]
        if legs:
            await _look_up(legs, settings, client, journal, clock, sleep)
        raise


async def _look_up(
    legs: list[LegRequest],
    settings: VenueSettings,
    client: PolymarketClient,
    journal: Journal,
    clock: Clock,
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    """Ask about all at once; what cannot be asked, or is not known by then, stays open for the next start."""
    deadline = MonoNs(clock.mono_ns() + PROOF_NS)

    async def ask(leg: LegRequest) -> None:
        try:
            result = await resolve_leg(leg.leg_id, venue=client, journal=journal, clock=clock, deadline=deadline, sleep=sleep)
        except TandemError as exc:
            _log.warning("leg_not_resolved", leg=leg.leg_id, market=leg.want.market, error=str(exc))
            return
        _log.warning(
            "leg_of_an_earlier_start", leg=leg.leg_id, market=leg.want.market, state=result.state, filled=result.filled
        )

    try:
        await client.warm()
        if not settings.polymarket_api_key:
            await client.derive_credentials()
    except TandemError as exc:
        _log.error("legs_not_asked_about", legs=len(legs), error=str(exc), next="look them up at the venue")
        return
    await asyncio.gather(*(ask(leg) for leg in legs))
