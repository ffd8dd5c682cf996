"""What docs/deploy.md tells people to type exists, and the files it hands out say what they promise."""

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from bootstrap.cli import app as bootstrap
from controller.cli import app as controller
from controller.ledger.database import url_of
from trader.cli import app as trader

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {
    name: typer.main.get_command(app)
    for name, app in (("bootstrap", bootstrap), ("controller", controller), ("trader", trader))
}
UNITS = sorted((ROOT / "docs" / "systemd").glob("*.service"))


def typed(page: str) -> list[list[str]]:
    """Every command of ours in the page's console blocks, from the program's name on."""
    lines = re.findall(r"^(?:\w*)\$ (.*)$", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    found = []
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[:3] == ["docker", "compose", "exec"]:
            words = words[4:]  # what runs inside the service
        if words[:3] == ["docker", "compose", "run"]:
            words = words[words.index("--rm") + 2 :]  # what runs inside the service
        words = words[1:] if words[0] == "sudo" else words
        if words[0] in PROGRAMS:
            found.append(words)
    return found


@pytest.mark.parametrize("page", ["deploy.md", "security.md"])
def test_commands_of_the_page_exist_with_their_flags(page: str) -> None:
    """A renamed command or flag fails here before it fails a newcomer."""
    commands = typed(page)
    for words in commands:
        command = PROGRAMS[words[0]]
        rest = words[1:]
        while rest and rest[0] in getattr(command, "commands", {}):
            command, rest = command.commands[rest[0]], rest[1:]  # type: ignore[attr-defined]  # a group has them
        known = {name for option in command.params for name in option.opts}
        assert not getattr(command, "commands", {}), words
        assert [word for word in rest if word.startswith("-") and word.partition("=")[0] not in known] == [], words

    assert len(commands) >= 2


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_gain_nothing_and_dump_nothing(unit: Path) -> None:
    """B-311 and distributed.md 8: no core dumps, no new privileges, a read-only system, one user of its own."""
    lines = unit.read_text().splitlines()
    wanted = (
        "LimitCORE=0",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "PrivateTmp=yes",
        "User=tandem",
        "CapabilityBoundingSet=",
    )

    assert [line for line in wanted if line not in lines] == []
    assert any(line.startswith("ExecStart=/opt/tandem/.venv/bin/") for line in lines)


def test_compose_runs_the_controller_of_one_machine() -> None:
    """B-314: arbitrage_app with the variables of .env and no rights; PostgreSQL 15 only when asked for, over TLS (B-312)."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    app, database = services["arbitrage_app"], services["postgres"]

    assert app["command"] == ["controller", "run"]
    assert app["env_file"] == [{"path": ".env", "required": False}]
    assert (app["cap_drop"], app["read_only"], "ports" in app) == (["ALL"], True, False)
    assert database["profiles"] == ["postgres"] and database["image"] == "postgres:15"
    assert (database["environment"]["POSTGRES_USER"], database["environment"]["POSTGRES_DB"]) == (
        "arbitrage_user",
        "arbitrage_db",
    )
    assert "-cssl=on" in database["command"] and "ports" not in database
    assert url_of("postgresql://arbitrage_user:pw@postgres/arbitrage_db", ROOT).query["sslmode"] == "require"


def test_compose_of_two_machines_runs_both_programs_without_rights() -> None:
    services = yaml.safe_load((ROOT / "compose.tailnet.yaml").read_text())["services"]

    assert services["tailscale"]["environment"]["TS_USERSPACE"] == "false"
    assert services["tailscale"]["environment"]["TS_AUTHKEY"].startswith("file:")
    for name in ("controller", "trader"):
        assert services[name]["command"] == [name, "run"]
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["read_only"] is True
        assert "ports" not in services[name]
