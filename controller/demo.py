"""The scripted minute: both simulated venues in a process of their own, a real trader in another, the real controller here.

Kalshi legs are executed locally, Polymarket legs by the trader over the link; half-way the trader is killed and comes back.
At the end every leg is asked about until the venues' own amounts are known, and cash, fees and positions by our arithmetic are
held against each venue's record through its own API: any difference is printed and makes the command fail.
"""

import asyncio
import contextlib
import json
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import typer
from rich.console import Console
from rich.table import Table

from controller.app import App, build, keeping
from controller.demo_trader import DemoTrader, make_identities
from controller.durable import open_journal, open_tables, state_path
from controller.ledger.database import open_ledger, url_of
from controller.ledger.memory import Difference, compare
from controller.ledger.reader import LedgerReader, day_of, days_back
from controller.ports import production_ports
from controller.progress import ProgressReport
from controller.risk.refusals import REFUSALS
from controller.settings import ControllerSettings
from trading.connect import Connections, connect
from trading.errors import TandemError
from trading.log import get_logger
from trading.market import KALSHI, POLYMARKET, Outcome, Venue
from trading.settings import load
from trading.venue import AccountQuery

__all__ = ["exit_code", "run_demo"]

log = get_logger(__name__)

_START_S = 30.0
_READY_S = 30.0
_SCRIPT_S = 90.0
_SETTLE_S = 30.0
_LOCAL = "kalshi"
_REMOTE_KEYS = ("POLY_", "POLYMARKET_API_", "POLYMARKET_PRIVATE")
"""Variables only the trader gets: this process holds no key of the venue it does not execute (B-091)."""
_DROP_AT_S = 24
"""Script second from which the trader is killed as soon as one of its legs is in flight."""
_AWAY_S = 4.0
"""Long enough that new arbs meet a venue without a route."""


async def run_demo(directory: Path, *, seed: int, speed: float, headless: bool, as_json: bool) -> int:
    """Run it and print the result; 0 when nothing is unhedged or alarmed and no figure differs from the venues',
    else 1."""
    began = time.monotonic()
    async with _venues(directory, seed=seed, speed=speed) as card:
        everything = _environment(card)
        home, away = make_identities(directory)
        settings = load(
            ControllerSettings,
            flags={
                "dry_run": False,
                "controller_platforms": _LOCAL,
                "link_dir": str(home),
                "link_port": _free_port(),
                "state_dir": str(directory),
                "discovery_cache_path": str(directory / "discovery_cache.json"),
                "discovery_interval_mins": 0,
                "cb_max_total_position": 10_000,  # a minute of demo trades more than a careful first day
                "cb_max_position_per_market": 1_000,
            },
            environ={name: value for name, value in everything.items() if not name.startswith(_REMOTE_KEYS)},
            directory=directory,
        )
        trader = DemoTrader(directory, away["polymarket"], f"{settings.link_host}:{settings.link_port}", everything)
        async with open_journal(settings) as (journal, epoch):
            ports = production_ports(journal=journal)
            ports = msgspec.structs.replace(ports, tables=await open_tables(settings, ports.offload))
            system = build(settings, ports, epoch=epoch)
            auditor = connect(
                load(ControllerSettings, environ=everything, directory=directory),
                http=ports.http,
                dialer=ports.dialer,
                clock=ports.clock,
                ids=ports.ids,
            )
            try:
                async with keeping(system, journal):
                    result, differences = await _trade(system, auditor, trader, card)
                differences += _tables_differ(system)
            finally:
                await trader.close()
                for client in auditor.clients.values():
                    await client.close()
                await system.close()
    result["venue_differences"] = len(differences)
    result["duration_s"] = round(time.monotonic() - began, 1)
    for one in differences:
        typer.echo(f"difference on {one.venue}: {one.what}: ours {one.ours}, venue {one.theirs}", err=True)
    if not headless and not as_json:
        _show(result)
    typer.echo(json.dumps(result))
    if result["interrupted"]:
        typer.echo(f"interrupted after {result['executions']} executions", err=True)
        return 130
    return exit_code(result)


def exit_code(result: Mapping[str, Any]) -> int:
    """0 only if both venues agree with us, nothing stands alone, no alarm stands and nothing unforeseen happened."""
    clean = result["unhedged_contracts"] == "0" and not any(
        result[name] for name in ("venue_differences", "unconfirmed_legs", "alarms_open", "faults")
    )
    return 0 if clean else 1


def _environment(card: Mapping[str, Any]) -> dict[str, str]:
    """The simulator's ready .env, with its faster Ed25519 key."""
    lines = Path(card["env_file"]).read_text(encoding="utf-8").splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    found["KALSHI_API_KEY_ID"] = card["kalshi_ed25519_key_id"]
    found["KALSHI_PRIVATE_KEY_PATH"] = card["kalshi_ed25519_private_key_path"]
    return {name: value.strip('"') for name, value in found.items()}


