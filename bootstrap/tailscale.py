"""What the local Tailscale says of itself, read through its command line without ever changing anything.

stdout and stderr are kept apart (a version warning on stderr must not spoil the JSON), and exit codes are not classified: only
the JSON's BackendState is.
"""

import json
import subprocess
from dataclasses import dataclass
from typing import Literal

__all__ = ["State", "Status", "read_status"]

State = Literal[
    "missing",
    "daemon_down",
    "denied",
    "unreadable",
    "NoState",
    "NeedsLogin",
    "NeedsMachineAuth",
    "Stopped",
    "Starting",
    "Running",
]
_KNOWN: tuple[State, ...] = ("NoState", "NeedsLogin", "NeedsMachineAuth", "Stopped", "Starting", "Running")
_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Status:
    """state is Tailscale's BackendState, or why it could not be read. addresses are this node's, IPv4 first."""

    state: State
    detail: str = ""
    name: str = ""
    addresses: tuple[str, ...] = ()
    online: bool = False
    health: tuple[str, ...] = ()
    auth_url: str = ""
    key_expiry: str = ""


def read_status(executable: str = "tailscale") -> Status:
    """Ask `tailscale status --json --peers=false`. Never raises for anything Tailscale says or fails to say."""
    try:
        done = subprocess.run(
            [executable, "status", "--json", "--peers=false"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except FileNotFoundError:
        return Status("missing")
    except PermissionError as exc:
        return Status("denied", str(exc))
    except (subprocess.TimeoutExpired, OSError) as exc:
        return Status("unreadable", f"{type(exc).__name__}: no answer in {_TIMEOUT_S} s")
    if done.returncode != 0:
        text = done.stderr.strip().splitlines()
        denied = any("denied" in line for line in text)
        return Status("denied" if denied else "daemon_down", text[-1] if text else f"exit {done.returncode}")
    try:
        return _parse(json.loads(done.stdout))
    except (ValueError, AttributeError, TypeError) as exc:
        return Status("unreadable", f"status --json is not what it should be: {exc}")


def _parse(raw: dict[str, object]) -> Status:
    backend = raw.get("BackendState")
    state = next((known for known in _KNOWN if known == backend), None)
    if state is None:
        return Status("unreadable", f"BackendState {backend!r} is unknown")
    node = raw.get("Self") or {}
    if not isinstance(node, dict):
        raise TypeError("Self is no object")
    addresses = raw.get("TailscaleIPs") or []
    health = raw.get("Health") or []
    if not isinstance(addresses, list) or not isinstance(health, list):
        raise TypeError("TailscaleIPs or Health is no list")
    return Status(
        state,
        name=str(node.get("DNSName") or "").rstrip("."),
        addresses=tuple(str(address) for address in addresses),
        online=node.get("Online") is True,
        health=tuple(str(line) for line in health),
        auth_url=str(raw.get("AuthURL") or ""),
        key_expiry=str(node.get("KeyExpiry") or ""),
    )
