"""`trader`: run, halt, resume, accept-controller, manual-trade and doctor.

Every flag mirrors a variable where there is one (B-015, B-074, B-078). stdout carries what was asked for (with --json nothing but
JSON); notices and logs go to stderr. Exit 2 = a value is wrong and nothing was sent.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from trader.accept import Standing, accept_controller
from trader.app import Ports, production_ports
from trader.doctor import examine
from trader.halt import Halt
from trader.manual import manual_trade
from trader.serve import serve, state_path
from trader.settings import TraderSettings
from trader.show import EXIT_CODES, show_placed
from trader.ticket import parse_ticket
from trading.command import exit_code
from trading.crash import crash_probe
from trading.errors import SettingsError
from trading.log import setup_logging
from trading.settings import load
from trading.state_dir import StateDir

__all__ = ["app", "main"]

app = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    no_args_is_help=False,
    help="Tandem's trader: executes legs close to one venue for a controller. Without a command it dials the controller and"
    " serves it; paper trading is the default (DRY_RUN=1).",
)

DryRun = Annotated[
    bool | None, typer.Option("--dry-run/--live", help="DRY_RUN: paper, or really send the order", show_default=False)
]
Controller = Annotated[
    str | None, typer.Option("--controller", help="CONTROLLER_ADDRESS: host:port, several, by commas", show_default=False)
]
State = Annotated[str | None, typer.Option("--state-dir", help="STATE_DIR: journal, lock and HALT file", show_default=False)]
LinkDir = Annotated[str | None, typer.Option("--link-dir", help="LINK_DIR: identity.pem and peers.toml", show_default=False)]
Config = Annotated[Path | None, typer.Option("--config", help="a config.toml elsewhere", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object on stdout and nothing else")]


def _run(flags: dict[str, object], config: Path | None, work: Callable[[TraderSettings, Ports], Awaitable[int]]) -> None:
    """Load settings, open ports and run a command to its exit code; every failure is one line and no trace."""

    async def whole(settings: TraderSettings) -> int:
        ports = production_ports()
        try:
            return await work(settings, ports)
        finally:
            await ports.close()

    def command() -> int:
        settings = load(
            TraderSettings,
            flags=flags,
            environ=os.environ,
            directory=Path.cwd(),
            config=config,
            shared=True,
            notice=lambda line: typer.echo(f"note: {line}", err=True),
        )
        setup_logging(settings.log_level, Path(settings.log_file) if settings.log_file else None)
        return asyncio.run(whole(settings))

    raise typer.Exit(exit_code(command))


def _runs(home: Path) -> bool:
    """Whether a trader holds the lock of this state directory."""
    try:
        StateDir(home).close()
    except SettingsError:
        return True
    return False


@app.callback()
def _default(
    context: typer.Context,
    dry_run: DryRun = None,
    controller: Controller = None,
    state_dir: State = None,
    link_dir: LinkDir = None,
    config: Config = None,
) -> None:
    """Serve the controller when no command is given (B-073)."""
    if context.invoked_subcommand is None:
        context.invoke(run, **context.params)
    elif any(context.params.values()) or dry_run is False:
        # a flag lost on the way could turn paper into orders: it is refused, never ignored
        typer.echo(f"error: put the flags after the command: trader {context.invoked_subcommand} ...", err=True)
        raise typer.Exit(2)


@app.command()
def run(
    dry_run: DryRun = None,
    controller: Controller = None,
    state_dir: State = None,
    link_dir: LinkDir = None,
    config: Config = None,
) -> None:
    """Dial the controller and execute its legs until stopped with Ctrl-C or SIGTERM.

    Keys stay here; limits of this machine (TRADER_MAX_...) hold whatever the controller asks. Exit 2 = a value is wrong.
    """
    flags: dict[str, object] = {
        "dry_run": dry_run,
        "controller_address": controller,
        "state_dir": state_dir,
        "link_dir": link_dir,
    }

    def work(settings: TraderSettings, ports: Ports) -> Awaitable[int]:
        probe = crash_probe(os.environ, settings.world())
        return serve(settings, ports, notice=lambda line: typer.echo(f"note: {line}", err=True), probe=probe)

    _run(flags, config, work)


@app.command()
def halt(
    reason: Annotated[str, typer.Argument(help="why; shown wherever the halt is")] = "by hand",
    freeze: Annotated[bool, typer.Option("--freeze", help="also stop what completes or unwinds an arb under way")] = False,
    state_dir: State = None,
    config: Config = None,
) -> None:
    """Stop this trader's new orders now, running or not; the file is looked at before each send."""

    async def work(settings: TraderSettings, _: Ports) -> int:
        home = state_path(settings)
        switch = Halt(home)
        try:
            switch.set(reason, freeze=freeze)
        except OSError as exc:
            raise SettingsError(f"{switch.path}: {exc.strerror}; end the trader instead") from exc
        typer.echo(f"{switch.path}: {'frozen' if freeze else 'halted'}; end it with: trader resume")
        if not _runs(home):  # typed in another directory it would stop nobody, and look as if it had
            typer.echo("note: no trader of that state directory runs now; another one: --state-dir or STATE_DIR", err=True)
        return 0

    _run({"state_dir": state_dir}, config, work)


