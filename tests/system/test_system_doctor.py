"""`controller doctor` on both simulated venues: all of it passes, and each thing that is broken is one line with its next step."""

import json
import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from system_bench import Venues, settings_of

from controller.control import control_path, serving
from controller.doctor import examine
from controller.doctor_here import _disk
from trading.secrets import write_private
from trading.sim.core import Response
from trading.state_dir import StateDir

Lines = dict[str, dict[str, str]]


async def doctor(
    venues: Venues,
    directory: Path,
    capsys: pytest.CaptureFixture[str],
    environ: Mapping[str, str] | None = None,
    **flags: object,
) -> tuple[int, Lines]:
    """Exit code and the findings by what they are about; the worst one where a thing has several lines."""
    settings = settings_of(directory, venues.env(directory) | dict(environ or {}), **flags)
    capsys.readouterr()
    code = await examine(settings, as_json=True)
    order = ("pass", "warn", "fail")
    rows = json.loads(capsys.readouterr().out)["findings"]
    return code, {row["what"]: row for row in sorted(rows, key=lambda row: order.index(row["level"]))}


async def test_a_ready_system_passes_line_by_line(venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything the page names is asked, nothing fails, nothing is traded."""
    before = venues.record()
    code, found = await doctor(venues, tmp_path, capsys)

    assert code == 0, found
    assert {row["level"] for row in found.values()} == {"pass"}, [row for row in found.values() if row["level"] != "pass"]
    assert found.keys() >= {
        *("settings", "state directory", "journal", "disk", "discovery", "cash", "polymarket geoblock"),
        *(f"kalshi {what}" for what in ("reachable", "clock", "schedule", "key", "scopes", "limits", "terms", "stream")),
        *(f"polymarket {what}" for what in ("reachable", "clock", "wallet", "allowances", "relayer", "terms", "stream")),
    }
    assert venues.orders == (0, 0)
    assert venues.record() == before


async def test_each_line_of_text_is_level_subject_detail_and_step(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --json: one line each; the step stands behind an arrow."""
    settings = settings_of(tmp_path, venues.env(tmp_path), max_trade_size=1_000_000)
    code = await examine(settings, as_json=False)
    lines = capsys.readouterr().out.splitlines()

    assert code == 0
    assert all(line.startswith(("pass  ", "warn  ")) for line in lines)
    (cash,) = [line for line in lines if line.startswith("warn  cash")]
    assert cash.endswith("-> run: controller treasury")


def lapse(venues: Venues) -> None:
    venues.kalshi.core.attest(1)


def pause(venues: Venues) -> None:
    venues.kalshi.core.pause_trading(True)


def pause_one_shard(venues: Venues) -> None:
    venues.kalshi.core.pause_trading(True, 2)


def blind(venues: Venues) -> None:
    venues.polymarket.core.set_allowance(venues.credentials.polymarket.owner, 0)


def mute_kalshi(venues: Venues) -> None:
    venues.kalshi.core.freeze_streams(True)


def cut(path: str) -> Callable[[Venues], None]:
    def broken(venues: Venues) -> None:
        venues.polymarket.before = lambda request: (
            Response(500, b"{}", {"content-type": "application/json"}) if request.path.startswith(path) else None
        )

    return broken


def blocked(venues: Venues) -> None:
    venues.polymarket.before = lambda request: (
        Response(200, b'{"blocked":true,"country":"US","region":"NY"}', {"content-type": "application/json"})
        if request.path == "/api/geoblock"
        else None
    )


@pytest.mark.parametrize(
    ("breaks", "what", "level", "detail", "step"),
    [
        (lapse, "kalshi attestation", "fail", "lapsed", "kalshi.com"),
        (pause, "kalshi reachable", "warn", "paused", "wait"),
        (pause_one_shard, "kalshi reachable", "warn", "shard 2 is paused", "wait"),
        (blind, "polymarket allowances", "fail", "none for", "controller treasury --apply"),
        (cut("/relayer"), "polymarket relayer", "fail", "", "check the network"),
        (blocked, "polymarket geoblock", "fail", "US NY", "do not trade"),
    ],
)
async def test_what_is_broken_at_a_venue_is_one_line_with_its_step(
    venues: Venues,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    breaks: Callable[[Venues], None],
    what: str,
    level: str,
    detail: str,
    step: str,
) -> None:
    """The other lines still pass."""
    breaks(venues)
    code, found = await doctor(venues, tmp_path, capsys)

    assert (found[what]["level"], code) == (level, 1 if level == "fail" else 0)
    assert detail in found[what]["detail"]
    assert step in found[what]["next"]
    assert [name for name, row in found.items() if row["level"] == "fail"] == ([what] if level == "fail" else [])


async def test_a_stream_without_data_is_not_taken_for_a_book(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kalshi's socket opens and stays silent: the line says connected, and that no book came."""
    monkeypatch.setattr("controller.doctor_venues._PROOF_S", 0.5)
    mute_kalshi(venues)
    code, found = await doctor(venues, tmp_path, capsys)

    assert code == 1
    assert found["kalshi stream"]["level"] == "fail"
    assert "connected, but no proven book" in found["kalshi stream"]["detail"]
    assert found["polymarket stream"]["level"] == "pass"


async def test_a_missing_relayer_key_is_a_warning(venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Orders go without it; merging and redeeming do not."""
    without = {"POLYMARKET_RELAYER_API_KEY": "", "POLYMARKET_RELAYER_API_KEY_ADDRESS": ""}
    code, found = await doctor(venues, tmp_path, capsys, without)

    assert (code, found["polymarket relayer"]["level"]) == (0, "warn")
    assert "POLYMARKET_RELAYER_API_KEY" in found["polymarket relayer"]["next"]


async def test_a_state_directory_in_use_is_told_with_its_process(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A running controller is not disturbed: its journal is not opened."""
    held = StateDir(tmp_path / "state" / "controller")
    try:
        code, found = await doctor(venues, tmp_path, capsys)
    finally:
        held.close()

    assert (code, found["journal"]["level"]) == (0, "warn")
    assert "in use by process" in found["journal"]["detail"]


async def test_a_damaged_journal_fails(venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing may be sent on it, so the doctor says so before a start does."""
    file = tmp_path / "state" / "controller" / "journal.sqlite"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no database" * 1000)
    code, found = await doctor(venues, tmp_path, capsys)

    assert (code, found["journal"]["level"]) == (1, "fail")
    assert "docs/operations.md" in found["journal"]["next"]


async def test_an_unwritable_state_directory_fails(venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file stands where the directory should be."""
    (tmp_path / "state").write_text("")
    code, found = await doctor(venues, tmp_path, capsys)

    assert (code, found["state directory"]["level"]) == (1, "fail")
    assert "STATE_DIR" in found["state directory"]["next"]


async def test_a_full_disk_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Below 200 MB nothing should start; below 2 GB it is a warning."""

    async def run(work: Callable[[], Any]) -> Any:
        return work()

    here: Any = SimpleNamespace(ports=SimpleNamespace(offload=SimpleNamespace(run=run)))
    levels = []
    for free in (100_000_000, 1_000_000_000, 50_000_000_000):
        usage = type("Usage", (), {"free": free})
        monkeypatch.setattr("controller.doctor_here.shutil.disk_usage", lambda path, usage=usage: usage)
        levels.append((await _disk(here, tmp_path)).level)

    assert levels == ["fail", "warn", "pass"]


def paired(directory: Path, *, identity: bool = True) -> dict[str, object]:
    """A link directory with one paired Polymarket trader, and the flags that use it."""
    where = directory / "link"
    where.mkdir()
    if identity:
        key = Ed25519PrivateKey.generate()
        write_private(where / "identity.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (where / "peers.toml").write_text(
        f'[[peer]]\nname = "near"\nrole = "trader"\nplatform = "polymarket"\npublic_key = "{"A" * 43}="\nstable_id = ""\n'
    )
    return {"link_dir": str(where), "controller_platforms": "kalshi", "link_port": 0}


async def test_the_link_is_told_with_its_trader(venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Identity, peers and port pass; the trader is named, and nothing listens."""
    code, found = await doctor(venues, tmp_path, capsys, **paired(tmp_path))

    assert code == 0
    assert {found[f"link {what}"]["level"] for what in ("identity", "peers", "port", "traders")} == {"pass"}
    assert "near (polymarket" in found["link peers"]["detail"]


async def test_a_taken_port_and_a_missing_identity_fail(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is one line with what to set or run."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        flags = paired(tmp_path, identity=False) | {"link_port": taken.getsockname()[1]}
        code, found = await doctor(venues, tmp_path, capsys, **flags)

    assert code == 1
    assert (found["link port"]["level"], found["link identity"]["level"]) == ("fail", "fail")
    assert "LINK_PORT" in found["link port"]["next"]
    assert "bootstrap init" in found["link identity"]["next"]


async def test_the_port_of_the_running_controller_is_no_failure(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """B-204: whoever asks the doctor while all is well is not told to end the controller."""

    async def status(question: object) -> dict[str, object]:
        return {"trading": "on"}

    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        flags = paired(tmp_path) | {"link_port": taken.getsockname()[1]}
        (home := tmp_path / "state" / "controller").mkdir(parents=True, mode=0o700)
        async with serving(control_path(home), {"status": status}):
            _, found = await doctor(venues, tmp_path, capsys, **flags)

    assert found["link port"]["level"] == "pass"


async def test_a_setting_that_would_stop_the_start_is_a_line(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A listed platform without keys: the line says so and the other checks are made all the same."""
    without = {"POLY_PRIVATE_KEY": "", "POLY_FUNDER": "", "POLYMARKET_API_KEY": ""}
    without |= {"POLYMARKET_API_SECRET": "", "POLYMARKET_API_PASSPHRASE": ""}
    code, found = await doctor(venues, tmp_path, capsys, without)

    assert (code, found["settings"]["level"]) == (1, "fail")
    assert "polymarket" in found["settings"]["detail"]
    assert found["kalshi key"]["level"] == "pass"
