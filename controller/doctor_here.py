"""The doctor's checks of this machine: keys that are set, state directory, journal, disk, and the link to traders.

Nothing here opens the link's door: a trader that found it open would hand over results which only a running controller may take.
"""

import errno
import os
import shutil
import socket
import tempfile
from contextlib import closing
from pathlib import Path

from controller.app import App
from controller.control import NotRunning, ask, control_path
from controller.durable import state_path
from controller.link import remote_venues
from trading.clock import SystemClock
from trading.command import Finding, Level
from trading.errors import SettingsError, TandemError
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore
from trading.link.identity import Peer, fingerprint, load_identity, load_peers
from trading.link.tailnet import Tailnet, in_tailnet
from trading.market import KALSHI, POLYMARKET, Venue
from trading.state_dir import StateDir

__all__ = ["key_names", "link", "platforms", "state", "traders_of"]

_LEAST_DISK = 200_000_000
_LOW_DISK = 2_000_000_000


def key_names(venue: Venue) -> str:
    """The variables that hold a venue's key."""
    return "KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH" if venue == KALSHI else "POLY_PRIVATE_KEY and POLY_FUNDER"


def traders_of(system: App, venue: Venue) -> list[Peer]:
    """Paired traders of a venue. Raises SettingsError for a peers file that cannot be read."""
    return [peer for peer in load_peers(system.settings.peers_path) if peer.role == "trader" and peer.platform == venue]


# ---- who executes -----------------------------------------------------------------------------------------------------------


async def platforms(system: App) -> list[Finding]:
    """Whether every venue has somebody to execute on it: keys here, or a paired trader."""
    settings, found = system.settings, []
    remote = remote_venues(settings)
    for venue in (KALSHI, POLYMARKET):
        names = ", ".join(peer.name for peer in traders_of(system, venue))
        if system.connections.can_trade(venue):
            continue
        if venue in remote and names:
            what = "books are polled, never traded" if venue == KALSHI else "public reads and streams only"
            step = "set a read-only Kalshi key for the stream" if venue == KALSHI else ""
            level: Level = "warn" if venue == KALSHI else "pass"
            found.append(Finding(level, f"{venue} keys", f"at trader {names}; here {what}", step))
            continue
        level = "warn" if settings.dry_run or venue not in settings.platforms else "fail"
        what = "books are polled, never traded" if venue == KALSHI else "public reads and streams only"
        found.append(Finding(level, f"{venue} keys", f"not set: {what}", f"set {key_names(venue)}"))
    if not settings.dry_run:
        for venue in sorted(remote - settings.platforms):
            if not traders_of(system, venue):
                detail = f"{venue} is not listed and no trader is paired: its legs have no way"
                step = f"add {venue} to CONTROLLER_PLATFORMS, or pair its trader with: bootstrap pair"
                found.append(Finding("warn", "CONTROLLER_PLATFORMS", detail, step))
    return found


# ---- what is kept here ------------------------------------------------------------------------------------------------------


def _try_writing(path: Path) -> str | None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path):
            return None
    except OSError as exc:
        return f"{path}: {exc.strerror}"


async def state(system: App) -> list[Finding]:
    """State directory writable and free, journal whole, space left."""
    path = state_path(system.settings).parent
    trouble = await system.ports.offload.run(lambda: _try_writing(path))
    if trouble is not None:
        return [Finding("fail", "state directory", trouble, "set STATE_DIR to a writable directory")]
    return [Finding("pass", "state directory", str(path)), *await _journal(system), await _disk(system, path)]


async def _journal(system: App) -> list[Finding]:
    """Under the directory's lock, so that no running controller is disturbed."""
    try:
        held = StateDir(state_path(system.settings))
    except SettingsError as exc:
        return [Finding("warn", "journal", str(exc), "nothing, if that controller is meant to run")]
    try:
        file = held.path / "journal.sqlite"
        if not file.exists():
            return [Finding("pass", "journal", f"{file}: none yet, made at the first start")]
        journal = FileJournal(SqliteStore(file), SystemClock())
        try:
            count = len(journal.open_legs())
        finally:
            await journal.close()
    except TandemError as exc:
        return [Finding("fail", "journal", str(exc), "see docs/operations.md, Lost or old state directory")]
    finally:
        held.close()
    if count:
        detail = f"{count} legs of an earlier run have no final word"
        return [
            Finding("warn", "journal", detail, "they are asked about at the next start; look them up on the venue till then")
        ]
    return [Finding("pass", "journal", f"{file}: whole, no open leg")]