@contextlib.asynccontextmanager
async def _venues(directory: Path, *, seed: int, speed: float) -> AsyncIterator[dict[str, Any]]:
    """Start `python -m trading.sim` and end it afterwards, whatever happens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "trading.sim",
        *("--kalshi-port", "0", "--polymarket-port", "0", "--script", "demo"),
        *("--seed", str(seed), "--speed", str(speed), "--state", str(directory / "venues")),
        stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the controller: the venues end after its arbs did
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _START_S)
        if not line:
            raise TandemError("the simulated venues did not start; run `python -m trading.sim` to see why")
        yield json.loads(line)
    finally:
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 10)
            if process.returncode is None:
                process.kill()
                await process.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def _trade(
    system: App, auditor: Connections, trader: DemoTrader, card: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[Difference, ...]]:
    runtime, loop, interrupted = system.runtime, asyncio.get_running_loop(), asyncio.Event()
    with ProgressReport("demo") as progress:
        found = await system.adoption.discover(progress=progress, force=True)
        await system.adoption.adopt(found, progress=progress)
        before = await _record(system, auditor)
        running = loop.create_task(runtime.run())
        await trader.start()
        loop.add_signal_handler(signal.SIGINT, interrupted.set)
        try:
            if not await runtime.wait_ready(_READY_S):
                raise TandemError(f"books did not become ready within {_READY_S:g} s; see the log")
            await _until_trader_ready(system, running)
            await _until_script_done(system, trader, card["control"], running, interrupted, progress)
            loop.remove_signal_handler(signal.SIGINT)  # a second Ctrl-C does not wait
            left = await runtime.settle(_SETTLE_S)  # while books are kept: a fill taken back now is still hedged
        finally:
            runtime.stop()
            await running
    for leg in left:
        log.warning(
            "leg_unconfirmed",
            leg=leg.leg_id,
            venue=leg.venue,
            market=leg.want.market,
            result=repr(system.ledger.result(leg.leg_id)),
        )
    result: dict[str, Any] = dict(runtime.summary())
    result["markets"] = len(runtime.counts.markets)
    result["interrupted"] = interrupted.is_set()
    result["reconnects"] = {venue: feed.statistics().reconnects for venue, feed in system.feeds.items()}
    return result, await _differences(system, auditor, before)


async def _until_trader_ready(system: App, running: asyncio.Task[None]) -> None:
    """The trader process is up, has read its venue and answered our init."""
    assert system.link.traders is not None
    ends = time.monotonic() + _READY_S
    while any(health not in ("ready", "degraded") for _, health in system.link.traders.health().values()):
        if running.done():
            running.result()
        if time.monotonic() > ends:
            raise TandemError(
                "the trader process did not become ready; see trader-polymarket.out and .log in the state directory"
            )
        await asyncio.sleep(0.05)


async def _drop_in_flight(system: App, trader: DemoTrader) -> None:
    """Kill the trader with a leg in its hands: the hardest moment. The leg is unknown until the trader is back."""
    assert system.link.traders is not None
    while True:
        if system.link.traders.open_legs:
            return await trader.drop(_AWAY_S)
        await asyncio.sleep(0.002)


async def _until_script_done(
    system: App,
    trader: DemoTrader,
    control: str,
    running: asyncio.Task[None],
    interrupted: asyncio.Event,
    progress: ProgressReport,
) -> None:
    """Watch the script's clock and show how far the minute is; ends when it is over and no arb is under way."""
    ends = time.monotonic() + _SCRIPT_S * 3
    dropping: asyncio.Task[None] | None = None
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < ends:
            if running.done():
                running.result()
                raise TandemError("the controller stopped before the script was over; see the log")
            async with session.get(f"{control}/stats") as answer:
                stats = await answer.json()
            counts = system.runtime.counts
            text = f"{counts.executions} executions, {counts.matched / 1_000_000:.0f} contracts matched"
            second = float(stats.get("script_seconds", 0))
            progress(int(second), None, text)
            if second >= _DROP_AT_S and dropping is None:
                dropping = asyncio.create_task(_drop_in_flight(system, trader))
            if dropping is not None and dropping.done():
                dropping.result()
            if (stats.get("script_done") or interrupted.is_set()) and not system.runtime.running:
                return
            await asyncio.sleep(0.25)
    raise TandemError("the script did not end in time")


Record = dict[Venue, dict[str, int]]


async def _record(system: App, auditor: Connections) -> Record:
    """Each venue's own figures through its own API: cash per shard, fees paid, contracts per outcome."""
    return {KALSHI: await _kalshi_record(auditor), POLYMARKET: await _polymarket_record(system, auditor)}


