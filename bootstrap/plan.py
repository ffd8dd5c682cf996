"""From the state of this machine's Tailscale to the exact next step (B-230): a table, no side effects.

A role adds what it needs: its tag, and for a trader an interface to dial through. Where the machine is (systemd, container)
decides how its daemon is started.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from bootstrap.identity import Role
from bootstrap.tailscale import Status

__all__ = ["TAGS", "Place", "Step", "next_step", "this_place", "utc_now"]

TAGS: dict[Role, str] = {"controller": "tag:arb-controller", "trader": "tag:arb-trader"}
_INSTALL = {
    "linux": "curl -fsSL https://tailscale.com/install.sh | sh",
    "darwin": "brew install --cask tailscale",
    "win32": "winget install tailscale.tailscale",
}
_START = {
    "systemd": "sudo systemctl enable --now tailscaled",
    "container": "docker compose up -d tailscale",
    "plain": "sudo tailscaled --state=/var/lib/tailscale/tailscaled.state --socket=/run/tailscale/tailscaled.sock",
    "app": "open the Tailscale app",
}
_EXPIRY_WARNING = timedelta(days=14)
_ADMIN = "https://login.tailscale.com/admin/machines"

Place = Literal["systemd", "container", "plain", "app"]


@dataclass(frozen=True, slots=True)
class Step:
    """ready: this node can be used as it is. what happened in one line; command is what to type, "" when nothing."""

    ready: bool
    what: str
    command: str = ""
    warnings: tuple[str, ...] = ()


def next_step(
    status: Status,
    platform: str,
    now: datetime,
    *,
    role: Role | None = None,
    tag: str | None = None,
    place: Place = "systemd",
    socks5: str = "",
) -> Step:
    """What the operator does next. platform is sys.platform; now is UTC. tag None = the role's usual one, "" = none wanted; socks5
    is the trader's LINK_SOCKS5."""
    wanted = tag if tag is not None else (TAGS[role] if role is not None else "")
    match status.state:
        case "missing" if place == "container":
            return Step(False, "no Tailscale is reachable from this container: it shares the sidecar's socket", _START[place])
        case "missing":
            return Step(False, "Tailscale is not installed", _INSTALL.get(platform, "see https://tailscale.com/download"))
        case "daemon_down":
            return Step(False, f"Tailscale's daemon does not answer: {status.detail}", _START[place])
        case "denied":
            return Step(False, f"not permitted: {status.detail}", "sudo tailscale set --operator=$USER")
        case "unreadable":
            return Step(False, f"Tailscale's answer cannot be used: {status.detail}", "tailscale status --json")
        case "NeedsLogin":
            other = f", or open {status.auth_url}" if status.auth_url else ""
            flags = f" --tag {wanted}" if wanted else ""
            return Step(False, f"this node is logged out{other}", f"sudo bootstrap up --auth-key-file PATH{flags}")
        case "NeedsMachineAuth":
            return Step(False, "an administrator of the tailnet must approve this node", _ADMIN)
        case "Stopped":
            return Step(False, "Tailscale is stopped", "sudo tailscale up")
        case "Starting" | "NoState":
            return Step(False, "Tailscale is starting; ask again within 30 s", "bootstrap status")
        case "Running":
            return _running(status, now, role, wanted, place, socks5)


def _running(status: Status, now: datetime, role: Role | None, tag: str, place: Place, socks5: str) -> Step:
    node = status.node
    where = f"{node.name or 'this node'} is on the tailnet as {', '.join(node.addresses) or 'no address yet'}"
    if not node.addresses:
        return Step(False, where, "tailscale ip")
    if node.expired:
        return Step(False, f"{where}, but its key has expired", "sudo tailscale up --force-reauth")
    warnings = []
    if tag and tag not in node.tags:
        have = ", ".join(node.tags) or "no tag"
        return Step(False, f"{where} with {have}; the other side wants {tag}: edit this machine's tags", _ADMIN)
    if not status.tun and role == "trader" and not socks5:
        what = f"{where} in userspace mode: there is no interface to dial through, only its proxy"
        proxy = "TS_SOCKS5_SERVER=localhost:1055" if place == "container" else "tailscaled --socks5-server=localhost:1055"
        return Step(False, what, f"{proxy}, then: bootstrap init --role trader --socks5 localhost:1055")
    if not status.tun and role != "trader":
        warnings.append("userspace mode: no interface to bind; use LINK_HOST=127.0.0.1, tailscaled delivers the port there")
    if not node.online:
        warnings.append("not connected to the coordination server: existing peers work, changes do not arrive")
    warnings += status.health
    left = _left(node.expires, now)
    if left is not None and left < _EXPIRY_WARNING:
        warnings.append(f"its key expires in {max(0, left.days)} days: disable expiry, or join with a tag ({_ADMIN})")
    return Step(True, where, "", tuple(warnings))


def _left(expires: str, now: datetime) -> timedelta | None:
    """Time to a node key's end. Tailscale writes nanoseconds, which older Pythons do not read."""
    if not expires or expires.startswith("0001-"):
        return None
    try:
        return datetime.fromisoformat(expires[:19]).replace(tzinfo=UTC) - now
    except ValueError:
        return None


def this_place(platform: str, root: Path = Path("/")) -> Place:
    """How programs are started on this machine."""
    if platform in ("darwin", "win32"):
        return "app"
    if any((root / name).exists() for name in (".dockerenv", "run/.containerenv")):
        return "container"
    return "systemd" if (root / "run/systemd/system").is_dir() else "plain"


def utc_now() -> datetime:
    return datetime.now(UTC)
