"""One leg placed by hand, along the very path of a controller's leg: execute_leg, then resolve_leg while in doubt (B-074).

In DRY_RUN the leg meets the venue's real book, read once, and nothing is sent. Otherwise it is promised in a journal of its own
(STATE_DIR/manual-PLATFORM, so a running trader is not disturbed), sent at most once, and an answer that stays out is asked for
until it is known, at most 30 s. It is never sent again (B-093): the next call asks about it first, and places nothing on a market
whose last order is still not known.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from trader.app import Ports, connected
from trader.halt import HALTED, Halt
from trader.markets import market_reader
from trader.settings import TraderSettings
from trader.ticket import Ticket, check_against, leg_of
from trading.clock import SECOND
from trading.connect import Connections
from trading.errors import Rejected, SettingsError
from trading.execute import PROOF_NS, execute_leg, resolve_leg
from trading.ids import MANUAL, client_order_id, leg_id
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore
from trading.log import get_logger
from trading.market import POLYMARKET, Action, Market, Outcome
from trading.order import LegRequest, LegResult, Want, World
from trading.paper import paper_client
from trading.polymarket.place import check_place
from trading.settings import redacted
from trading.state_dir import StateDir
from trading.units import DOLLAR, Money, MonoNs, Size, to_dollars
from trading.venue import AccountQuery, VenueClient

__all__ = ["RESOLVE_NS", "Placed", "manual_trade", "place"]

RESOLVE_NS = 30 * SECOND
"""How long an open leg is asked about: its deadline, the grace and three denials fit (distributed.md 4.6)."""
_SETTLE_NS = 3 * SECOND
"""How long a fill's exact amounts are waited for; Kalshi's first answer holds averages."""

_log = get_logger("trader.manual")


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket and what became of it."""

    ticket: Ticket
    market: Market
    world: World
    result: LegResult


async def manual_trade(ticket: Ticket, settings: TraderSettings, ports: Ports, *, notice: Callable[[str], None]) -> Placed:
    """Place one leg and stay until its outcome is known or 30 s are over.

    Raises SettingsError for a value that cannot be (nothing was sent), VenueError when the venue cannot be read (nothing was
    sent). notice hears a line about anything a person should see meanwhile.
    """
    world = settings.world()
    if settings.configured not in (None, ticket.venue):
        raise SettingsError(f"--venue {ticket.venue}: this trader serves {settings.configured} (TRADER_PLATFORM)")
    venues = connected(settings, ports, notice)
    if world != "paper" and not venues.can_trade(ticket.venue):
        raise SettingsError(f"--venue {ticket.venue}: no keys to trade there; set {settings.key_names(ticket.venue)}")
    try:
        market = await _read_market(ticket, settings, ports, venues)
        check_against(ticket, market)  # before any key is used
        _log.info("settings", **{name.lower(): value for name, value in redacted(settings).items()})  # B-018
        async with _journal(ticket, settings, ports, world) as kept:
            client = await _client(ticket, market, settings, kept, venues, world)
            await _ask_about_earlier(ticket, client, kept, notice)
            if ticket.venue == POLYMARKET:  # after the look-ups, which are allowed everywhere (B-427)
                await check_place(settings, venues.polymarket, step="trade from where the venue allows it")
            if world != "paper" and ticket.want.action is Action.SELL:
                await _check_held(ticket.want, client)
            name = leg_id(kept.ids.arb(), MANUAL, 0)
            leg = leg_of(ticket, market, leg_id=name, world=world, now=kept.clock.mono_ns())
            halt = Halt(_state(settings, f"trader-{ticket.venue}"))
            result = await place(leg, market, client, kept, notice=notice, halt=halt if world != "paper" else None)
        return Placed(ticket=ticket, market=market, world=world, result=result)
    finally:
        for one in venues.clients.values():
            await one.close()


def _state(settings: TraderSettings, name: str) -> Path:
    return Path(settings.state_dir).expanduser() / name


@contextlib.asynccontextmanager
async def _journal(ticket: Ticket, settings: TraderSettings, ports: Ports, world: World) -> AsyncIterator[Ports]:
    """The ports with a journal that fits the world: a paper leg needs none on the disk. Raises SettingsError while another
    manual-trade of this platform runs, JournalFailed for a journal that cannot be trusted."""
    if world == "paper":
        yield ports
        return
    held = StateDir(_state(settings, f"manual-{ticket.venue}"))
    try:
        journal = FileJournal(SqliteStore(held.path / "journal.sqlite"), ports.clock)
        try:
            await journal.prune()
            yield msgspec.structs.replace(ports, journal=journal)
        finally:
            await journal.close()
    finally:
        held.close()


