"""`controller`: run, discover, demo, doctor, treasury. Every flag mirrors a variable; flags win.

stdout carries what was asked for (with --json nothing but JSON); progress and logs go to stderr. Exit 2 = a setting is wrong.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from controller.alarms import TripWatch
from controller.alerts import alerting
from controller.app import App, build, keeping
from controller.commands_control import register
from controller.commands_ledger import register as register_ledger
from controller.commands_pairs import register as register_pairs
from controller.commands_reconcile import answer
from controller.commands_reconcile import register as register_reconcile
from controller.commands_status import register as register_status
from controller.control import control_path, serving
from controller.drain import Drain
from controller.durable import open_journal, open_tables, state_path
from controller.halt import HaltFile, HaltWatch
from controller.ledger.database import LedgerFailed
from controller.ledger.store import LedgerStore
from controller.model import Command
from controller.overdue import OverdueWatch
from controller.ports import Ports, production_ports
from controller.preflight import preflight
from controller.progress import ProgressReport
from controller.settings import ControllerSettings
from controller.show import brief, show_discovery
from controller.status import status_of
from controller.strategy.synthetic import Synthetic
from trading.clock import SECOND, SystemClock
from trading.command import exit_code
from trading.crash import crash_probe
from trading.earlier import begin_in_place
from trading.errors import SettingsError, TandemError
from trading.journal_file import FileJournal
from trading.log import get_logger, setup_logging
from trading.market import POLYMARKET
from trading.settings import load, redacted
from trading.units import to_dollars

__all__ = ["app", "main"]

log = get_logger(__name__)

app = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    no_args_is_help=False,
    help="Tandem's controller. Without a command it runs the arbitrage system; paper trading is the default (DRY_RUN=1).",
)

DryRun = Annotated[
    bool | None, typer.Option("--dry-run/--live", help="DRY_RUN: paper, or really send orders", show_default=False)
]
Platforms = Annotated[
    str | None, typer.Option("--controller-platforms", help="CONTROLLER_PLATFORMS: legs executed here", show_default=False)
]
Leagues = Annotated[str | None, typer.Option("--leagues", help="ENABLED_LEAGUES: comma separated", show_default=False)]
Config = Annotated[Path | None, typer.Option("--config", help="a config.toml elsewhere", show_default=False)]
Force = Annotated[
    bool | None,
    typer.Option("--force-discovery/--no-force-discovery", help="FORCE_DISCOVERY: ignore the cache", show_default=False),
]
DiscoveryOnly = Annotated[
    bool | None,
    typer.Option("--discovery-only/--no-discovery-only", help="DISCOVERY_ONLY: print pairs, exit", show_default=False),
]
StateDir = Annotated[str | None, typer.Option("--state-dir", help="STATE_DIR: decisions and records", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON on stdout and nothing else")]
Record = Annotated[Path | None, typer.Option("--record", help="tap raw frames into this directory", show_default=False)]
LiveTest = Annotated[bool, typer.Option("--allow-live-test-arb", help="let TEST_ARB place real orders")]


def _settings(flags: dict[str, object], config: Path | None) -> ControllerSettings:
    return load(
        ControllerSettings,
        flags=flags,
        environ=os.environ,
        directory=Path.cwd(),
        config=config,
        notice=lambda line: typer.echo(f"note: {line}", err=True),  # no log is set up yet
    )


def _run(work: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Run a command to its exit code; every failure is one line and no trace."""
    raise typer.Exit(exit_code(lambda: asyncio.run(work())))


def _prepared(flags: dict[str, object], config: Path | None) -> ControllerSettings:
    """Settings with logging set up. Exits 2 on a malformed one."""
    try:
        settings = _settings(flags, config)
        setup_logging(settings.log_level, Path(settings.log_file) if settings.log_file else None)
    except SettingsError as exc:
        typer.echo(f"error: {exc}", err=True)
        raise typer.Exit(2) from None
    return settings


@app.callback()
def _default(
    context: typer.Context,
    dry_run: DryRun = None,
    platforms: Platforms = None,
    leagues: Leagues = None,
    config: Config = None,
    force: Force = None,
    discovery_only: DiscoveryOnly = None,
    state_dir: StateDir = None,
    record: Record = None,
    as_json: AsJson = False,
    allow_live_test_arb: LiveTest = False,
) -> None:
    """Run the arbitrage system when no command is given."""
    if context.invoked_subcommand is None:
        context.invoke(run, **context.params)
    elif any(context.params.values()) or dry_run is False:
        # a flag lost on the way could turn paper into orders: it is refused, never ignored
        typer.echo(f"error: put the flags after the command: controller {context.invoked_subcommand} ...", err=True)
        raise typer.Exit(2)


