"""From the state of this machine's Tailscale to the exact next step (B-230): a table, no side effects."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bootstrap.tailscale import Status

__all__ = ["Step", "next_step", "utc_now"]

_INSTALL = {
    "linux": "curl -fsSL https://tailscale.com/install.sh | sh",
    "darwin": "brew install --cask tailscale",
    "win32": "winget install tailscale.tailscale",
}
_EXPIRY_WARNING = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Step:
    """ready: this node can be used as it is. what happened in one line; command is what to type, "" when nothing."""

    ready: bool
    what: str
    command: str = ""


def next_step(status: Status, platform: str, now: datetime) -> Step:
    """What the operator does next. platform is sys.platform; now is UTC."""
    match status.state:
        case "missing":
            return Step(False, "Tailscale is not installed", _INSTALL.get(platform, "see https://tailscale.com/download"))
        case "daemon_down":
            return Step(False, f"Tailscale's daemon does not answer: {status.detail}", "sudo systemctl enable --now tailscaled")
        case "denied":
            return Step(False, f"not permitted: {status.detail}", "sudo tailscale set --operator=$USER")
        case "unreadable":
            return Step(False, f"Tailscale's answer cannot be used: {status.detail}", "tailscale status --json")
        case "NeedsLogin":
            other = f", or open {status.auth_url}" if status.auth_url else ""
            return Step(False, f"this node is logged out{other}", "sudo tailscale up --auth-key=file:PATH --timeout=60s")
        case "NeedsMachineAuth":
            return Step(False, "an administrator of the tailnet must approve this node")
        case "Stopped":
            return Step(False, "Tailscale is stopped", "sudo tailscale up")
        case "Starting" | "NoState":
            return Step(False, "Tailscale is starting; ask again within 30 s", "python -m bootstrap status")
        case "Running":
            return _running(status, now)


def _running(status: Status, now: datetime) -> Step:
    where = f"{status.name or 'this node'} is on the tailnet as {', '.join(status.addresses) or 'no address yet'}"
    if not status.addresses:
        return Step(False, where, "tailscale ip")
    if status.health or not status.online:
        return Step(True, f"{where}; warning: {'; '.join(status.health) or 'not connected to the coordination server'}")
    try:
        left = datetime.fromisoformat(status.key_expiry.replace("Z", "+00:00")[:25]) - now if status.key_expiry else None
    except ValueError:
        left = None
    if left is not None and left.total_seconds() > 0 and left < _EXPIRY_WARNING:
        return Step(True, f"{where}; warning: its key expires in {left.days} days: disable expiry or use a tag")
    return Step(True, where)


def utc_now() -> datetime:
    return datetime.now(UTC)