async def _ask_about_earlier(ticket: Ticket, client: VenueClient, ports: Ports, notice: Callable[[str], None]) -> None:
    """What an earlier call left without a final word is looked up first. Raises SettingsError when one of this market stays open:
    a person repeats what did not seem to work, and the same order twice is what must not be."""
    for leg in ports.journal.open_legs():
        name = client_order_id(leg.leg_id)
        notice(f"order {name} on {leg.want.market} has no final word from an earlier call; asking the venue")
        result = await resolve_leg(
            leg.leg_id,
            venue=client,
            journal=ports.journal,
            clock=ports.clock,
            deadline=MonoNs(ports.clock.mono_ns() + PROOF_NS),
            sleep=ports.sleep,
        )
        notice(f"order {name} is {result.state}, {to_dollars(result.filled)} filled")
        if not result.final and leg.want.market == ticket.want.market:
            raise SettingsError(
                f"--market {leg.want.market}: its order {name} is still not known; look it up at {leg.venue} first"
            )


async def _check_held(want: Want, client: VenueClient) -> None:
    """Kalshi turns a sale of what is not held into a purchase of the other outcome: a person means a sale when he says one."""
    page = await client.account(AccountQuery(what="positions", market=want.market))
    sign = 1 if want.outcome is Outcome.YES else -1
    held = sum(max(0, sign * row.size) for row in page.positions if row.market == want.market)
    if held < want.size:
        raise SettingsError(
            f"--contracts {to_dollars(want.size)}: only {to_dollars(Size(held))} {want.outcome.name} of {want.market} held; "
            f"sell less, or buy {want.outcome.other.name}"
        )


async def place(
    leg: LegRequest,
    market: Market,
    client: VenueClient,
    ports: Ports,
    *,
    notice: Callable[[str], None],
    halt: Halt | None = None,
) -> LegResult:
    """Execute a leg at most once and ask until it is final, then for the venue's own amounts. Never raises a VenueError. halt is
    this machine's kill switch, looked at just before the send."""
    name = client_order_id(leg.leg_id)
    hold = market.hold_ns or 0
    _log.info("manual_leg", leg=leg.leg_id, order=name, world=leg.world, venue=leg.venue, market=market.id)

    async def ask(until: str, most_ns: int) -> LegResult:
        return await resolve_leg(
            leg.leg_id,
            venue=client,
            journal=ports.journal,
            clock=ports.clock,
            deadline=MonoNs(ports.clock.mono_ns() + most_ns),
            sleep=ports.sleep,
            until="settled" if until == "settled" else "final",
            hold_ns=hold,
        )

    try:
        result = await execute_leg(
            leg,
            venue=client,
            market=market,
            journal=ports.journal,
            clock=ports.clock,
            ids=ports.ids,
            veto=lambda: (HALTED, why) if halt is not None and (why := halt.stops(leg.purpose)) is not None else None,
        )
        if not result.final:
            notice(f"order {name} is {result.state} ({result.code or 'no answer yet'}); asking the venue, at most 30 s")
            result = await ask("final", RESOLVE_NS + hold)
        if result.final and not result.settled:
            result = await ask("settled", _SETTLE_NS)
    except asyncio.CancelledError:
        known = ports.journal.stored(leg.leg_id)
        if known is not None and (known[1] is None or not known[1].final):
            notice(f"interrupted: order {name} on {leg.want.market} may exist at {leg.venue}; look it up there")
        raise
    _log.info("manual_result", leg=leg.leg_id, order=name, state=result.state, code=result.code, filled=result.filled)
    return result


async def _read_market(ticket: Ticket, settings: TraderSettings, ports: Ports, venues: Connections) -> Market:
    """The market's terms as they stand now. Raises SettingsError when the venue does not know it."""

    read = market_reader(ticket.venue, settings, ports, venues)
    try:
        return await read(ticket.want.market)
    except Rejected as exc:
        if not exc.code.endswith(("not_found", "http_404")):
            raise
        raise SettingsError(f"--market {ticket.want.market}: {ticket.venue} knows no such market") from exc


async def _client(
    ticket: Ticket, market: Market, settings: TraderSettings, ports: Ports, venues: Connections, world: World
) -> VenueClient:
    """Who executes: the real client with its keys proven, or a paper one that meets the book of this moment."""
    real = venues.clients[ticket.venue]
    if world != "paper":
        await real.warm()  # also takes the venue's clock, which signed stamps follow
        if ticket.venue == POLYMARKET and not settings.polymarket_api_key:
            await venues.polymarket.derive_credentials()
        return real
    book = await real.book(market.id)
    cash = Money(int(settings.paper_starting_balance * DOLLAR))
    want = ticket.want
    return paper_client(
        ticket.venue,
        reads=real,
        book_of={market.id: book}.get,
        clock=ports.clock,
        cash=cash,
        # a paper account lives as long as the command: what is sold is taken as owned
        held={(market.id, want.outcome): want.size} if want.action is Action.SELL else None,
        latency_ns=0,  # the book stands still, so waiting for the way and the hold would change nothing
        sleep=_at_once,
    )


async def _at_once(_: float) -> None:
    await asyncio.sleep(0)