@app.command()
def run(
    dry_run: DryRun = None,
    platforms: Platforms = None,
    leagues: Leagues = None,
    config: Config = None,
    force: Force = None,
    discovery_only: DiscoveryOnly = None,
    state_dir: StateDir = None,
    record: Record = None,
    as_json: AsJson = False,
    allow_live_test_arb: LiveTest = False,
) -> None:
    """Find pairs, stream both venues and trade. Ctrl-C stops new arbs, lets running ones end, then closes."""
    settings = _prepared(
        {
            "dry_run": dry_run,
            "controller_platforms": platforms,
            "enabled_leagues": leagues,
            "force_discovery": force,
            "discovery_only": discovery_only,
            "state_dir": state_dir,
        },
        config,
    )
    if settings.discovery_only:
        _run(lambda: _discover(settings, as_json=as_json))
    _run(lambda: _trade(settings, record=record, allow_live_test_arb=allow_live_test_arb, as_json=as_json))


@app.command(name="discover")
def discover_command(
    leagues: Leagues = None,
    config: Config = None,
    force: Force = None,
    as_json: AsJson = False,
) -> None:
    """Match both venues' markets, print the pairs per league with the reasons of misses, and exit. Needs no keys."""
    settings = _prepared({"enabled_leagues": leagues, "force_discovery": force}, config)
    _run(lambda: _discover(settings, as_json=as_json))


@app.command()
def doctor(config: Config = None, platforms: Platforms = None, as_json: AsJson = False) -> None:
    """Check settings, keys, clock, venues and fees without trading; one line each with the next step."""
    from controller.doctor import examine

    settings = _prepared({"controller_platforms": platforms}, config)
    _run(lambda: examine(settings, as_json=as_json))


