"""Every state of Tailscale leads to one exact next step, and nothing it prints breaks the command."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_tailscale import Fake, LocalApi, install, node, running, whois_of
from typer.testing import CliRunner

from bootstrap.cli import app, settled
from bootstrap.plan import next_step, this_place
from bootstrap.tailscale import Machine, Status, Tailscale

NOW = datetime(2026, 11, 21, tzinfo=UTC)
OWN = node("trader", "100.64.0.2", tags=("tag:arb-trader",))


def reader(fake: Fake, tmp_path: Path) -> Tailscale:
    """The command line only: this socket does not exist."""
    return Tailscale(fake.executable, str(tmp_path / "none.sock"))


@pytest.mark.parametrize(
    ("status", "command"),
    [
        (Status("missing"), "install.sh"),
        (Status("daemon_down", "failed to connect"), "systemctl enable --now tailscaled"),
        (Status("denied", "Access denied"), "--operator"),
        (Status("NeedsLogin", auth_url="https://login.example/a"), "bootstrap up --auth-key-file PATH"),
        (Status("NeedsMachineAuth"), "login.tailscale.com/admin"),
        (Status("Stopped"), "sudo tailscale up"),
        (Status("Starting"), "bootstrap status"),
        (Status("NoState"), "bootstrap status"),
        (Status("unreadable", "x"), "status --json"),
        (Status("Running"), "tailscale ip"),
        (Status("Running", node=Machine(addresses=("100.64.0.2",), expired=True)), "--force-reauth"),
    ],
)
def test_every_state_has_its_next_step(status: Status, command: str) -> None:
    """B-230: the step names the command to type, and the node is not called ready."""
    step = next_step(status, "linux", NOW)

    assert not step.ready
    assert command in step.command


def test_missing_tag_of_the_role_is_not_ready() -> None:
    """The other side refuses a machine without its role's tag, so this node is not called usable."""
    bare = Status("Running", node=Machine(addresses=("100.64.0.2",), online=True))

    assert next_step(bare, "linux", NOW).ready
    assert next_step(bare, "linux", NOW, role="trader", tag="").ready
    assert "tag:arb-trader" in next_step(bare, "linux", NOW, role="trader").what


def test_userspace_mode_sends_a_trader_to_the_proxy_and_moves_a_controller_to_loopback() -> None:
    """Without an interface a trader dials through the proxy; a controller is delivered to on loopback (2.9)."""
    status = Status("Running", node=Machine(addresses=("100.64.0.2",), online=True), tun=False)

    stopped = next_step(status, "linux", NOW, role="trader", tag="")
    assert not stopped.ready
    assert "--socks5-server" in stopped.command and "--socks5 localhost:1055" in stopped.command
    assert next_step(status, "linux", NOW, role="trader", tag="", socks5="localhost:1055").ready
    step = next_step(status, "linux", NOW, role="controller", tag="")
    assert step.ready
    assert "LINK_HOST=127.0.0.1" in step.warnings[0]


@pytest.mark.parametrize(
    ("mark", "place", "command"),
    [
        (".dockerenv", "container", "docker compose"),
        ("run/systemd/system/x", "systemd", "systemctl"),
        ("x", "plain", "--state="),
    ],
)
def test_daemon_is_started_the_way_of_the_place(tmp_path: Path, mark: str, place: str, command: str) -> None:
    (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / mark).touch()

    found = this_place("linux", tmp_path)
    assert found == place
    assert command in next_step(Status("daemon_down"), "linux", NOW, place=found).command


def test_running_node_is_ready_and_shows_its_addresses(tmp_path: Path) -> None:
    """A version warning on stderr spoils nothing."""
    status = reader(install(tmp_path, running(OWN, skew=True)), tmp_path).status()
    step = next_step(status, "linux", NOW, role="trader")

    assert step == next_step(status, "linux", NOW)
    assert step.ready
    assert "trader.tail1234.ts.net is on the tailnet as 100.64.0.2, fd7a:115c:a1e0::2" in step.what
    assert status.ipv4 == "100.64.0.2"


