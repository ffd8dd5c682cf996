"""Everything that must be true before this trader's platform can be traded, asked one by one without trading (B-078).

Each line is pass, warn or fail with the next step. Only the trader's own platform is looked at.
"""

import asyncio
from collections.abc import Awaitable, Callable

from trader.app import Ports, connected
from trader.serve import state_path
from trader.settings import TraderSettings
from trading.command import Finding, Level, report
from trading.connect import Connections
from trading.errors import AuthFailed, SettingsError, TandemError
from trading.journal_file import FileJournal, JournalFailed
from trading.journal_sqlite import SqliteStore
from trading.link.identity import fingerprint, load_identity, load_peers, one_peer
from trading.market import KALSHI, POLYMARKET, Venue
from trading.state_dir import StateDir
from trading.units import to_dollars
from trading.venue import AccountQuery

__all__ = ["examine"]

Check = Callable[[], Awaitable[Finding]]
_SKEW_MS = 1_000
_LIMIT_S = 20.0


async def examine(settings: TraderSettings, ports: Ports, *, as_json: bool) -> int:
    """Run every check and print it. Returns 0 when nothing failed, 1 otherwise."""
    findings = await _findings(settings, ports)
    return report(findings, as_json=as_json)


async def _findings(settings: TraderSettings, ports: Ports) -> list[Finding]:
    found: list[Finding] = []
    try:
        world = settings.world()
    except SettingsError as exc:
        return [Finding("fail", "settings", str(exc), "set every host, or none")]
    found.append(Finding("pass", "settings", f"world {world}"))
    try:
        venue = settings.platform()
    except SettingsError as exc:
        return [*found, Finding("fail", "platform", str(exc), "a trader serves one platform")]
    found.append(Finding("pass", "platform", f"{venue}, {'as set' if settings.configured else 'the one whose keys are set'}"))
    found += [await _journal(settings, ports), *_link(settings)]
    try:
        venues = connected(settings, ports, lambda line: found.append(Finding("warn", "key file", line, "chmod 600")))
    except SettingsError as exc:
        return [*found, Finding("fail", f"{venue} keys", str(exc), f"set {settings.key_names(venue)}")]
    try:
        if venues.can_trade(venue):
            found.append(Finding("pass", f"{venue} keys", "read"))
        else:
            level: Level = "warn" if settings.dry_run else "fail"
            names = settings.key_names(venue)
            found.append(Finding(level, f"{venue} keys", "not set: paper trades only", f"set {names}"))
        return found + await _asked(settings, venues, venue, live=world == "live")
    finally:
        for client in venues.clients.values():
            await client.close()


async def _journal(settings: TraderSettings, ports: Ports) -> Finding:
    """Under the directory's lock, so that no running trader is disturbed."""
    try:
        held = StateDir(state_path(settings))
    except SettingsError as exc:
        if "in use" in str(exc):
            return Finding("warn", "journal", str(exc), "nothing, if that trader is meant to run")
        return Finding("fail", "journal", str(exc), "set STATE_DIR to a directory this user may write")
    file = held.path / "journal.sqlite"
    try:
        if not file.exists():
            return Finding("pass", "journal", f"{file}: none yet, made at the first start")
        journal = FileJournal(SqliteStore(file), ports.clock, deliver=True)
        try:
            count = len(journal.open_legs())
        finally:
            await journal.close()
    except JournalFailed as exc:
        return Finding("fail", "journal", str(exc), "free or mend the disk, then run this again")
    finally:
        held.close()
    if count:
        return Finding(
            "warn", "journal", f"{count} legs have no final word", "trader run asks the venue about them at its start"
        )
    return Finding("pass", "journal", f"{file}: whole, no open leg")


def _link(settings: TraderSettings) -> list[Finding]:
    """Identity and the paired controller; nothing where no link is set up."""
    if not settings.controller_address and not settings.peers_path.exists():
        return []
    try:
        mine = load_identity(settings.identity_path)
        controller = one_peer(load_peers(settings.peers_path), "controller", settings.peers_path)
    except SettingsError as exc:
        return [Finding("fail", "link", str(exc), "bootstrap init makes the identity, bootstrap pair the peer")]
    who = f"this is {fingerprint(mine.public)}, controller {controller.name} is {fingerprint(controller.public)}"
    if not settings.controller_address:
        return [Finding("warn", "link", f"{who}; CONTROLLER_ADDRESS is empty", "set CONTROLLER_ADDRESS: bootstrap shows it")]
    return [Finding("pass", "link", f"{who}, dialled at {', '.join(settings.controller_address)}")]


