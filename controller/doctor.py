"""Everything that must be true before trading, asked one by one without trading: pass, warn or fail, and the next step (B-078)."""

import asyncio
import json
import math
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import msgspec
import typer

from controller.app import App, build, production_ports
from controller.settings import ControllerSettings
from controller.show import brief
from trading.errors import AuthFailed, SettingsError, TandemError, Unreachable
from trading.market import KALSHI, POLYMARKET, Venue
from trading.units import to_dollars
from trading.venue import AccountQuery

__all__ = ["Finding", "examine"]

Level = Literal["pass", "warn", "fail"]
_SKEW_MS = 1_000
_LIMIT_S = 20.0
_WORLDS = {
    "paper": "paper: no order leaves this process",
    "sim": "simulated: every venue host is on this machine and orders are sent to it",
    "live": "live: orders are sent to the real venues",
}


class Finding(msgspec.Struct, frozen=True):
    """One line of the report. next is what to do about it, "" when there is nothing."""

    level: Level
    what: str
    detail: str = ""
    next: str = ""


async def examine(settings: ControllerSettings, *, as_json: bool) -> int:
    """Run every check and print it. Returns 0 when nothing failed, 1 otherwise; SettingsError passes through."""
    ports = production_ports()
    findings: list[Finding] = []
    try:
        system = build(settings, ports, notice=lambda line: findings.append(Finding("warn", "key file", line)))
    except SettingsError:
        if ports.close is not None:
            await ports.close()
        raise
    findings.append(Finding("pass", "settings", _WORLDS[settings.world()]))
    try:
        checks = (_state_dir, _platforms, _kalshi, _polymarket, _geoblock, _fees)
        for check in checks:
            if check is _fees and any(f.level == "fail" and f.what.endswith("reachable") for f in findings):
                continue  # what cannot be reached cannot be read: one line said it
            try:
                findings += await asyncio.wait_for(check(system), _LIMIT_S)
            except TandemError as exc:
                findings.append(Finding("fail", check.__name__.strip("_"), str(exc), "see the detail"))
            except TimeoutError:
                findings.append(Finding("fail", check.__name__.strip("_"), f"no end in {_LIMIT_S:g} s", "check the network"))
    finally:
        await system.close()
    failed = any(finding.level == "fail" for finding in findings)
    if as_json:
        rows = [msgspec.structs.asdict(finding) for finding in findings]
        typer.echo(json.dumps({"schema": 1, "ok": not failed, "findings": rows}))
    else:
        for finding in findings:
            step = f"  -> {finding.next}" if finding.next else ""
            typer.echo(f"{finding.level:4}  {finding.what}: {finding.detail}{step}")
    return 1 if failed else 0


def _try_writing(path: Path) -> str | None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path)
        os.close(handle)
        Path(name).unlink()
    except OSError as exc:
        return f"{path}: {exc.strerror}"
    return None


async def _state_dir(system: App) -> list[Finding]:
    path = Path(system.settings.state_dir)
    trouble = await system.ports.offload.run(lambda: _try_writing(path))
    if trouble is not None:
        return [Finding("fail", "state directory", trouble, "set STATE_DIR to a writable directory")]
    return [Finding("pass", "state directory", str(path))]


async def _platforms(system: App) -> list[Finding]:
    settings, found = system.settings, []
    if not settings.platforms and not settings.dry_run:
        found.append(
            Finding(
                "warn",
                "CONTROLLER_PLATFORMS",
                "empty: this process places no order and no trader is connected",
                "set CONTROLLER_PLATFORMS=kalshi,polymarket",
            )
        )
    for venue in (KALSHI, POLYMARKET):
        have = system.connections.can_trade(venue)
        if not have:
            level: Level = "warn" if settings.dry_run or venue not in settings.platforms else "fail"
            what = "books are polled, never traded" if venue == KALSHI else "public reads and streams only"
            names = "KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH" if venue == KALSHI else "POLY_PRIVATE_KEY and POLY_FUNDER"
            found.append(Finding(level, f"{venue} keys", f"not set: {what}", f"set {names}"))
    return found