def test_expiring_key_and_health_are_warnings(tmp_path: Path) -> None:
    soon = running(OWN | {"KeyExpiry": "2026-11-30T00:00:00.123456789Z"}, health=["no DERP reachable"])
    step = next_step(reader(install(tmp_path, soon), tmp_path).status(), "linux", NOW)

    assert step.ready
    assert step.warnings[0] == "no DERP reachable"
    assert "expires in 9 days" in step.warnings[1]


@pytest.mark.parametrize(
    ("scenario", "state"),
    [
        ({"state": "daemon_down"}, "daemon_down"),
        ({"state": "denied"}, "denied"),
        ({"state": "garbage"}, "unreadable"),
        ({"state": "partial"}, "unreadable"),
        ({"state": "Dancing"}, "unreadable"),
        ({"state": "NeedsLogin"}, "NeedsLogin"),
        ({"state": "Running", "starting": 1}, "Starting"),
    ],
)
def test_anything_tailscale_says_is_a_state(tmp_path: Path, scenario: dict[str, Any], state: str) -> None:
    assert reader(install(tmp_path, scenario), tmp_path).status().state == state


def test_missing_program_is_a_state(tmp_path: Path) -> None:
    assert Tailscale("no-such-program-here", str(tmp_path / "none.sock")).status().state == "missing"


def test_localapi_is_asked_first_and_the_command_line_where_it_fails(tmp_path: Path) -> None:
    """One adapter (2.6): with a socket no program is started; a socket that talks nonsense is passed over."""
    fake, peer = install(tmp_path, running(OWN)), node("control", "100.64.0.1", stable_id="nCtl")
    path = tmp_path / "ts.sock"
    with LocalApi(path, running(OWN, peer, whois={"100.64.0.1": whois_of(peer)})):
        tailscale = Tailscale(fake.executable, str(path))
        assert tailscale.status().find("control") is not None
        known = tailscale.whois("100.64.0.1:9001")
        assert known is not None
        assert known.stable_id == "nCtl"
        assert tailscale.whois("100.64.0.7:9001") is None
    assert fake.calls == []
    path.unlink()
    with LocalApi(path, {"state": "garbage"}):
        assert Tailscale(fake.executable, str(path)).status().state == "Running"
    assert fake.calls == [["--socket", str(path), "status", "--json"]]


def test_whois_by_command_line(tmp_path: Path) -> None:
    peer = node("control", "100.64.0.1", stable_id="nCtl", tags=("tag:arb-controller",))
    tailscale = reader(install(tmp_path, running(OWN, whois={"100.64.0.1": whois_of(peer)})), tmp_path)

    assert tailscale.whois("100.64.0.1:9001") == Machine("nCtl", "control.tail1234.ts.net", tags=("tag:arb-controller",))
    assert tailscale.whois("100.64.0.3:9001") is None


def test_starting_node_is_waited_for_without_end_of_patience() -> None:
    """Up to half a minute, a second apart."""
    answers = iter([Status("Starting"), Status("Running"), Status("Running", node=Machine(addresses=("100.64.0.2",)))])
    naps: list[float] = []

    assert settled(lambda: next(answers), naps.append).addresses == ("100.64.0.2",)
    assert naps == [1.0, 1.0]
    assert settled(lambda: Status("Starting"), naps.append).state == "Starting"
    assert len(naps) == 32


def test_command_prints_json_and_exits_by_readiness(tmp_path: Path) -> None:
    fake, none = install(tmp_path, running(OWN)), str(tmp_path / "none.sock")
    ready = CliRunner().invoke(app, ["status", "--role", "trader", "--json", "--tailscale", fake.executable, "--socket", none])
    missing = CliRunner().invoke(app, ["status", "--tailscale", "no-such-program-here", "--socket", none])

    assert json.loads(ready.stdout)["ready"] is True
    assert json.loads(ready.stdout)["tags"] == ["tag:arb-trader"]
    assert (ready.exit_code, missing.exit_code) == (0, 1)
    assert "next: " in missing.stdout
