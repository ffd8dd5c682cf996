"""`trader doctor` passes on a healthy platform and names what is wrong otherwise, without ever trading."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from trader_bench import NO_KALSHI, NO_TRIPLE, NO_WALLET, VenueThread, trader

from trader.app import production_ports
from trader.doctor import examine
from trader.settings import TraderSettings
from trading.clock import MS, SystemClock
from trading.errors import Unreachable
from trading.http import Response
from trading.settings import load
from trading.state_dir import StateDir
from trading.units import WallNs


def levels(text: str) -> dict[str, str]:
    return {row["what"]: row["level"] for row in json.loads(text)["findings"]}


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_healthy_platform_passes_line_by_line(venues: VenueThread, venue: str) -> None:
    """Settings, platform, journal, keys, reachability, clock, balance and, with a wallet, allowances; the platform follows from
    the keys that are set."""
    venues.write_env(**(NO_WALLET if venue == "kalshi" else {**NO_KALSHI, **NO_TRIPLE}))

    result = trader("doctor", "--json")

    assert result.exit_code == 0
    assert levels(result.stdout) == dict.fromkeys(
        (
            *("settings", "platform", "journal"),
            *(f"{venue} {what}" for what in ("keys", "reachable", "clock", "balance")),
            *(("polymarket allowances",) if venue == "polymarket" else ()),
        ),
        "pass",
    )


def test_report_is_one_line_a_check(venues: VenueThread) -> None:
    venues.write_env(TRADER_PLATFORM="kalshi")

    result = trader("doctor")

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert all(line.startswith("pass  ") for line in lines)
    assert "on shard 3" in lines[-1]


def test_key_the_venue_refuses_fails(venues: VenueThread) -> None:
    """The key of another file: reachable, and no balance is shown."""
    venues.write_env(TRADER_PLATFORM="kalshi", KALSHI_API_KEY_ID=venues.credentials.kalshi_ed25519_key_id)

    result = trader("doctor", "--json")

    found = levels(result.stdout)
    assert (result.exit_code, found["kalshi reachable"], found["kalshi balance"]) == (1, "pass", "fail")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "fail  platform: TRADER_PLATFORM=auto: keys of both platforms are set"),
        (
            {"TRADER_PLATFORM": "kalshi", "KALSHI_PRIVATE_KEY_PATH": "gone.pem"},
            "fail  kalshi keys: KALSHI_PRIVATE_KEY_PATH: key file gone.pem",
        ),
        ({"TRADER_PLATFORM": "kalshi", "KALSHI_API_BASE": "http://127.0.0.1:9"}, "fail  kalshi reachable: unreachable"),
        (
            {"TRADER_PLATFORM": "polymarket", "POLYMARKET_CLOB_URL": "http://127.0.0.1:9"},
            "fail  polymarket reachable: unreachable",
        ),
        ({"TRADER_PLATFORM": "kalshi", "DRY_RUN": "0", **NO_KALSHI}, "fail  kalshi keys: not set"),
        ({"POLYMARKET_CLOB_URL": "https://clob.example"}, "fail  settings: venue hosts are mixed"),
    ],
)
def test_what_is_wrong_is_a_failed_line(venues: VenueThread, changes: dict[str, str], line: str) -> None:
    """Exit 1, and the line names it."""
    venues.write_env(**changes)

    result = trader("doctor")

    assert result.exit_code == 1
    assert any(found.startswith(line) for found in result.stdout.splitlines()), result.stdout


def test_missing_allowance_is_told_with_its_step(venues: VenueThread) -> None:
    """The exchanges may move nothing of the wallet's money: every order would fail."""
    venues.write_env(**{**NO_KALSHI, **NO_TRIPLE}, DRY_RUN="0")
    owner = venues.credentials.polymarket.owner
    venues.do(lambda: venues.world.polymarket.set_allowance(owner, 0))
    try:
        result = trader("doctor")
    finally:
        venues.do(lambda: venues.world.polymarket.set_allowance(owner, 2**256 - 1))

    assert result.exit_code == 1
    assert "controller treasury --apply" in result.stdout.splitlines()[-1]


def test_link_and_a_running_trader_are_told(venues: VenueThread) -> None:
    """A trader that runs keeps its journal to itself; an identity that is missing is a failed line."""
    venues.write_env(TRADER_PLATFORM="kalshi", CONTROLLER_ADDRESS="127.0.0.1:9001")
    held = StateDir(Path.cwd() / "state" / "trader-kalshi")
    try:
        result = trader("doctor", "--json")
    finally:
        held.close()

    found = levels(result.stdout)
    assert (result.exit_code, found["journal"], found["link"]) == (1, "warn", "fail")


def test_paper_without_keys_is_a_warning(venues: VenueThread) -> None:
    """Paper needs public reads only."""
    venues.write_env(TRADER_PLATFORM="kalshi", **NO_KALSHI)

    result = trader("doctor", "--json")

    found = levels(result.stdout)
    assert (result.exit_code, found["kalshi keys"], found["kalshi clock"]) == (0, "warn", "pass")
    assert "kalshi balance" not in found


def test_key_file_that_others_can_read_is_a_warning(venues: VenueThread) -> None:
    """B-311: warned, with the command that closes it."""
    loose = Path.cwd() / "loose.pem"
    loose.write_bytes(venues.credentials.kalshi_key_path.read_bytes())
    loose.chmod(0o644)
    venues.write_env(TRADER_PLATFORM="kalshi", KALSHI_PRIVATE_KEY_PATH=str(loose))

    result = trader("doctor")

    assert result.exit_code == 0
    assert any(line.startswith("warn  key file: ") and "chmod 600" in line for line in result.stdout.splitlines())


def test_malformed_setting_is_exit_2() -> None:
    result = trader("doctor", "--config", "nowhere.toml")

    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "error: --config nowhere.toml: no such file\n")


class _Late(SystemClock):
    """A clock that is three seconds behind."""

    def __init__(self) -> None:
        super().__init__()
        true = self.wall_ns
        self.wall_ns = lambda: WallNs(true() - 3_000 * MS)


def _examined(settings: TraderSettings, capsys: pytest.CaptureFixture[str], **ports: object) -> tuple[int, dict[str, str]]:
    async def run() -> int:
        real = production_ports()
        try:
            return await examine(settings, msgspec.structs.replace(real, **ports), as_json=True)
        finally:
            await real.close()

    code = asyncio.run(run())
    return code, levels(capsys.readouterr().out)


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_clock_that_is_off_fails(venues: VenueThread, venue: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Kalshi refuses stamps that are seconds old: said before the first order has to find out."""
    venues.write_env(TRADER_PLATFORM=venue, **(NO_KALSHI if venue == "kalshi" else NO_WALLET))
    settings = load(TraderSettings, environ=os.environ, directory=Path.cwd())

    code, found = _examined(settings, capsys, clock=_Late())

    assert (code, found[f"{venue} clock"]) == (1, "fail")


class _NoNetwork:
    """Answers nothing, and remembers who was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        self.asked.append(method)
        raise Unreachable("kalshi", "unreachable", url)


def test_live_on_real_hosts_is_examined_by_reading_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Real hosts and no keys: it says what is missing, and nothing but reads leaves the machine."""
    http = _NoNetwork()
    settings = TraderSettings(trader_platform="kalshi", dry_run=False)

    code, found = _examined(settings, capsys, http=lambda _: http)

    assert (code, found["settings"], found["kalshi keys"]) == (1, "pass", "fail")
    assert set(http.asked) == {"GET"}
