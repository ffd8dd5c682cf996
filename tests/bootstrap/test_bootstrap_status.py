"""Every state of Tailscale leads to one exact next step, and nothing it prints breaks the command."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bootstrap.cli import app
from bootstrap.plan import next_step
from bootstrap.tailscale import Status, read_status

NOW = datetime(2026, 11, 21, tzinfo=UTC)
RUNNING = {
    "BackendState": "Running",
    "TailscaleIPs": ["100.64.0.1", "fd7a:115c:a1e0::1"],
    "Self": {"DNSName": "trader.tail1234.ts.net.", "Online": True},
    "Health": [],
}


def fake(tmp_path: Path, *, out: str = "", err: str = "", code: int = 0) -> str:
    """An executable that answers like tailscale and refuses any other command line."""
    script = tmp_path / "tailscale"
    script.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "if sys.argv[1:] != ['status', '--json', '--peers=false']:\n    sys.exit(2)\n"
        f"sys.stdout.write({out!r})\nsys.stderr.write({err!r})\nsys.exit({code})\n"
    )
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(
    ("status", "command"),
    [
        (Status("missing"), "install.sh"),
        (Status("daemon_down", "failed to connect"), "systemctl enable --now tailscaled"),
        (Status("denied", "Access denied"), "--operator"),
        (Status("NeedsLogin", auth_url="https://login.example/a"), "--auth-key=file:PATH"),
        (Status("NeedsMachineAuth"), ""),
        (Status("Stopped"), "sudo tailscale up"),
        (Status("Starting"), "bootstrap status"),
        (Status("unreadable", "x"), "status --json"),
        (Status("Running"), "tailscale ip"),
    ],
)
def test_every_state_has_its_next_step(status: Status, command: str) -> None:
    """B-230: the step names the command to type, and the node is not called ready."""
    step = next_step(status, "linux", NOW)

    assert not step.ready
    assert command in step.command


def test_running_node_is_ready_and_shows_its_addresses(tmp_path: Path) -> None:
    status = read_status(fake(tmp_path, out=json.dumps(RUNNING), err='Warning: client version "1" != tailscaled "2"'))
    step = next_step(status, "linux", NOW)

    assert step.ready
    assert "100.64.0.1" in step.what
    assert "trader.tail1234.ts.net is" in step.what


def test_expiring_key_is_a_warning(tmp_path: Path) -> None:
    soon = {**RUNNING, "Self": {**RUNNING["Self"], "KeyExpiry": "2026-11-30T00:00:00Z"}}  # type: ignore[dict-item]  # Self is a dict
    step = next_step(read_status(fake(tmp_path, out=json.dumps(soon))), "linux", NOW)

    assert step.ready
    assert "expires in 9 days" in step.what


@pytest.mark.parametrize(
    ("out", "err", "code", "state"),
    [
        ("", "failed to connect to local tailscaled; it doesn't appear to be running", 1, "daemon_down"),
        ("", "Access denied: status access denied", 1, "denied"),
        ("{", "", 0, "unreadable"),
        ("[]", "", 0, "unreadable"),
        ('{"BackendState":"Dancing"}', "", 0, "unreadable"),
        ('{"BackendState":"NeedsLogin","TailscaleIPs":null,"Self":null}', "", 0, "NeedsLogin"),
    ],
)
def test_anything_tailscale_says_is_a_state(tmp_path: Path, out: str, err: str, code: int, state: str) -> None:
    assert read_status(fake(tmp_path, out=out, err=err, code=code)).state == state


def test_missing_program_is_a_state() -> None:
    assert read_status("no-such-program-here").state == "missing"


def test_command_prints_json_and_exits_by_readiness(tmp_path: Path) -> None:
    ready = CliRunner().invoke(app, ["status", "--json", "--executable", fake(tmp_path, out=json.dumps(RUNNING))])
    missing = CliRunner().invoke(app, ["status", "--executable", "no-such-program-here"])

    assert json.loads(ready.stdout)["ready"] is True
    assert (ready.exit_code, missing.exit_code) == (0, 1)
    assert "next: " in missing.stdout