async def _kalshi_record(auditor: Connections) -> dict[str, int]:
    client, found = auditor.kalshi, {}
    for row in (await client.account(AccountQuery(what="balances"))).balances:
        found[f"cash shard {row.shard}"] = int(row.cash)
    cursor = ""
    while True:
        page = await client.account(AccountQuery(what="positions", cursor=cursor))
        for position in page.positions:
            if position.size:
                outcome = Outcome.YES if position.size > 0 else Outcome.NO
                found[f"{position.market} {outcome.name}"] = abs(position.size)
        cursor = page.cursor
        if not cursor:
            break
    found["fees"] = await _fees(auditor, KALSHI)
    return found


async def _polymarket_record(system: App, auditor: Connections) -> dict[str, int]:
    client, found = auditor.polymarket, {}
    for row in (await client.account(AccountQuery(what="balances"))).balances:
        found["cash shard 0"] = int(row.cash)
    traded = {holding.market for holding in system.ledger.totals().positions if holding.venue == POLYMARKET}
    for market in sorted(traded):
        for position in (await client.account(AccountQuery(what="positions", market=market))).positions:
            if position.size:
                outcome = Outcome.YES if position.size > 0 else Outcome.NO
                found[f"{position.market} {outcome.name}"] = abs(position.size)
    found["fees"] = await _fees(auditor, POLYMARKET)
    return found


async def _fees(auditor: Connections, venue: Venue) -> int:
    """Fees of every fill the venue lists."""
    paid, cursor = 0, ""
    while True:
        page = await auditor.clients[venue].account(AccountQuery(what="fills", cursor=cursor))
        paid += sum(row.fill.fee for row in page.fills)
        cursor = page.cursor
        if not cursor:
            return paid


async def _differences(system: App, auditor: Connections, before: Record) -> tuple[Difference, ...]:
    """Our totals against what changed in the venues' records since the start."""
    after, totals = await _record(system, auditor), system.ledger.totals()
    found: list[Difference] = []
    for venue in (KALSHI, POLYMARKET):
        theirs = {key: after[venue].get(key, 0) - before[venue].get(key, 0) for key in {*after[venue], *before[venue]}}
        ours: dict[str, int] = {"fees": totals.fees.get(venue, 0)}
        for (where, shard), cash in totals.cash.items():
            if where == venue:
                ours[f"cash shard {shard}"] = cash
        for holding, size in totals.positions.items():
            if holding.venue == venue:
                ours[f"{holding.market} {holding.outcome.name}"] = size
        found += compare(ours, theirs, venue)
    return tuple(found)


def _tables_differ(system: App) -> tuple[Difference, ...]:
    """The ledger's tables against the legs in memory, which were held against the venues: positions and profit to the unit."""
    settings = system.settings
    engine = open_ledger(url_of(settings.database_url.reveal(), state_path(settings)), write=False)
    reader = LedgerReader(engine, settings.world())
    found: list[Difference] = []
    nets: dict[Venue, dict[str, int]] = {KALSHI: {}, POLYMARKET: {}}
    for holding, size in system.ledger.totals().positions.items():
        sign = 1 if holding.outcome is Outcome.YES else -1
        nets[holding.venue][holding.market] = nets[holding.venue].get(holding.market, 0) + sign * size
    rows = reader.positions()
    for venue, theirs in nets.items():
        found += compare({row["market"]: row["net"] for row in rows if row["venue"] == venue}, theirs, venue)
    today = day_of(system.ports.clock.wall_ns())
    days = reader.days(days_back(today, 2)[0], today)
    earned = sum(day.profit.locked + day.profit.provisional for day in days)
    found += compare({"profit in the tables": earned}, {"profit in the tables": system.runtime.counts.profit}, Venue("both"))
    reader.close()
    return tuple(found)


_ROWS = {
    "pairs": "pairs found by structure",
    "opportunities": "opportunities looked at",
    "executions": "executions",
    "matched_contracts": "contracts matched on both venues",
    "misses": "first legs that missed (cost nothing)",
    "one_sided": "one-sided fills, completed or exited",
    "unwinds": "of these sold back",
    "unhedged_contracts": "contracts left unhedged",
    "net_pnl_dollars": "profit after all fees, dollars",
}


def _show(result: Mapping[str, Any]) -> None:
    """The minute in a table, each refusal with its meaning, and the verdict."""
    console = Console(stderr=True, highlight=False)
    table = Table("what", "figure", title="The scripted minute")
    for name, words in _ROWS.items():
        table.add_row(words, str(result[name]))
    for venue, count in result["reconnects"].items():
        table.add_row(f"streams of {venue} rebuilt", str(count))
    for reason, count in result["refusals"].items():
        table.add_row(f"refused, {reason}: {REFUSALS.get(reason, '')}", str(count))
    console.print(table)
    if exit_code(result) == 0:
        console.print("OK: cash, fees and positions equal both venues' own records to the unit; nothing is unhedged.")
    else:
        console.print("NOT OK: the lines above say what differs or stands open.")
