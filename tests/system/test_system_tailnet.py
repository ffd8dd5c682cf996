"""Controller and trader as two programs on two machines joined by WireGuard: paired, cut apart, healed.

The machines are network namespaces and the network is wireguard-go on tailnet addresses; Tailscale itself is not here, so the
question who the machine is stays off (LINK_TAILNET=off) and the pinned keys alone decide.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from netns import HOME, Machines, two_machines, unusable

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
NETNS = str(Path(__file__).with_name("netns.py"))
POLYMARKET_KEYS = ("POLY_", "POLYMARKET_API_", "POLYMARKET_PRIVATE")
KALSHI_KEYS = ("KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY_PATH", "KALSHI_API_SECRET")
LIMIT_S = 60.0


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    reason = unusable()
    if reason is not None:
        pytest.skip(reason)
    with two_machines(tmp_path) as both:
        yield both


def plain(tmp_path: Path) -> dict[str, str]:
    """The environment of every program here: nothing of the user's settings."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}


def until(what: str, found: Callable[[], Any], machines: Machines, within_s: float = LIMIT_S) -> Any:
    """Ask until there is an answer; the programs' outputs stand in the failure."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        answer = found()
        if answer:
            return answer
        time.sleep(0.05)
    tails = {path.name: path.read_text(errors="replace")[-1_500:] for path in sorted(machines.directory.glob("*.out"))}
    raise AssertionError(
        f"{what}: not within {within_s:g} s\n" + "\n".join(f"--- {name}\n{text}" for name, text in tails.items())
    )


def start_venues(machines: Machines) -> dict[str, str]:
    """Both simulated venues on home's loopback, seen at the same ports on away's; their ready settings."""
    state, base = machines.directory / "venues", plain(machines.directory)
    words = [
        PYTHON,
        "-m",
        "trading.sim",
        "--kalshi-port",
        "0",
        "--polymarket-port",
        "0",
        "--script",
        "demo",
        "--state",
        str(state),
    ]
    machines.start(machines.home, words, base, "venues.out")
    text = machines.directory / "venues.out"
    card = json.loads(until("the venues start", lambda: text.read_text().strip().splitlines()[:1], machines)[0])
    for venue, url in (("kalshi", card["kalshi_rest"]), ("polymarket", card["polymarket_clob"])):
        port, path = url.split(":")[2].split("/")[0], str(machines.directory / f"{venue}.sock")
        machines.start(machines.home, [PYTHON, NETNS, "serve", path, "to", port], base, f"{venue}-home.out")
        until("the way opens", Path(path).exists, machines)
        machines.start(machines.away, [PYTHON, NETNS, "listen", port, "to", path], base, f"{venue}-away.out")
    lines = Path(card["env_file"]).read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    found |= {"KALSHI_API_KEY_ID": card["kalshi_ed25519_key_id"]}
    found |= {"KALSHI_PRIVATE_KEY_PATH": card["kalshi_ed25519_private_key_path"]}
    return {name: value.strip('"') for name, value in found.items()}


def set_up(machines: Machines) -> dict[str, str]:
    """The controller's machine as docs/deploy.md says; its settings fragment."""
    words = [PYTHON, "-m", "bootstrap", "init", "--role", "controller", "--link-host", HOME, "--dir", "home-link"]
    machines.ask(machines.home, words, plain(machines.directory))
    return fragment(machines, "home-link/controller.env")


