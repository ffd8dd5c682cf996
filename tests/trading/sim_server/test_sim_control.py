"""The control door without sockets: what it lists, throws, clears and refuses, and the clock it moves."""

import json
from typing import Any

import pytest
from sim_run import Run

from trading.clock import SECOND, Clock, ManualClock
from trading.sim.control import ControlDoor, MovableClock
from trading.sim.core import Request, Response
from trading.sim.credentials import Credentials
from trading.sim.universe import load
from trading.sim.world import World


class Door:
    """A world and its door on a clock that moves only when told."""

    def __init__(self, credentials: Credentials, clock: Clock | None = None) -> None:
        self.clock = clock or MovableClock(ManualClock())
        universe = load(None, 1, self.clock.wall_ns())
        self.world = World(clock=self.clock, universe=universe, credentials=credentials, seed=1, quiet=True)
        self.door = ControlDoor(self.world, self.clock)

    def ask(self, method: str, path: str = "/_control", body: Any = None, **headers: str) -> tuple[int, Any]:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        answer: Response = self.door.handle(Request(method, path, (), {"host": "127.0.0.1:8101", **headers}, data))
        return answer.status, json.loads(answer.body)

    def throw(self, venue: str, fault: str, **more: Any) -> int:
        return self.ask("POST", body={"venue": venue, "fault": fault, **more})[0]


@pytest.fixture
def door(credentials: Credentials) -> Door:
    return Door(credentials)


def test_the_index_names_every_fault_of_both_venues(door: Door) -> None:
    """Whoever asks learns what can be thrown, what was, the modes and the clock."""
    door.throw("polymarket", "cancel_only")
    status, index = door.ask("GET")

    assert status == 200
    assert {"gap", "pause", "429"} <= set(index["faults"]["kalshi"])
    assert {"restart", "ghost", "stale_cache"} <= set(index["faults"]["polymarket"])
    assert index["thrown"] == [{"venue": "polymarket", "fault": "cancel_only"}]
    assert index["modes"] == {"kalshi": "normal", "polymarket": "cancel_only"}
    assert index["clock"]["movable"] is True


def test_every_listed_fault_can_be_thrown_or_says_why_not(door: Door) -> None:
    """No name of the list is unknown to the switchboard: 200, or a 400 in words that name what the market cannot take."""
    _, index = door.ask("GET")
    for venue, names in index["faults"].items():
        for name in names:
            status, said = door.ask("POST", body={"venue": venue, "fault": name})

            assert status == 200 or (status == 400 and "has no fault" not in said["error"]), (venue, name, said)


@pytest.mark.parametrize(
    ("venue", "fault", "mode"),
    [
        ("kalshi", "pause", "trading_paused"),
        ("kalshi", "pause_exchange", "exchange_paused"),
        ("polymarket", "restart", "restarting"),
        ("polymarket", "disabled", "disabled"),
    ],
)
def test_clear_ends_a_mode(door: Door, venue: str, fault: str, mode: str) -> None:
    door.throw(venue, fault)
    before = door.world.modes()[venue]
    status, said = door.ask("POST", body={"clear": True})

    assert (before, status, said["result"]["left"]) == (mode, 200, [])
    assert door.world.modes()[venue] == "normal"
    assert door.ask("GET")[1]["thrown"] == []


def test_clear_disarms_what_was_to_strike_next_and_puts_knobs_back(door: Door) -> None:
    """The next order is not failed, and a setting is what it was before the first fault, not some default."""
    world = door.world
    world.polymarket.settings.data_lag_ns = 7
    door.throw("kalshi", "429", count=3)
    door.throw("kalshi", "frames_late")
    door.throw("polymarket", "data_lag")
    door.throw("polymarket", "ghost")
    late = world.kalshi.rules.private_late
    door.ask("POST", body={"clear": True})

    assert not world.kalshi.rest.faults
    assert late == 1.0 != world.kalshi.rules.private_late
    assert world.polymarket.settings.data_lag_ns == 7


def test_clear_tells_what_it_cannot_undo(door: Door) -> None:
    """A market that was closed stays closed."""
    door.throw("kalshi", "early_close")

    assert door.ask("POST", body={"clear": True})[1]["result"]["left"] == ["kalshi:early_close"]


def test_the_clock_moves_waits_but_not_the_time_of_day(door: Door) -> None:
    """Two minutes of post-only mode pass at once; stamps in signatures are still right."""
    wall = door.clock.wall_ns()
    door.throw("polymarket", "post_only")
    status, said = door.ask("POST", body={"advance_s": 121})
    door.world.polymarket.advance()

    assert (status, said["result"]["ahead_s"]) == (200, 121)
    assert door.world.modes()["polymarket"] == "normal"
    assert door.clock.wall_ns() == wall


def test_a_clock_that_cannot_be_moved_says_so(credentials: Credentials) -> None:
    status, said = Door(credentials, ManualClock()).ask("POST", body={"advance_s": 1})

    assert (status, said["error"]) == (400, "this run's clock cannot be moved")


@pytest.mark.parametrize(
    "body",
    [
        {"advance_s": 0},
        {"advance_s": -5},
        {"advance_s": True},
        {"advance_s": "9"},
        {"advance_s": 1e12},
        {"clear": False},
        {"clear": True, "venue": "kalshi"},
        {"venue": "kalshi", "fault": "flood"},
        {"venue": "nobody", "fault": "429"},
        {"venue": "kalshi", "fault": "429", "count": 0},
        {"venue": "kalshi", "fault": "429", "market": "KX"},
        {"script": "start"},
        {},
        b"[1]",
        b"{",
        b"\xff",
    ],
)
def test_a_wrong_command_is_a_400_in_words_and_changes_nothing(door: Door, body: Any) -> None:
    status, said = door.ask("POST", body=body)

    assert status == 400
    assert said["error"]
    assert door.world.faults.thrown == []
    assert door.ask("GET")[1]["clock"]["ahead_s"] == 0


def test_the_door_answers_no_web_page(door: Door) -> None:
    """A page in a browser on this machine could send a request to loopback: an origin or a foreign host name is refused."""
    bodies = {"venue": "kalshi", "fault": "pause"}

    assert door.ask("POST", body=bodies, origin="https://example.org")[0] == 403
    assert door.ask("POST", body=bodies, host="example.org:8101")[0] == 403
    assert door.ask("POST", body=bodies, host="localhost:8101")[0] == 200


def test_other_paths_are_told_what_there_is(door: Door) -> None:
    for method, path in (("GET", "/_control/keys"), ("DELETE", "/_control"), ("POST", "/_control/account")):
        status, said = door.ask(method, path)

        assert status == 404
        assert "GET /_control/stats" in said["error"]


def test_accounts_and_statistics_are_read(credentials: Credentials) -> None:
    run = Run(credentials)
    door = ControlDoor(run.world, run.clock, served=lambda: {"kalshi": {"requests": 3}})
    account, stats = (
        json.loads(door.handle(Request("GET", f"/_control/{what}", (), {}, b"")).body) for what in ("account", "stats")
    )

    assert set(account) == {"kalshi", "polymarket"}
    assert stats["venues"] == {"kalshi": {"requests": 3}}


def test_a_movable_clock_never_goes_back() -> None:
    clock = MovableClock(ManualClock())
    before = clock.mono_ns()
    clock.advance(-5 * SECOND)

    assert clock.mono_ns() == before