async def _asked(settings: TraderSettings, venues: Connections, venue: Venue, *, live: bool) -> list[Finding]:
    """What the venue itself says: reachable, clock, balance, place."""
    found = [await _bounded(f"{venue} reachable", lambda: _reachable(venues, venue))]
    if found[0].level == "fail":
        return found
    found.append(await _bounded(f"{venue} clock", lambda: _clock(venues, venue)))
    if venues.can_trade(venue):
        found.append(await _bounded(f"{venue} balance", lambda: _balance(settings, venues, venue)))
        if venue == POLYMARKET and found[-1].level != "fail":
            found.append(await _bounded("polymarket allowances", lambda: _allowances(settings, venues)))
    if live and venue == POLYMARKET:
        found.append(await _bounded("polymarket place", lambda: _place(settings, venues)))
    return found


async def _bounded(what: str, check: Check) -> Finding:
    """A check that ends: what is raised, or an answer that stays out, is a failed line."""
    try:
        return await asyncio.wait_for(check(), _LIMIT_S)
    except AuthFailed as exc:
        return Finding("fail", what, str(exc), "check the key, its file, the wallet and this clock; a 401 does not say which")
    except TandemError as exc:
        return Finding("fail", what, str(exc), "check the network and the host settings")
    except TimeoutError:
        return Finding("fail", what, f"no answer in {_LIMIT_S:g} s", "check the network and the host settings")


async def _reachable(venues: Connections, venue: Venue) -> Finding:
    mode = await venues.clients[venue].mode()
    said = mode.mode + (f" ({mode.detail})" if mode.detail else "")
    if mode.mode == "unreachable":
        return Finding("fail", f"{venue} reachable", said, "check the network and the host settings")
    if mode.mode != "normal":
        return Finding("warn", f"{venue} reachable", said, "the venue takes no orders that match now; wait")
    return Finding("pass", f"{venue} reachable", said)


async def _clock(venues: Connections, venue: Venue) -> Finding:
    async def kalshi() -> float | None:
        return await venues.kalshi.server_time_skew_ms()

    async def polymarket() -> float:
        # whole seconds, read at their middle: half a second either way proves nothing
        off = await venues.polymarket.server_skew_s() * 1000
        return max(0.0, abs(off) - 500) * (1 if off > 0 else -1)

    ask: dict[Venue, Callable[[], Awaitable[float | None]]] = {KALSHI: kalshi, POLYMARKET: polymarket}
    ms = await ask[venue]()
    if ms is None:
        return Finding("warn", f"{venue} clock", "the venue gave no time")
    if abs(ms) > _SKEW_MS:
        way = "behind" if ms > 0 else "ahead of"
        return Finding("fail", f"{venue} clock", f"this clock is {abs(ms):.0f} ms {way} the venue's", "synchronise it (NTP)")
    return Finding("pass", f"{venue} clock", f"within {_SKEW_MS} ms of the venue's")


async def _balance(settings: TraderSettings, venues: Connections, venue: Venue) -> Finding:
    if venue == POLYMARKET and not settings.polymarket_api_key:
        await venues.polymarket.derive_credentials()  # B-029: no L2 triple is set
    page = await venues.clients[venue].account(AccountQuery(what="balances"))
    rows = [f"${to_dollars(row.cash)}" + (f" on shard {row.shard}" if venue == KALSHI else "") for row in page.balances]
    if not any(row.cash > 0 for row in page.balances):
        return Finding("warn", f"{venue} balance", "keys accepted; no free cash", "fund the account before live trading")
    return Finding("pass", f"{venue} balance", f"keys accepted; {', '.join(rows)}")


async def _allowances(settings: TraderSettings, venues: Connections) -> Finding:
    """What the CLOB believes the exchanges may move; without it orders fail as if there were no balance."""
    assets = await venues.treasuries[POLYMARKET].assets()
    blind = [asset.place for asset in assets if asset.kind == "allowance" and asset.amount == 0]
    if blind:
        step = "run here: controller treasury --apply --want polymarket=0"
        return Finding("warn" if settings.dry_run else "fail", "polymarket allowances", f"none for {', '.join(blind)}", step)
    return Finding("pass", "polymarket allowances", "every exchange")


async def _place(settings: TraderSettings, venues: Connections) -> Finding:
    answer = await venues.polymarket.geoblock(settings.polymarket_geoblock_url)
    if answer.blocked:
        where = " ".join(part for part in (answer.country, answer.region) if part)
        return Finding("fail", "polymarket place", f"orders are refused from here {where}".strip(), "do not trade here (B-427)")
    return Finding("pass", "polymarket place", "not blocked here")