async def _timed(venue: Venue, what: str, ask: Callable[[], Awaitable[str]], step: str) -> Finding:
    try:
        return Finding("pass", f"{venue} {what}", await ask())
    except AuthFailed as exc:
        return Finding("fail", f"{venue} {what}", str(exc), step)
    except TandemError as exc:
        return Finding("fail", f"{venue} {what}", str(exc), "check the network and the host settings")


async def _mode(system: App, venue: Venue) -> str:
    """The venue's mode in words. Raises Unreachable when it does not answer."""
    mode = await system.connections.clients[venue].mode()
    if mode.mode == "unreachable":
        raise Unreachable(venue, "unreachable", mode.detail)
    return mode.mode + (f" ({mode.detail})" if mode.detail else "")


def _skew(venue: Venue, ms: float | None) -> Finding:
    """ms: the venue's clock minus ours."""
    if ms is None:
        return Finding("warn", f"{venue} clock", "the venue gave no time", "")
    if abs(ms) > _SKEW_MS:
        side = "behind" if ms > 0 else "ahead of"
        return Finding("fail", f"{venue} clock", f"this clock is {abs(ms):.0f} ms {side} the venue's", "synchronise it (NTP)")
    return Finding("pass", f"{venue} clock", f"within {abs(ms):.0f} ms of the venue")


async def _kalshi(system: App) -> list[Finding]:
    client = system.connections.kalshi

    found = [await _timed(KALSHI, "reachable", lambda: _mode(system, KALSHI), "")]
    if found[0].level == "fail":
        return found
    found.append(_skew(KALSHI, await client.server_time_skew_ms()))
    if system.connections.signer is not None:

        async def money() -> str:
            page = await client.account(AccountQuery(what="balances"))
            shards = ", ".join(f"shard {row.shard}: ${to_dollars(row.cash)}" for row in page.balances)
            return f"{system.connections.signer.kind} key accepted; {shards}" if system.connections.signer else shards

        step = "check KALSHI_API_KEY_ID, the key file and the clock; a 401 does not say which"
        found.append(await _timed(KALSHI, "key", money, step))
    return found


async def _polymarket(system: App) -> list[Finding]:
    client = system.connections.polymarket
    found = [await _timed(POLYMARKET, "reachable", lambda: _mode(system, POLYMARKET), "")]
    if found[0].level == "fail":
        return found
    skew = await client.server_skew_s()
    # the venue tells whole seconds: a difference of one proves nothing
    found.append(_skew(POLYMARKET, None if skew is None else math.copysign(max(0.0, abs(skew) - 1.0) * 1000, skew)))
    if system.connections.account is not None:

        async def money() -> str:
            if not system.settings.polymarket_api_key:
                await client.derive_credentials()
            page = await client.account(AccountQuery(what="balances"))
            return f"wallet accepted; ${to_dollars(page.balances[0].cash)} pUSD" if page.balances else "wallet accepted"

        step = "check POLY_PRIVATE_KEY, POLY_FUNDER and POLYMARKET_SIGNATURE_TYPE; remove the L2 triple to derive it again"
        found.append(await _timed(POLYMARKET, "wallet", money, step))
    return found


async def _geoblock(system: App) -> list[Finding]:
    settings = system.settings
    if settings.world() != "live":
        return []
    blocked = await system.connections.polymarket.geoblock(settings.polymarket_geoblock_url)
    if blocked:
        return [
            Finding("fail", "polymarket geoblock", "orders are refused from this place", "do not trade Polymarket here (B-427)")
        ]
    return [Finding("pass", "polymarket geoblock", "not blocked here")]


async def _fees(system: App) -> list[Finding]:
    """Discover and count markets whose fees or grid could not be read: they are watched, never traded."""
    found = await system.adoption.discover(progress=lambda *_: None)
    unread = [market for market in found.markets.values() if market.fees is None or not market.grid or not market.tradable]
    rows = [Finding("fail", "discovery", line, "see the venue's own line") for line in brief(found.failures)]
    if unread:
        names = ", ".join(market.id for market in unread[:3])
        rows.append(
            Finding("warn", "market terms", f"{len(unread)} markets without readable fees or grid: {names}", "watched only")
        )
    if not found.failures:
        rows.append(Finding("pass", "discovery", f"{len(found.pairs)} pairs in {len(found.markets)} markets"))
        if not unread:
            rows.append(Finding("pass", "fees and grids", "readable in every market"))
    return rows
