"""`python -m controller` as a process of its own: exit codes, one clear line for every trouble, and a clean end."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from system_bench import Venues, open_venues

from trading.clock import MS, SECOND, SystemClock
from trading.secrets import write_private
from trading.sim.credentials import Credentials
from trading.units import MonoNs, WallNs

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 30.0


def environment(directory: Path, given: Mapping[str, str], **more: str) -> dict[str, str]:
    """A clean environment: the way to the code, the venues, and state below the test's directory."""
    base = {"COLUMNS": "220", "PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), "HOME": str(directory)}
    kept = {"STATE_DIR": str(directory / "state"), "DISCOVERY_CACHE_PATH": str(directory / "cache.json"), "LOG_FILE": ""}
    return {**base, **kept, **given, **more}


def without_keys(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if "://" in value or name == "POLYMARKET_CHAIN_ID"}


@asynccontextmanager
async def started(*args: str, env: Mapping[str, str], cwd: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running controller, ended with the block whatever happens."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "controller", *args, env=dict(env), cwd=cwd, stdout=pipe, stderr=pipe
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def controller(*args: str, env: Mapping[str, str], cwd: Path) -> tuple[int, str, str]:
    """Run to the end. No trouble may show a trace."""
    async with started(*args, env=env, cwd=cwd) as process:
        code, out, err = await ended(process)
    assert "Traceback" not in out + err, err
    return code, out, err


def error_lines(err: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith("error:")]


# --- discovery ------------------------------------------------------------------------------------------------------------


async def test_the_smoke_test_needs_no_keys_prints_pairs_and_exits_0(venues: Venues, tmp_path: Path) -> None:
    """B-071: DISCOVERY_ONLY=1 FORCE_DISCOVERY=1 finds every pair of both venues, per league, and trades nothing."""
    env = environment(tmp_path, without_keys(venues.env(tmp_path)), DISCOVERY_ONLY="1", FORCE_DISCOVERY="1")
    code, out, err = await controller("--json", env=env, cwd=tmp_path)
    found = json.loads(out)

    assert code == 0, err
    assert {(pair["ticker"], pair["outcome_index"]) for pair in found["pairs"]} == {
        (ticker, index) for game in venues.games for index, ticker in enumerate((game.first, game.second))
    }
    assert {pair["state"] for pair in found["pairs"]} == {"approved"}
    assert venues.orders == (0, 0)


async def test_a_corrupt_discovery_cache_is_rebuilt_with_a_notice(venues: Venues, tmp_path: Path) -> None:
    """B-107: the file is ignored, said so, and whole again afterwards; the pairs are those of the venues."""
    cache = tmp_path / "cache.json"
    cache.write_text('{"schema": 1, "pairs": [{"id"')
    env = environment(tmp_path, without_keys(venues.env(tmp_path)))
    code, out, err = await controller("discover", env=env, cwd=tmp_path)

    assert code == 0
    assert "corrupt" in err and str(cache) in err
    assert venues.games[0].first in out
    assert len(json.loads(cache.read_text())["pairs"]) == 4


@pytest.mark.parametrize("command", [["discover"], ["run"], ["doctor"]])
async def test_unreachable_venues_end_in_one_line_and_a_non_zero_exit(tmp_path: Path, command: list[str]) -> None:
    """Nobody listens at the addresses given: the exit code says failed and the output says who could not be reached."""
    hosts = {
        **dict.fromkeys(("KALSHI_API_BASE", "POLYMARKET_CLOB_URL", "POLYMARKET_GAMMA_URL"), "http://127.0.0.1:9"),
        **dict.fromkeys(("POLYMARKET_DATA_URL", "POLYMARKET_RELAYER_URL"), "http://127.0.0.1:9"),
        **dict.fromkeys(("KALSHI_WS_URL", "POLYMARKET_WS_URL"), "ws://127.0.0.1:9"),
    }
    code, out, err = await controller(*command, env=environment(tmp_path, hosts), cwd=tmp_path)

    assert code == 1
    assert "kalshi" in (out + err).lower() and "polymarket" in (out + err).lower()
    if command == ["run"]:
        assert len(error_lines(err)) == 1


# --- settings and keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "rule"),
    [
        ("CB_MAX_DAILY_LOSS", "50.0", "whole cents"),
        ("DEPTH_FRACTION", "7", "<= 1"),
        ("LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING, ERROR"),
        ("CONTROLLER_PLATFORMS", "kalshi,nyse", "kalshi, polymarket"),
        ("DRY_RUN", "maybe", "1/0"),
    ],
)
async def test_a_malformed_setting_stops_the_start_with_variable_value_and_range(
    tmp_path: Path, variable: str, value: str, rule: str
) -> None:
    """B-017: exit 2 and one line."""
    code, out, err = await controller("doctor", env=environment(tmp_path, {}, **{variable: value}), cwd=tmp_path)

    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert variable in line and value.split(",")[-1] in line and rule in line


async def test_hosts_of_both_worlds_are_refused(venues: Venues, tmp_path: Path) -> None:
    """design.md 5: a simulated venue beside a real one stops the start."""
    env = venues.env(tmp_path)
    del env["POLYMARKET_CLOB_URL"]
    code, _, err = await controller("discover", env=environment(tmp_path, env), cwd=tmp_path)

    assert code == 2
    (line,) = error_lines(err)
    assert "POLYMARKET_CLOB_URL not; set all of them or none" in line


def with_wrong_key(venues: Venues, directory: Path) -> dict[str, str]:
    """A key file that is a good key, and not the one of this key id."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(directory / "other.pem", pem)
    return venues.env(directory) | {"KALSHI_PRIVATE_KEY_PATH": str(directory / "other.pem")}


async def test_doctor_names_a_wrong_key_in_one_line(venues: Venues, tmp_path: Path) -> None:
    """B-078: exit 1; the other checks still pass, and the line says what to check."""
    env = environment(tmp_path, with_wrong_key(venues, tmp_path))
    code, out, _ = await controller("doctor", env=env, cwd=tmp_path)
    failed = [line for line in out.splitlines() if line.startswith("fail")]

    assert code == 1
    assert len(failed) == 1
    assert "kalshi key" in failed[0] and "401" in failed[0] and "KALSHI_API_KEY_ID" in failed[0]


async def test_a_live_start_with_a_wrong_key_ends_before_anything_is_traded(venues: Venues, tmp_path: Path) -> None:
    """The keys are proven first: one line with the next step, exit 1, no order."""
    env = environment(tmp_path, with_wrong_key(venues, tmp_path), DRY_RUN="0", CONTROLLER_PLATFORMS="kalshi,polymarket")
    code, _, err = await controller("run", env=env, cwd=tmp_path)
    (line,) = error_lines(err)

    assert code == 1
    assert "kalshi" in line and "doctor" in line
    assert venues.orders == (0, 0)


class Ahead:
    """The venues' clock when ours is a minute behind."""

    def __init__(self) -> None:
        self.boot_id = b"test"
        self._true = SystemClock()

    def wall_ns(self) -> WallNs:
        return WallNs(self._true.wall_ns() + 60 * SECOND)

    def mono_ns(self) -> MonoNs:
        return self._true.mono_ns()


async def test_doctor_explains_a_skewed_clock(credentials: Credentials, tmp_path: Path) -> None:
    """Both venues' clocks are a minute ahead: the refused key is not the only news, the clock is named with its error."""
    clock = Ahead()
    async with open_venues(credentials, clock=clock) as venues:
        venues.kalshi.headers = lambda: {"date": formatdate(clock.wall_ns() / SECOND, usegmt=True)}
        code, out, _ = await controller("doctor", env=environment(tmp_path, venues.env(tmp_path)), cwd=tmp_path)
    failed = {line.split(":")[0].removeprefix("fail").strip(): line for line in out.splitlines() if line.startswith("fail")}

    assert code == 1
    assert {"kalshi clock", "polymarket clock", "kalshi key"} <= failed.keys()
    for venue in ("kalshi", "polymarket"):
        assert "NTP" in failed[f"{venue} clock"]
        assert "ms behind the venue's" in failed[f"{venue} clock"]


# --- running --------------------------------------------------------------------------------------------------------------


async def until(what: Callable[[], object], why: str, within: float = 15.0) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + within
    while not what():
        assert loop.time() < ends, f"not within {within:g} s: {why}"
        await asyncio.sleep(0.01)


async def test_an_interrupt_ends_a_running_arb_first_and_then_the_process(venues: Venues, tmp_path: Path) -> None:
    """B-010: Ctrl-C between the legs. The second leg still goes out, nothing stands alone, the exit is clean and in time."""
    venues.kalshi.way_ns = venues.polymarket.way_ns = 200 * MS
    env = environment(tmp_path, venues.env(tmp_path), DRY_RUN="0", CONTROLLER_PLATFORMS="kalshi,polymarket", DEPTH_FRACTION="1")
    async with started("run", "--json", env=env, cwd=tmp_path) as process:
        await until(lambda: streaming(venues), "both venues are streamed")
        venues.open_arb(venues.games[0])
        await until(lambda: venues.polymarket.orders, "the first leg arrived", within=4)  # no balance read met a 429 before
        process.send_signal(signal.SIGINT)
        code, out, err = await asyncio.wait_for(ended(process), 15)
    summary = json.loads(out)

    assert code == 0, err
    assert [sent.venue for sent in venues.timeline] == ["polymarket", "kalshi"]
    assert (summary["executions"], summary["matched_contracts"], summary["unhedged_contracts"]) == (1, "20", "0")
    assert "Traceback" not in err


async def test_status_shows_a_halt_of_the_running_controller_and_of_the_next_start(venues: Venues, tmp_path: Path) -> None:
    """B-204: whoever halts sees it, while the controller runs and after it ended; exit 1 says that none runs."""
    env = environment(tmp_path, venues.env(tmp_path), DRY_RUN="0", CONTROLLER_PLATFORMS="kalshi,polymarket")
    async with started("run", env=env, cwd=tmp_path) as process:
        await until(lambda: streaming(venues), "both venues are streamed")
        code, out, err = await controller("status", "--json", env=env, cwd=tmp_path)
        assert code == 0, err
        before = json.loads(out)
        await controller("halt", "lunch", env=env, cwd=tmp_path)
        code, shown, err = await controller("status", env=env, cwd=tmp_path)
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(ended(process), 15)
    code_after, out, _ = await controller("status", "--json", env=env, cwd=tmp_path)

    assert (before["trading"], before["halt"], before["pid"], before["open_legs"]) == ("on", None, process.pid, [])
    assert {row["executed"] for row in before["venues"].values()} == {"here"}
    assert "best_gap" in before  # B-316
    assert (code, "halted: lunch" in shown) == (0, True), err
    assert (code_after, json.loads(out)["halt"]) == (1, {"reason": "lunch", "freeze": False})


async def test_a_test_arb_is_injected_once_in_paper(venues: Venues, tmp_path: Path) -> None:
    """B-072 through the command line: TEST_ARB=1 in paper gives one decision marked is_test; SIGTERM ends it cleanly."""
    env = environment(tmp_path, venues.env(tmp_path), TEST_ARB="1")
    decisions = tmp_path / "state" / "decisions.jsonl"
    async with started("run", "--json", env=env, cwd=tmp_path) as process:
        await until(lambda: decisions.exists() and '"closed"' in decisions.read_text(), "the test arb ended")
        process.send_signal(signal.SIGTERM)
        code, out, err = await asyncio.wait_for(ended(process), 15)
    rows = [json.loads(line) for line in decisions.read_text().splitlines()]
    secrets = [value for name, value in env.items() if name.endswith(("PRIVATE_KEY", "_SECRET", "_PASSPHRASE"))]
    kept = "".join(path.read_text(errors="replace") for path in (tmp_path / "state").rglob("*") if path.is_file())

    assert code == 0, err
    assert len([line for line in err.splitlines() if "] settings " in line]) == 1  # B-018: once, and what hides is masked
    assert len(secrets) == 3 and not [secret for secret in secrets if secret in out + err + kept]  # B-019
    assert [row["is_test"] for row in rows if row["kind"] == "approved"] == [True]
    assert json.loads(out)["executions"] == 1
    assert venues.orders == (0, 0)


async def test_a_test_arb_is_refused_live_without_its_flag(venues: Venues, tmp_path: Path) -> None:
    """B-072: DRY_RUN=0 with TEST_ARB=1 records a refusal and places nothing."""
    env = environment(tmp_path, venues.env(tmp_path), TEST_ARB="1", DRY_RUN="0", CONTROLLER_PLATFORMS="kalshi,polymarket")
    decisions = tmp_path / "state" / "decisions.jsonl"
    async with started("run", "--json", env=env, cwd=tmp_path) as process:
        await until(lambda: decisions.exists() and decisions.read_text(), "the test arb was decided")
        process.send_signal(signal.SIGINT)
        code, _, err = await asyncio.wait_for(ended(process), 15)
    rows = [json.loads(line) for line in decisions.read_text().splitlines()]

    assert code == 0, err
    assert [(row["kind"], row.get("code")) for row in rows] == [("refused", "test_live")]
    assert venues.orders == (0, 0)


def streaming(venues: Venues) -> bool:
    """Both venues have sent books to somebody."""
    stats = venues.server.statistics()
    return all(one["sessions"] and one["frames_out"] for one in stats.values())