async def _disk(system: App, path: Path) -> Finding:
    free = (await system.ports.offload.run(lambda: shutil.disk_usage(path))).free
    detail = f"{free / 1e9:.1f} GB free at {path}"
    if free < _LEAST_DISK:
        return Finding("fail", "disk", detail, "free some space: without a journal nothing is sent")
    return Finding("warn", "disk", detail, "free some space") if free < _LOW_DISK else Finding("pass", "disk", detail)


# ---- the link ---------------------------------------------------------------------------------------------------------------


async def link(system: App) -> list[Finding]:
    """Identity, paired traders, the port, the tailnet; nothing where every leg goes out from here."""
    settings = system.settings
    remote = remote_venues(settings)
    peers = [peer for venue in sorted(remote) for peer in traders_of(system, venue)]
    if not peers:
        return []
    found = []
    try:
        mine = load_identity(settings.identity_path)
        found.append(Finding("pass", "link identity", fingerprint(mine.public)))
    except SettingsError as exc:
        found.append(Finding("fail", "link identity", str(exc), "make one with: bootstrap init"))
    who = ", ".join(f"{peer.name} ({peer.platform}, {fingerprint(peer.public)})" for peer in peers)
    found.append(Finding("pass", "link peers", who))
    found += [await _port(system), *await _tailnet(system, peers)]
    names = ", ".join(peer.name for peer in peers)
    found.append(Finding("pass", "link traders", f"{names} dial in while `controller run` runs; there: trader doctor"))
    return found


async def _port(system: App) -> Finding:
    host, port = system.settings.link_host, system.settings.link_port

    def bind() -> str:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            with closing(socket.socket(family, socket.SOCK_STREAM)) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((host.strip("[]"), port))
        except OSError as exc:
            return exc.strerror or str(exc)
        return ""

    why = await system.ports.offload.run(bind)
    if not why:
        return Finding("pass", "link port", f"{host}:{port} is free")
    if why == os.strerror(errno.EADDRINUSE) and await _runs(system):
        return Finding("pass", "link port", f"{host}:{port}: in use, as it should be while a controller runs")
    step = "end the process that listens there, or set LINK_HOST and LINK_PORT"
    return Finding("fail", "link port", f"{host}:{port}: {why}", step)


async def _runs(system: App) -> bool:
    """Whether a controller of this state directory answers."""
    try:
        await ask(control_path(state_path(system.settings)), "status")
    except (NotRunning, TandemError):
        return False
    return True


async def _tailnet(system: App, peers: list[Peer]) -> list[Finding]:
    settings = system.settings
    pinned = any(peer.stable_id for peer in peers)
    needed = settings.link_tailnet == "on" or in_tailnet(settings.link_host) or pinned
    if settings.link_tailnet == "off" and pinned:
        step = "set LINK_TAILNET=auto, or pair again without a machine"
        return [Finding("fail", "tailnet", "a trader is pinned to a machine and LINK_TAILNET=off", step)]
    if not needed or settings.link_tailnet == "off":
        return []
    try:
        machine = await Tailnet().whois(f"{settings.link_host}:{settings.link_port}")
    except OSError as exc:
        return [Finding("fail", "tailnet", str(exc), "bootstrap status tells the next command")]
    if machine is None:
        detail = f"LINK_HOST={settings.link_host} is no address of this tailnet"
        return [Finding("fail", "tailnet", detail, "set LINK_HOST to this machine's tailnet address: bootstrap status")]
    return [Finding("pass", "tailnet", f"this machine is {machine.name} {' '.join(machine.tags)}".strip())]