@app.command(name="treasury")
def treasury_command(
    config: Config = None,
    want: Annotated[str | None, typer.Option("--want", help="free cash wanted: kalshi:3=100,polymarket=200 (dollars)")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="do the steps, not only show them")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask before moving money on the real venues")] = False,
    as_json: AsJson = False,
) -> None:
    """Show cash per venue and shard, allowances, what to merge or redeem, and what is missing to trade; --apply mends it."""
    from controller.treasury import treasury

    settings = _prepared({}, config)
    _run(lambda: treasury(settings, want=want, apply=apply, yes=yes, as_json=as_json))


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="chance of the simulated venues")] = 1,
    speed: Annotated[float, typer.Option(help="how fast the scripted minute runs", min=0.2, max=3)] = 1.0,
    headless: Annotated[bool, typer.Option("--headless", help="no table at the end, just the JSON object")] = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Run the whole system offline against both simulated venues for a scripted minute (needs no keys, no network)."""
    from controller.demo import run_demo

    directory = Path(state_dir) if state_dir else Path(tempfile.mkdtemp(prefix="tandem-demo-"))
    setup_logging("WARNING" if as_json or headless else "INFO", directory / "demo.log")
    _run(lambda: run_demo(directory, seed=seed, speed=speed, headless=headless, as_json=as_json))


async def _discover(settings: ControllerSettings, *, as_json: bool) -> int:
    ports = production_ports()
    try:
        system = build(settings, ports)
        with ProgressReport("discovery", quiet=as_json and not sys.stderr.isatty()) as progress:
            found = await system.adoption.discover(progress=progress, force=settings.force_discovery)
        show_discovery(found, as_json=as_json)
        return 1 if found.failures else 0
    finally:
        if ports.close is not None:
            await ports.close()


async def _trade(settings: ControllerSettings, *, record: Path | None, allow_live_test_arb: bool, as_json: bool) -> int:
    alerts = alerting(settings.alert_url.reveal(), settings.alert_command, SystemClock())
    async with alerts, open_journal(settings) as (journal, epoch):
        return await _trade_with(
            settings, journal, epoch, record=record, allow_live_test_arb=allow_live_test_arb, as_json=as_json
        )


async def _trade_with(
    settings: ControllerSettings,
    journal: FileJournal,
    epoch: int,
    *,
    record: Path | None,
    allow_live_test_arb: bool,
    as_json: bool,
) -> int:
    ports = production_ports(record=record, journal=journal, insecure_bind=settings.link_insecure_bind)
    tables = await _tables(settings, ports)
    ports = msgspec.structs.replace(ports, probe=crash_probe(os.environ, settings.world()), tables=tables)
    try:
        system = build(
            settings,
            ports,
            epoch=epoch,
            allow_live_test_arb=allow_live_test_arb,
            notice=lambda line: log.warning("key_file", note=line),
        )
        log.info("settings", **{name.lower(): value for name, value in redacted(settings).items()})
        _banner(system)
        if POLYMARKET in settings.platforms:
            step = "run its trader where the venue allows it, or take polymarket out of CONTROLLER_PLATFORMS"
            client, clock = system.connections.polymarket, ports.clock
            await begin_in_place(settings, client, journal=journal, clock=clock, sleep=ports.sleep, step=step)
        await preflight(settings, system.connections, system.clients)
        with ProgressReport("start") as progress:
            found = await system.adoption.discover(progress=progress, force=settings.force_discovery)
            await system.adoption.adopt(found, progress=progress)
        if found.failures and not found.pairs:
            raise TandemError(f"no pairs: {'; '.join(brief(found.failures))}")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, system.runtime.stop)
        waiting = loop.create_task(_test_arb(system)) if settings.test_arb else None
        recovery = system.recovery
        assert recovery is not None  # the journal is a file
        switch = HaltFile(state_path(settings))
        loop.add_signal_handler(signal.SIGUSR1, switch.set, "signal SIGUSR1")
        watch = HaltWatch(
            switch, deliver=system.runtime.on_event, traders=system.link.traders, journal=journal, clock=ports.clock
        )
        await watch.look()  # a halt of an earlier start holds before the first book is read

        async def status(_: Mapping[str, object]) -> object:
            return status_of(system, switch, journal, epoch)

        async def gaps(_: Mapping[str, object]) -> object:
            return {pair: to_dollars(gap) for pair, gap in (await system.runtime.gaps()).items()}

        async def reconcile(asked: Mapping[str, object]) -> object:
            if not recovery.done:
                raise TandemError("the controller is still starting; ask again in a moment")
            found = await answer(system.reconciler, switch, adopt=asked.get("adopt") is True)
            if system.keeper is not None and asked.get("adopt") is True:
                await system.keeper.adjust()
            return found

        rest = Drain(
            switch,
            look=watch.look,
            running=lambda: system.runtime.running + recovery.waiting,
            alarms=lambda: len(system.runtime.counts.alarmed),
            executor=system.executor,
            journal=journal,
            ledger=system.ledger,
        )

        async def drain(_: Mapping[str, object]) -> object:
            if not recovery.done:
                raise TandemError("the controller is still starting; ask again in a moment")
            return await rest.ask()

        trips = TripWatch(system.engine.gate.breaker, ports.clock)
        overdue = OverdueWatch(journal, ports.clock, int(settings.unknown_alarm_secs * SECOND))
        watching = [loop.create_task(one) for one in (watch.run(), trips.run(), overdue.run(), system.adoption.follow())]
        if system.reconciler is not None:
            system.reconciler.begin()
            watching.append(loop.create_task(system.reconciler.run(after=lambda: recovery.done)))
        try:
            answers = {"status": status, "gaps": gaps, "reconcile": reconcile, "drain": drain}
            async with keeping(system, journal), serving(control_path(state_path(settings)), answers):
                reader = system.reconciler
                await recovery.run_with(system.runtime, lambda: reader is None or reader.last is not None)
        finally:
            for one in watching:
                one.cancel()
        if waiting is not None:
            waiting.cancel()
        result = system.runtime.summary()
        if as_json:
            typer.echo(json.dumps(result))
        else:
            _say_goodbye(result)
        return 0
    finally:
        if ports.close is not None:
            await ports.close()


async def _tables(settings: ControllerSettings, ports: Ports) -> LedgerStore | None:
    """The ledger, or none and a durable halt: what an earlier start left open is hedged all the same."""
    try:
        return await open_tables(settings, ports.offload)
    except LedgerFailed as exc:
        switch = HaltFile(state_path(settings))
        if switch.state()[0] is None:
            switch.set(f"no ledger: {exc}")
        step = "mend it, start again, then `controller resume`; exits go on meanwhile"
        log.error("ledger_not_opened", error=str(exc), next_step=step)
        return None


def _say_goodbye(result: Mapping[str, object]) -> None:
    typer.echo(
        f"stopped: {result['executions']} executions, {result['matched_contracts']} contracts matched, "
        f"profit ${result['net_pnl_dollars']}, unhedged {result['unhedged_contracts']}",
        err=True,
    )


async def _test_arb(system: App) -> None:
    await system.runtime.wait_ready(60)  # of a large universe some book may never be: one basket is enough
    kind, command = system.settings.test_arb_type, Command("test_arb")
    if Synthetic(kind).on_event(command, system.state, system.ports.clock.mono_ns()):
        system.runtime.on_event(command)
    else:
        why = f"no basket of TEST_ARB_TYPE={kind} has all its books"
        log.warning("test_arb_not_injected", why=why, next_step="see `controller pairs list` for what is watched")


def _banner(system: App) -> None:
    settings = system.settings
    world = settings.world()
    log.warning(
        "starting",
        world=world,
        orders="none leave this process" if world == "paper" else "WILL BE SENT",
        platforms=",".join(sorted(settings.platforms)) or "none",
        max_trade_usd=settings.max_trade_size,
        max_contracts_market=settings.cb_max_position_per_market,
        max_contracts_total=settings.cb_max_total_position,
        daily_loss_cents=settings.cb_max_daily_loss,
    )
    if world != "paper" and not settings.platforms:
        log.warning("no_platforms", note="CONTROLLER_PLATFORMS is empty: this process places no order itself")
    if system.connections.signer is None:
        log.warning("kalshi_watch_only", note="no Kalshi key: its books are polled and shown, never traded")


register(app, lambda state_dir: _prepared({"state_dir": state_dir}, None))
register_status(app, lambda state_dir: _prepared({"state_dir": state_dir}, None))
register_reconcile(app, lambda state_dir: _prepared({"state_dir": state_dir}, None))
register_ledger(app, lambda state_dir: _prepared({"state_dir": state_dir}, None))
register_pairs(app, lambda state_dir: _prepared({"state_dir": state_dir}, None))


def main() -> None:
    app()
