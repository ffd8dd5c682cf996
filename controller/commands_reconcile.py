"""`controller reconcile`: where a venue's record and ours differ, why, and what follows (B-183).

It asks the running controller; with none running it reads journal and venues itself and changes nothing. With --adopt the venues'
positions are taken as they are: what is not ours is a stranger from then on, and a halt over a lost journal ends.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from controller.control import NotRunning, ask, control_path
from controller.durable import open_journal, state_path
from controller.halt import HaltFile
from controller.reconcile.compare import to_json
from controller.reconcile.gate import ABOUT_JOURNAL, Reconciler, Report
from controller.reconcile.ours import JournalOurs
from controller.settings import ControllerSettings
from trading.clock import SystemClock
from trading.connect import connect
from trading.errors import Misuse, TandemError, VenueError
from trading.http import Http, PooledHttp
from trading.ids import SystemIds
from trading.journal_file import FileJournal, JournalFailed
from trading.journal_sqlite import SqliteStore
from trading.log import setup_logging
from trading.market import KALSHI, POLYMARKET, Market, MarketId, Venue
from trading.stream import WebsocketsDialer
from trading.units import to_dollars
from trading.venue import AccountPage, AccountQuery

__all__ = ["answer", "lines_of", "register"]

_ANSWER_S = 120.0


def register(app: typer.Typer, settings: Callable[[str | None], ControllerSettings]) -> None:
    """Add the command; settings reads them for a state directory given by flag, or None."""

    @app.command()
    def reconcile(
        state_dir: Annotated[str | None, typer.Option("--state-dir", help="STATE_DIR", show_default=False)] = None,
        adopt: Annotated[bool, typer.Option("--adopt", help="take the venues' positions as they are, and go on")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="print JSON on stdout and nothing else")] = False,
    ) -> None:
        """Compare both venues' positions and orders with our record. Exit 0 = equal, 1 = differences, 2 = could not look."""
        known = settings(state_dir)
        setup_logging(known.log_level, Path(known.log_file) if known.log_file else None, console=False)  # the answer says it
        try:
            found = asyncio.run(_asked(known, adopt=adopt))
        except TandemError as exc:
            typer.echo(f"error: {exc}", err=True)
            raise typer.Exit(2) from None
        typer.echo(json.dumps(found) if as_json else "\n".join(lines_of(found)))
        raise typer.Exit(2 if found["unread"] else 0 if found["equal"] else 1)


async def answer(reconciler: Reconciler | None, halt: HaltFile, *, adopt: bool) -> dict[str, object]:
    """A fresh comparison as a mapping for JSON; with adopt after taking the venues' side. Raises TandemError."""
    if reconciler is None:
        raise Misuse("paper trading has no record at the venues to compare with")
    report = await reconciler.adopt() if adopt else await reconciler.ask()
    if adopt and not report.lost:
        _end_halt(halt)
    return _told(report)


def _end_halt(halt: HaltFile) -> None:
    reason, freeze = halt.state()
    if reason is not None and reason.startswith(ABOUT_JOURNAL) and not freeze:
        halt.clear()


def _told(report: Report) -> dict[str, object]:
    return {
        "schema": 1,
        "equal": report.equal,
        "differences": [to_json(one) for one in report.differences],
        "unread": dict(report.unread),
        "waiting": list(report.waiting),
        "notes": list(report.notes),
        "lost": report.lost,
        "cash_differences": list(report.cash_differences),
        "cash_dollars": {venue: to_dollars(cash) for venue, cash in report.cash.items()},
    }


