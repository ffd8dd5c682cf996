"""Keys, pins and settings on disk: made once, owner-only, never lost, and read by the programs they are for."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from fake_tailscale import install, node, running
from typer.testing import CliRunner, Result

from bootstrap import identity
from bootstrap.cli import app
from bootstrap.files import Problem
from bootstrap.identity import Peer, add_peer, checked_peer, key_path, make_key, peers_path, read_peers, remove_peer
from controller.settings import ControllerSettings
from trader.settings import TraderSettings
from trading.link import identity as link
from trading.settings import load


def key(number: int) -> str:
    return base64.b64encode(bytes([number]) * 32).decode()


def trader(name: str = "nyc", number: int = 1, platform: str = "kalshi", stable_id: str = "") -> Peer:
    return checked_peer(name=name, role="trader", platform=platform, public_key=key(number), stable_id=stable_id)


def init(tmp_path: Path, *words: str, scenario: dict[str, Any] | None = None) -> Result:
    tool = install(tmp_path, scenario).executable if scenario is not None else "no-such-program-here"
    return CliRunner().invoke(
        app, ["init", "--dir", str(tmp_path / "link"), "--tailscale", tool, "--socket", str(tmp_path / "none.sock"), *words]
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_key_and_pins_are_read_by_the_link(tmp_path: Path) -> None:
    """bootstrap stands alone, so that this test holds its files to the reader of both programs."""
    public, new = make_key(tmp_path, rotate=False)
    add_peer(tmp_path, trader(stable_id="nTrader"))
    mine = link.load_identity(key_path(tmp_path))
    (peer,) = link.load_peers(peers_path(tmp_path))

    assert new
    assert mine.public == public
    assert identity.fingerprint(public) == link.fingerprint(public)
    assert (peer.name, peer.role, peer.platform, peer.stable_id) == ("nyc", "trader", "kalshi", "nTrader")


def test_files_are_owner_only(tmp_path: Path) -> None:
    """B-231, whatever the umask: the directory too."""
    init(tmp_path, "--role", "controller")
    add_peer(tmp_path / "link", trader())

    assert mode(tmp_path / "link") == 0o700
    assert {mode(path) for path in (tmp_path / "link").iterdir()} == {0o600}


def test_init_again_changes_nothing(tmp_path: Path) -> None:
    """B-232: re-running is safe, values changed by hand stay."""
    init(tmp_path, "--role", "controller")
    fragment = tmp_path / "link" / "controller.env"
    fragment.write_text(fragment.read_text().replace("9001", "9555") + "LOG_LEVEL=DEBUG\n")
    before = {path.name: path.read_bytes() for path in (tmp_path / "link").iterdir()}
    result = init(tmp_path, "--role", "controller", "--json")

    assert json.loads(result.stdout)["new"] is False
    assert {path.name: path.read_bytes() for path in (tmp_path / "link").iterdir()} == before


def test_rotate_makes_another_key_and_says_whom_to_tell(tmp_path: Path) -> None:
    old = json.loads(init(tmp_path, "--role", "controller", "--json").stdout)["public_key"]
    add_peer(tmp_path / "link", trader())
    result = init(tmp_path, "--role", "controller", "--rotate")

    assert old not in result.stdout
    assert "on every peer take the old pin out" in result.stdout
    assert read_peers(tmp_path / "link") == (trader(),)


def test_private_key_is_never_shown(tmp_path: Path) -> None:
    shown = init(tmp_path, "--role", "controller").output + init(tmp_path, "--role", "controller", "--json").output
    secret = key_path(tmp_path / "link").read_text().splitlines()[1]

    assert secret not in shown
    assert "PRIVATE" not in shown


def test_other_lines_of_the_fragment_are_kept_and_never_shown(tmp_path: Path) -> None:
    """It may be the program's .env: keys and comments of its owner survive, and no screen shows them."""
    init(tmp_path, "--role", "trader", "--platform", "polymarket")
    fragment = tmp_path / "link" / "trader.env"
    fragment.write_text(fragment.read_text() + "# mine\nPOLY_PRIVATE_KEY=0xCANARY\n")
    result = init(tmp_path, "--role", "trader", "--controller", "100.64.0.1")
    as_json = init(tmp_path, "--role", "trader", "--json")

    assert "# mine\nPOLY_PRIVATE_KEY=0xCANARY\nCONTROLLER_ADDRESS=100.64.0.1\n" in fragment.read_text()
    assert "CANARY" not in result.output + as_json.output


@pytest.mark.parametrize(
    ("scenario", "host"),
    [
        (None, "127.0.0.1"),
        ({"state": "Stopped", "self": node("c", "100.64.0.1")}, "127.0.0.1"),
        (running(node("c", "100.64.0.1")), "100.64.0.1"),
        (running(node("c", "100.64.0.1"), tun=False), "127.0.0.1"),
    ],
)
def test_link_host_is_the_tailnet_address_where_there_is_one(
    tmp_path: Path, scenario: dict[str, Any] | None, host: str
) -> None:
    """Userspace mode has no interface to bind: tailscaled delivers to loopback (2.9)."""
    assert (
        json.loads(init(tmp_path, "--role", "controller", "--json", scenario=scenario).stdout)["settings"]["LINK_HOST"] == host
    )