@app.command()
def resume(
    state_dir: State = None,
    config: Config = None,
) -> None:
    """End a halt of this trader."""

    async def work(settings: TraderSettings, _: Ports) -> int:
        switch = Halt(state_path(settings))
        try:
            ended = switch.clear()
        except OSError as exc:
            raise SettingsError(f"{switch.path}: {exc.strerror}; remove that file as its owner") from exc
        typer.echo(f"{switch.path}: {'trading is allowed again' if ended else 'was not halted'}")
        return 0

    _run({"state_dir": state_dir}, config, work)


@app.command(name="accept-controller")
def accept_controller_command(
    epoch: Annotated[int, typer.Option(help="the `start N` in the first line of that controller's status")],
    yes: Annotated[
        bool, typer.Option("--yes", help="do not ask: I have read what stands open, no other controller runs")
    ] = False,
    state_dir: State = None,
    link_dir: LinkDir = None,
    config: Config = None,
) -> None:
    """Let in a controller whose state was lost (`stale_epoch`). Stop this trader first.

    Shows the pinned controller and every open leg, asks, and takes starts from that number on. The controller that comes knows
    nothing of those legs: compare with the venue (docs/operations.md).
    """

    def sure(standing: Standing) -> bool:
        typer.echo(f"pinned controller: {standing.controller} {standing.fingerprint}; highest start met: {standing.epoch}")
        typer.echo(f"open legs, of which that controller will know nothing: {len(standing.open_legs) or 'none'}")
        for line in standing.open_legs:
            typer.echo(f"  {line}")
        return yes or typer.confirm(f"no other controller runs, and start {epoch} may command this trader?")

    async def work(settings: TraderSettings, ports: Ports) -> int:
        await accept_controller(settings, ports, epoch=epoch, sure=sure)
        typer.echo(f"starts from {epoch} on are let in; start this trader again")
        return 0

    _run({"state_dir": state_dir, "link_dir": link_dir}, config, work)


@app.command(name="manual-trade")
def manual_trade_command(
    venue: Annotated[str, typer.Option(help="kalshi or polymarket")],
    market: Annotated[str, typer.Option(help="Kalshi ticker or Polymarket condition id")],
    outcome: Annotated[str, typer.Option(help="yes or no; on Polymarket yes is Gamma's first outcome")],
    action: Annotated[str, typer.Option(help="buy or sell")],
    limit: Annotated[str, typer.Option(help="worst price in dollars of that outcome, for example 0.42")],
    contracts: Annotated[
        str,
        typer.Option(
            help="how many, for example 3 or 2.5; Polymarket spends limit x this in dollars, so a better price gives more"
        ),
    ],
    tif: Annotated[str, typer.Option(help="ioc = what is there now, fok = all or nothing")] = "ioc",
    dry_run: DryRun = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Place one leg through the same path as a controller's and print what became of it.

    In paper it meets the venue's real book, read once. Exit 0 = filled, in part or not at all; 1 = the venue said no or
    could not be read; 2 = a value is wrong, nothing was sent; 3 = sent, and the outcome is not known yet: look it up.
    """

    async def work(settings: TraderSettings, ports: Ports) -> int:
        ticket = parse_ticket(
            venue=venue, market=market, outcome=outcome, action=action, limit=limit, contracts=contracts, tif=tif
        )
        placed = await manual_trade(ticket, settings, ports, notice=lambda line: typer.echo(line, err=True))
        show_placed(placed, as_json=as_json)
        code = EXIT_CODES[placed.result.state]
        if code == 3:
            typer.echo(
                f"order {placed.result.client_order_id} may exist at {ticket.venue}: look it up there, do not send it again",
                err=True,
            )
        return code

    _run({"dry_run": dry_run}, config, work)


@app.command()
def doctor(config: Config = None, as_json: AsJson = False) -> None:
    """Check keys, clock, reachability and balance of this trader's platform without trading; one line each.

    The platform is TRADER_PLATFORM, or the one whose keys are set. Exit 1 = a check failed.
    """

    async def work(settings: TraderSettings, ports: Ports) -> int:
        return await examine(settings, ports, as_json=as_json)

    _run({}, config, work)


def main() -> None:
    app()
