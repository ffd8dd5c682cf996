"""The composition root: the one file that knows everybody.

build(settings, ports) -> App wires clients, feeds, engine, gate and executors with plain constructor arguments. Production hands
in real ports, tests virtual ones; nothing below this file knows which.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from controller.adoption import Adoption
from controller.discovery.claims import DOMAINS
from controller.discovery.names import load as load_names
from controller.durable import state_path
from controller.engine import Engine
from controller.execution.arb import ArbRunner
from controller.execution.hybrid import HybridExecutor
from controller.execution.local import LocalExecutor
from controller.execution.tokens import LegTokens
from controller.halt import HaltFile
from controller.ledger.keeper import LedgerKeeper
from controller.ledger.memory import MemoryLedger
from controller.ledger.strangers import StrangerBooks
from controller.ledger.writer import LedgerWriter
from controller.link import Link, make_link
from controller.model import ArbClosed, Event
from controller.numbers import arb_settings, risk_settings
from controller.pairs.store import PairStore
from controller.ports import Ports
from controller.reconcile.gate import ABOUT_JOURNAL, Reconciler
from controller.reconcile.ours import RunningOurs, taken_over
from controller.records import Records
from controller.recovery import Recovery
from controller.risk.decision import Approved
from controller.risk.gate import Gate
from controller.runtime import Runtime
from controller.settings import ControllerSettings
from controller.state import State
from controller.strategy.cross_venue import CrossVenue
from controller.strategy.early_exit import EarlyExit
from controller.strategy.event_basket import EventBasket
from controller.strategy.synthetic import Synthetic
from trading.book import MarketChanged
from trading.connect import Connections, connect
from trading.errors import SettingsError
from trading.journal import Journal
from trading.journal_file import FileJournal
from trading.kalshi.feed import KalshiFeed
from trading.kalshi.poll import PolledFeed
from trading.log import get_logger
from trading.market import KALSHI, POLYMARKET, MarketId, Venue
from trading.order import LegRequest
from trading.paper import paper_client
from trading.polymarket.budget import Windows
from trading.polymarket.feed import PolymarketFeed
from trading.polymarket.gamma import Gamma
from trading.units import DOLLAR, Money, WallNs
from trading.venue import Feed, OrderTokens, VenueClient

__all__ = ["App", "build", "keeping"]

log = get_logger(__name__)


class App(msgspec.Struct, frozen=True, kw_only=True):
    """The wired system. runtime runs it; the rest is for reading, tests and commands."""

    settings: ControllerSettings
    ports: Ports
    connections: Connections
    gamma: Gamma
    feeds: Mapping[Venue, Feed]
    clients: Mapping[Venue, VenueClient]
    """Whoever executes and accounts here: the real clients, or paper ones around them."""
    state: State
    engine: Engine
    executor: HybridExecutor
    link: Link
    ledger: MemoryLedger
    records: Records
    adoption: Adoption
    runtime: Runtime
    recovery: Recovery | None
    """None: the journal dies with the process, and nothing of it can be recovered."""
    reconciler: Reconciler | None
    """None: the same journal, or paper, whose venues are this process."""
    keeper: LedgerKeeper | None
    """None without tables."""

    async def close(self) -> None:
        for client in self.connections.clients.values():
            await client.close()
        if self.ports.close is not None:
            await self.ports.close()


def build(
    settings: ControllerSettings,
    ports: Ports,
    *,
    epoch: int = 1,
    allow_live_test_arb: bool = False,
    notice: Callable[[str], None] = lambda line: None,
) -> App:
    """Wire the system. epoch fences controllers that came before (distributed.md 4.7). Raises SettingsError for keys and hosts
    that cannot be used."""
    world = settings.world()
    _check_leagues(settings)
    _check_live(settings, world, ports.journal)
    connections = connect(settings, http=ports.http, dialer=ports.dialer, clock=ports.clock, ids=ports.ids, notice=notice)
    numbers = risk_settings(settings, allow_live_test_arb=allow_live_test_arb)
    state = State(numbers)
    clients = _clients(settings, ports, connections, state, paper=world == "paper")
    local = {
        venue: LocalExecutor(
            client,
            ports.journal,
            ports.clock,
            ports.ids,
            name="paper" if world == "paper" else "local",
            market_of=state.markets.get,
            sleep=ports.sleep,
            probe=ports.probe,
        )
        for venue, client in clients.items()
        if world == "paper" or (venue in settings.platforms and connections.can_trade(venue))
    }
    for venue in settings.platforms:
        if venue not in local:
            raise SettingsError(f"CONTROLLER_PLATFORMS lists {venue}, but its keys for trading are not set")
    link = make_link(
        settings,
        journal=ports.journal,
        listener=ports.listener,
        clock=ports.clock,
        ids=ports.ids,
        epoch=epoch,
        market_of=state.markets.get,
        sleep=ports.sleep,
    )
    executor = HybridExecutor(
        local, link.remote, settings.platforms, settings.prefer_remote, dry_run_local=world == "paper" and settings.dry_run
    )

    def routes(legs: Sequence[LegRequest]) -> str | None:
        if world == "live" and (recovery is None or not recovery.done):
            return "what an earlier start left behind is not recovered yet"
        shut = reconciler.blocks(legs) if reconciler is not None else None
        return shut or executor.refuses(legs)

    budgets: dict[Venue, OrderTokens] = {}
    if world != "paper":
        budgets = {KALSHI: connections.kalshi.budget, POLYMARKET: connections.polymarket.budget}
    tokens = LegTokens(budgets, executor.goes_away, state.markets.get, ports.clock)
    gate = Gate(state, numbers, routes, ports.ids, world, epoch=epoch, tokens=tokens, at_once=executor.at_once)
    strategies = (CrossVenue(numbers), EventBasket(numbers), EarlyExit(numbers), Synthetic(settings.test_arb_type))
    engine = Engine(state, strategies, gate)
    ledger = MemoryLedger()
    books: LedgerWriter | None = None
    if ports.tables is not None:
        books = LedgerWriter(
            ports.tables,
            ports.clock,
            ports.offload,
            ports.sleep,
            markets=state.markets,
            pairs=state.pairs,
            books=state.books,
        )
    records = Records(Path(settings.state_dir), ports.clock, ports.offload, state.markets.get, books=books)
    runtime = Runtime(
        settings=settings,
        engine=engine,
        state=state,
        executor=executor,
        ledger=ledger,
        records=records,
        journal=ports.journal,
        connections=connections,
        clients=clients,
        link=link,
        clock=ports.clock,
        sleep=ports.sleep,
        freeze=ports.freeze,
    )

    def report(event: Event) -> None:
        runtime.on_report(event)
        if recovery is not None and isinstance(event, ArbClosed):
            recovery.close(event)

    def plan(approved: Approved) -> None:
        if recovery is not None:
            recovery.plan(approved)

    runner = ArbRunner(
        executor,
        gate,
        state,
        ports.clock,
        report,
        arb_settings(settings),
        ports.sleep,
        alarm=runtime.on_alarm,
        down=state.down,
        newest=lambda leg_id: stored[1] if (stored := ports.journal.stored(leg_id)) else None,
        plan=plan,
        taken_over=lambda arb: taken_over(ports.journal, arb),
    )
    feeds = _feeds(settings, ports, connections, runtime)
    recovery: Recovery | None = None
    if isinstance(ports.journal, FileJournal):
        recovery = Recovery(
            ports.journal,
            state=state,
            gate=gate,
            executor=executor,
            remote=link.remote,
            runner=runner,
            ledger=ledger,
            clients=clients,
            feeds=feeds,
            clock=ports.clock,
            world=world,
            deliver=runtime.on_event,
            sleep=ports.sleep,
        )
    reconciler: Reconciler | None = None
    if isinstance(ports.journal, FileJournal) and world != "paper":
        reconciler = Reconciler(
            (KALSHI, POLYMARKET),
            read=executor.account,
            market=lambda venue, market: clients[venue].market(market),
            ours=RunningOurs(state, ledger, ports.journal, executor, runtime.hear, world, running=runner.running),
            numbers=ports.journal,
            clock=ports.clock,
            sleep=ports.sleep,
            on_lost=lambda why: _halt(settings, why),
            epoch=epoch,
        )
        if world == "live":
            reconciler.begin()
    windows = Windows(ports.clock, settings.rate_share)
    gamma = Gamma(ports.http(POLYMARKET), settings.polymarket_gamma_url, sleep=ports.sleep, windows=windows)
    adoption = Adoption(
        settings=settings,
        connections=connections,
        clients=clients,
        gamma=gamma,
        feeds=feeds,
        state=state,
        deliver=runtime.on_event,
        clock=ports.clock,
        offload=ports.offload,
        decisions=PairStore(state_path(settings)),
        sleep=ports.sleep,
    )
    runtime.attach(runner, feeds, adoption)

    def last_compared() -> tuple[WallNs, tuple[str, ...]] | None:
        if reconciler is None or reconciler.last is None:
            return None
        at, report = reconciler.last
        unread = tuple(f"{venue} was not read: {why}" for venue, why in report.unread.items())
        return at, (*(one.line for one in report.differences), *unread)

    def settled(market_id: MarketId) -> None:
        market = state.markets.get(market_id)
        if market is not None and market.status != "settled":
            runtime.on_event(MarketChanged(msgspec.structs.replace(market, status="settled", tradable=False)))

    strangers: StrangerBooks | None = None
    if books is not None and ports.tables is not None and isinstance(ports.journal, FileJournal):
        strangers = StrangerBooks(
            ports.journal,
            ports.tables,
            books,
            ports.clock,
            ports.offload,
            venues=(KALSHI, POLYMARKET),
            read=executor.account,
        )
    keeper: LedgerKeeper | None = None
    if books is not None and ports.tables is not None:
        keeper = LedgerKeeper(
            books,
            ports.tables,
            clients,
            ports.clock,
            ports.offload,
            ports.sleep,
            halt=lambda why: _halt(settings, why),
            settled=settled,
            last_compared=last_compared,
            strangers=strangers,
        )
    return App(
        settings=settings,
        ports=ports,
        connections=connections,
        gamma=gamma,
        feeds=feeds,
        clients=clients,
        state=state,
        engine=engine,
        executor=executor,
        link=link,
        ledger=ledger,
        records=records,
        adoption=adoption,
        runtime=runtime,
        recovery=recovery,
        reconciler=reconciler,
        keeper=keeper,
    )


@contextlib.asynccontextmanager
async def keeping(system: App, journal: FileJournal) -> AsyncIterator[None]:
    """The ledger beside the body, where there is one."""
    if system.keeper is None or system.recovery is None:
        yield
        return
    async with system.keeper.running(journal, system.recovery.past):
        yield


def _check_leagues(settings: ControllerSettings) -> None:
    known = (*sorted(load_names().leagues), *DOMAINS)
    unknown = [league for league in settings.enabled_leagues if league not in known]
    if unknown:
        raise SettingsError(f"ENABLED_LEAGUES={','.join(unknown)}: unknown league (allowed: {', '.join(known)})")


def _check_live(settings: ControllerSettings, world: str, journal: Journal) -> None:
    if world != "live":
        return
    if settings.require_live_confirm and settings.live_confirm != "I_UNDERSTAND":
        raise SettingsError("REQUIRE_LIVE_CONFIRM=1: set LIVE_CONFIRM=I_UNDERSTAND to trade live (B-057)")
    if not journal.durable:
        raise SettingsError(
            "DRY_RUN=0 cannot trade on real venues: the journal is kept in memory and must be durable; run with DRY_RUN=1"
        )


def _halt(settings: ControllerSettings, why: str) -> None:
    """Durably, so that the halt is seen everywhere; what it is about stays shut even where the disk refuses. A person's halt stays
    a person's: an adoption ends only ours."""
    log.error("journal_in_doubt", why=why, next_step="run `controller reconcile`")
    switch = HaltFile(state_path(settings))
    reason, _ = switch.state()
    if reason is not None and not reason.startswith(ABOUT_JOURNAL):
        return
    try:
        switch.set(f"{ABOUT_JOURNAL}: {why}")
    except OSError as exc:
        log.error("halt_not_kept", error=str(exc))