def lines_of(found: Mapping[str, object]) -> Sequence[str]:
    """The comparison for people."""
    lines = [f"{venue}: {why}; its markets open nothing until it answers" for venue, why in _items(found["unread"])]
    if found["lost"]:
        lines.append(str(found["lost"]))
    for row in _rows(found["differences"]):
        assert isinstance(row, dict)
        lines += [str(row["line"]), f"  its event opens nothing, what is there is hedged; next: {row['next_step']}"]
    lines += [f"note: {row}" for row in _rows(found["notes"])]
    waiting = _rows(found["waiting"])
    if waiting:
        lines.append(f"not compared, orders under way: {', '.join(str(one) for one in waiting)}")
    lines += [f"{venue}: ${cash} free" for venue, cash in _items(found["cash_dollars"])]
    lines += [f"cash: {row}" for row in _rows(found["cash_differences"])]
    lines.append("equal" if found["equal"] else "NOT equal")
    return lines


def _items(value: object) -> Sequence[tuple[str, object]]:
    assert isinstance(value, dict)
    return list(value.items())


def _rows(value: object) -> Sequence[object]:
    assert isinstance(value, list)
    return value


# --- with or without a running controller ---------------------------------------------------------------------------------


async def _asked(settings: ControllerSettings, *, adopt: bool) -> dict[str, object]:
    try:
        found = await ask(control_path(state_path(settings)), "reconcile", timeout_s=_ANSWER_S, adopt=adopt)
    except NotRunning:
        return await _alone(settings, adopt=adopt)
    assert isinstance(found, dict)
    return found


async def _alone(settings: ControllerSettings, *, adopt: bool) -> dict[str, object]:
    world = settings.world()
    if world == "paper":
        raise Misuse("DRY_RUN=1: paper trading has no record at the venues to compare with")
    async with _journal(settings, write=adopt) as journal, _reader(settings) as (read, market):
        reconciler = Reconciler(
            (KALSHI, POLYMARKET),
            read=read,
            market=market,
            ours=JournalOurs(journal, world, write=adopt),
            numbers=journal,
            clock=SystemClock(),
        )
        return await answer(reconciler, HaltFile(state_path(settings)), adopt=adopt)


@asynccontextmanager
async def _journal(settings: ControllerSettings, *, write: bool) -> AsyncIterator[FileJournal]:
    """The journal itself under its lock, or a copy of it: to read must not change anything."""
    if write:
        async with open_journal(settings) as (journal, _):
            yield journal
        return
    with tempfile.TemporaryDirectory(prefix="tandem-reconcile-") as directory:
        for file in state_path(settings).glob("journal.sqlite*"):
            shutil.copy2(file, directory)
        try:
            journal = FileJournal(SqliteStore(Path(directory) / "journal.sqlite"), SystemClock())
        except JournalFailed as exc:
            raise JournalFailed(str(exc).replace(directory, str(state_path(settings)))) from exc  # the copy is gone by then
        try:
            yield journal
        finally:
            await journal.close()


_Read = Callable[[Venue, AccountQuery], Awaitable[AccountPage]]
_Terms = Callable[[Venue, MarketId], Awaitable[Market]]


@asynccontextmanager
async def _reader(settings: ControllerSettings) -> AsyncIterator[tuple[_Read, _Terms]]:
    """Reads of both venues with the keys that are here. A venue whose keys a trader has cannot be read: VenueError."""
    clock = SystemClock()
    opened: list[PooledHttp] = []

    def http(venue: Venue) -> Http:
        opened.append(PooledHttp(venue))
        return opened[-1]

    connections = connect(settings, http=http, dialer=WebsocketsDialer, clock=clock, ids=SystemIds(clock))

    async def read(venue: Venue, what: AccountQuery) -> AccountPage:
        if not connections.can_trade(venue):
            raise VenueError(venue, "no_keys", "its keys are not here; start the controller, whose trader has them")
        if venue == POLYMARKET and not settings.polymarket_api_key and not derived:
            derived.append(True)
            await connections.polymarket.derive_credentials()
        return await connections.clients[venue].account(what)

    async def market(venue: Venue, market_id: MarketId) -> Market:
        return await connections.clients[venue].market(market_id)

    derived: list[bool] = []
    try:
        yield read, market
    finally:
        for client in connections.clients.values():
            await client.close()
        for one in opened:
            await one.close()
