"""The stand-in is held to the rules of the real program, so that bootstrap cannot pass with a flag Tailscale lacks."""

import json
import subprocess
from pathlib import Path

import pytest
from fake_tailscale import install, node, running

PEER = node("control", "100.64.0.1")


def ask(tmp_path: Path, scenario: dict[str, object], *words: str) -> "subprocess.CompletedProcess[str]":
    fake = install(tmp_path, scenario)
    return subprocess.run([fake.executable, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [
        ("up", "--auth-key-file=x"),
        ("up", "--tags=tag:a"),
        ("up", "--timeout=1s", "--timeout=2s"),
        ("status", "--format=json"),
        ("ping", "--count=3", "100.64.0.1"),
        ("frobnicate",),
        ("whois", "--json", "--proto"),
    ],
)
def test_unknown_flags_exit_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A flag the real one lacks, one given twice and one without its value are usage errors."""
    done = ask(tmp_path, running(PEER), *words)

    assert (done.returncode, "USAGE" in done.stderr) == (2, True)


def test_status_json_has_the_real_shape(tmp_path: Path) -> None:
    """No newline at its end, null for nothing, names with their dot; the warning stays on stderr."""
    done = ask(tmp_path, running(PEER, skew=True), "status", "--json")
    fields = json.loads(done.stdout)

    assert not done.stdout.endswith("\n")
    assert fields["Peer"] is None
    assert fields["Self"]["DNSName"].endswith(".ts.net.")
    assert done.stderr.startswith("Warning: client version")


@pytest.mark.parametrize("state", ["Stopped", "NeedsLogin", "NeedsMachineAuth"])
def test_plain_status_exits_1_where_json_exits_0(tmp_path: Path, state: str) -> None:
    assert ask(tmp_path, {"state": state}, "status").returncode == 1
    assert ask(tmp_path, {"state": state}, "status", "--json").returncode == 0


def test_relayed_ping_fails_unless_told_not_to_wait_for_direct(tmp_path: Path) -> None:
    """The trap of the default flags: pongs came, and the exit code says failure."""
    scenario = running(PEER, pings={"100.64.0.2": [{"via": "DERP(nyc)", "ms": 35}]})

    assert ask(tmp_path, scenario, "ping", "100.64.0.2").returncode == 1
    assert ask(tmp_path, scenario, "ping", "--until-direct=false", "-c", "3", "100.64.0.2").returncode == 0