def _clients(
    settings: ControllerSettings, ports: Ports, connections: Connections, state: State, *, paper: bool
) -> dict[Venue, VenueClient]:
    if not paper:
        return dict(connections.clients)
    cash = Money(int(settings.paper_starting_balance * DOLLAR))
    made: dict[Venue, VenueClient] = {}
    for venue, reads in connections.clients.items():
        made[venue] = paper_client(
            venue,
            reads=reads,
            book_of=state.books.get,
            clock=ports.clock,
            cash=cash,
            sleep=ports.sleep,
        )
    return made


def _feeds(settings: ControllerSettings, ports: Ports, connections: Connections, runtime: Runtime) -> dict[Venue, Feed]:
    """One feed per venue; without a Kalshi key its books are polled, shown and never traded (B-122)."""
    sink = runtime.on_logged_event if settings.price_logging else runtime.on_event
    kalshi: Feed
    if connections.signer is not None:
        kalshi = KalshiFeed(ports.dialer("kalshi"), settings.kalshi_ws_url, connections.signer, ports.clock, ports.ids, sink)
    else:
        kalshi = PolledFeed(
            ports.http(KALSHI),
            settings.kalshi_api_base,
            ports.clock,
            sink,
            interval_s=settings.price_fetch_interval,
        )
    polymarket = PolymarketFeed(
        ports.dialer("polymarket"),
        settings.polymarket_ws_url.rstrip("/") + "/market",
        ports.http(POLYMARKET),
        settings.polymarket_clob_url,
        ports.clock,
        ports.ids,
        sink,
    )
    return {KALSHI: kalshi, POLYMARKET: polymarket}