def test_fragments_are_settings_of_the_programs(tmp_path: Path) -> None:
    """Every line is a variable that the program knows, and its file is where the program reads it."""
    init(tmp_path, "--role", "controller", "--port", "9100")
    there = CliRunner().invoke(
        app,
        [
            "init",
            "--role",
            "trader",
            "--platform",
            "kalshi",
            "--name",
            "nyc",
            "--dir",
            str(tmp_path / "t"),
            "--controller",
            "[::1]",
        ],
    )
    (tmp_path / ".env").write_text((tmp_path / "link" / "controller.env").read_text())
    controller = load(ControllerSettings, environ={}, directory=tmp_path)
    (tmp_path / ".env").write_text((tmp_path / "t" / "trader.env").read_text())
    away = load(TraderSettings, environ={}, directory=tmp_path, shared=True)

    assert there.exit_code == 0, there.output
    assert (controller.link_port, controller.identity_path) == (9100, tmp_path / "link" / "identity.pem")
    assert (away.trader_platform, away.trader_name, away.controller_address) == ("kalshi", "nyc", ("[::1]",))


@pytest.mark.parametrize(
    "words",
    [
        ("--role", "trader"),
        ("--role", "trader", "--platform", "betfair"),
        ("--role", "controller", "--platform", "kalshi"),
        ("--role", "controller", "--link-host", "0.0.0.0"),
        ("--role", "controller", "--link-host", "192.168.1.5"),
        ("--role", "trader", "--platform", "kalshi", "--port", "9001"),
        ("--role", "trader", "--platform", "kalshi", "--controller", "a b"),
        ("--role", "trader", "--platform", "kalshi", "--name", "no spaces"),
        ("--role", "controller", "--rotate"),
    ],
)
def test_wrong_values_change_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = init(tmp_path, *words)

    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("error: ")
    assert not key_path(tmp_path / "link").exists()


def test_a_name_once_given_is_kept(tmp_path: Path) -> None:
    """The name that the other side will pin does not fall back to the host's."""
    init(tmp_path, "--role", "controller", "--name", "arb-1")

    assert "--name arb-1 " in init(tmp_path, "--role", "controller").stdout


def test_a_directory_has_one_role(tmp_path: Path) -> None:
    init(tmp_path, "--role", "controller")

    assert init(tmp_path, "--role", "trader", "--platform", "kalshi").exit_code == 1


# --- pins -----------------------------------------------------------------------------------------------------------------


def test_pins_are_kept_beside_each_other(tmp_path: Path) -> None:
    """Adding and removing one leaves the others; the same again is no change."""
    add_peer(tmp_path, trader())
    assert add_peer(tmp_path, trader("lon", 2, "polymarket"))
    assert not add_peer(tmp_path, trader())
    assert remove_peer(tmp_path, "nyc") == trader()

    assert read_peers(tmp_path) == (trader("lon", 2, "polymarket"),)


@pytest.mark.parametrize(
    ("peer", "why"),
    [
        (trader("nyc", 2), "named nyc"),
        (trader("other", 1), "pinned as nyc"),
        (trader("nyc", 1, stable_id="nElse"), "another key or machine"),
    ],
)
def test_duplicates_are_refused_by_name_and_by_key(tmp_path: Path, peer: Peer, why: str) -> None:
    add_peer(tmp_path, trader())

    with pytest.raises(Problem, match=why):
        add_peer(tmp_path, peer)
    assert read_peers(tmp_path) == (trader(),)


def test_a_trader_obeys_one_controller(tmp_path: Path) -> None:
    add_peer(tmp_path, checked_peer(name="one", role="controller", platform="", public_key=key(1)))

    with pytest.raises(Problem, match="obeys one controller"):
        add_peer(tmp_path, checked_peer(name="two", role="controller", platform="", public_key=key(2)))


@pytest.mark.parametrize("text", ["[[peer]]\nname = 'x'\n", "peer = 3", "[[peer", "[[peer]]\nname='a'\nextra='b'\n", "\xff"])
def test_a_pins_file_that_cannot_be_read_is_left_alone(tmp_path: Path, text: str) -> None:
    peers_path(tmp_path).write_text(text, encoding="latin-1")

    with pytest.raises(Problem):
        add_peer(tmp_path, trader())
    assert peers_path(tmp_path).read_text(encoding="latin-1") == text


def test_a_crash_while_writing_leaves_the_old_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_peer(tmp_path, trader())

    def fails(_: int) -> None:
        raise OSError("power cut")

    monkeypatch.setattr("bootstrap.files.os.fsync", fails)
    with pytest.raises(OSError, match="power cut"):
        add_peer(tmp_path, trader("lon", 2))
    assert read_peers(tmp_path) == (trader(),)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".peers.lock", "peers.toml"]


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 64, 'x"\n[[peer]]', "naïve"])
def test_names_that_could_break_a_file_or_a_screen_are_refused(name: str) -> None:
    with pytest.raises(Problem, match="peer name"):
        trader(name)


def test_peers_commands(tmp_path: Path) -> None:
    """What init prints for the other machine is what peers add takes; list shows the fingerprint; remove ends it."""
    away, home = str(tmp_path / "away"), str(tmp_path / "link")
    init(tmp_path, "--role", "controller")
    runner = CliRunner()
    shown = runner.invoke(app, ["init", "--role", "trader", "--platform", "kalshi", "--name", "nyc", "--dir", away]).stdout
    line = next(one for one in shown.splitlines() if "peers add" in one).partition("bootstrap ")[2]
    added = runner.invoke(app, [*line.split(), "--dir", home])
    listed = json.loads(runner.invoke(app, ["peers", "list", "--json", "--dir", home]).stdout)["peers"]
    removed = runner.invoke(app, ["peers", "remove", "nyc", "--dir", home])

    assert added.exit_code == 0, added.output
    assert listed[0]["fingerprint"] in shown
    assert "nyc" in removed.stdout and "no longer accepted" in removed.stdout
    assert link.load_peers(peers_path(tmp_path / "link")) == ()
    assert runner.invoke(app, ["peers", "remove", "nyc", "--dir", home]).exit_code == 1