def fragment(machines: Machines, name: str) -> dict[str, str]:
    lines = (machines.directory / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def pair(machines: Machines, name: str, port: int) -> dict[str, str]:
    """A trader set up and paired over the tailnet, through a door on that port, while the controller runs. Its fragment."""
    base = plain(machines.directory)
    tool = [PYTHON, "-m", "bootstrap"]
    ours, theirs = ["--dir", "home-link"], ["--dir", f"{name}-link"]
    machines.ask(machines.away, [*tool, "init", "--role", "trader", "--platform", "polymarket", "--name", name, *theirs], base)
    machines.start(machines.home, [*tool, "pair", "--yes", "--json", *ours], base, f"pair-{name}.out")
    text = machines.directory / f"pair-{name}.out"
    door = json.loads(until("the door opens", lambda: text.read_text().splitlines()[:1], machines)[0])
    assert (door["address"], door["port"]) == (f"{HOME}:9001", port)
    words = ["pair", "--code", door["code"], "--controller", door["address"], "--port", str(port), "--yes", "--json", *theirs]
    there = [json.loads(line) for line in machines.ask(machines.away, [*tool, *words], base).splitlines()]
    here = until("the controller pins", lambda: rows_of(text, 3), machines)
    assert {here[1]["ours"], here[1]["theirs"]} == {there[0]["ours"], there[0]["theirs"]}
    learnt = fragment(machines, f"{name}-link/trader.env")
    assert learnt["CONTROLLER_ADDRESS"] == f"{HOME}:9001"
    return learnt


def rows_of(path: Path, least: int) -> list[dict[str, Any]]:
    """The JSON lines of a file once it has at least that many."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines] if len(lines) >= least else []


def decisions(path: Path) -> list[dict[str, Any]]:
    """What the controller recorded; a line still being written is left for later."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def hedged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Arbs begun and ended within these rows with both legs filled: one of the two went over the link."""
    begun = {row["arb"] for row in rows if row["kind"] == "approved"}
    ends = [row for row in rows if row["kind"] == "closed" and row["arb"] in begun]
    return [row for row in ends if len(row["legs"]) >= 2 and float(row["matched"]) > 0]


def without_route(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Arbs refused because no executor could take a leg."""
    return [row for row in rows if row["kind"] == "refused" and row["code"] == "no_route"]


def test_link_survives_a_cut_cable_and_no_leg_passes_meanwhile(machines: Machines) -> None:
    """Legs go through; the cable is cut and legs are refused for want of a route; it heals and legs go through again. Traders are
    paired while the controller runs: the first through the link's own port, the second through the next one."""
    venues = start_venues(machines)
    home = set_up(machines)
    common = plain(machines.directory) | {"DRY_RUN": "0", "LINK_TAILNET": "off", "LOG_FILE": ""}
    common |= {"LINK_BEAT_MS": "200", "LINK_QUIET_MS": "600", "LINK_DOWN_MS": "2000"}
    ours = {name: value for name, value in venues.items() if not name.startswith(POLYMARKET_KEYS)}
    theirs = {name: value for name, value in venues.items() if name not in KALSHI_KEYS}
    limits = {"TRADER_MAX_LEGS_PER_SEC": "100"}
    controller = machines.start(
        machines.home,
        [PYTHON, "-m", "controller", "run"],
        common
        | ours
        | home
        | {
            "CONTROLLER_PLATFORMS": "kalshi",
            "STATE_DIR": str(machines.directory / "home-state"),
            "DISCOVERY_CACHE_PATH": str(machines.directory / "cache.json"),
            "CB_MAX_TOTAL_POSITION": "10000",
            "CB_MAX_POSITION_PER_MARKET": "1000",
        },
        "controller.out",
    )
    log = machines.directory / "home-state" / "decisions.jsonl"
    said = machines.directory / "controller.out"

    until(
        "arbs are refused: nobody holds cash there",
        lambda: [row for row in decisions(log) if row["kind"] == "refused"],
        machines,
    )
    away = pair(machines, "away", 9001)
    machines.start(
        machines.away,
        [PYTHON, "-m", "trader", "run"],
        common | theirs | away | limits | {"STATE_DIR": str(machines.directory / "away-state")},
        "trader.out",
    )
    until("an arb over the link", lambda: hedged(decisions(log)), machines)
    spoken = machines.directory / "trader.out"
    downs, seen = spoken.read_text().count("link_down"), len(decisions(log))
    machines.cut()
    refused = until("a refusal for want of a route", lambda: without_route(decisions(log)[seen:]), machines)[0]
    until("the trader notices", lambda: spoken.read_text().count("link_down") > downs, machines)
    machines.heal()
    until("the trader is back", lambda: spoken.read_text().count("link_up") >= 2, machines)
    seen = len(decisions(log))
    until("an arb over the healed link", lambda: hedged(decisions(log)[seen:]), machines)
    pair(machines, "spare", 9002)
    until("the controller lets the second in", lambda: "spare" in said.read_text(), machines)

    assert "away" in refused["detail"]
    assert machines.stop(controller) == 0, (machines.directory / "controller.out").read_text()[-2_000:]
