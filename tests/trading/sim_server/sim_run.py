"""A World on a manual clock, and the few requests its tests send: signed as a stranger's client would, with no code of ours."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trading.clock import MS, ManualClock
from trading.sim.core import Request, Response
from trading.sim.credentials import Credentials
from trading.sim.universe import load
from trading.sim.world import World

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared"


def shared(name: str) -> Path:
    """A recorded file, or skip."""
    path = SHARED / "data" / name
    if not path.is_file():
        pytest.skip(f"recorded data {name} is not beside this checkout")
    return path


class Run:
    """The venues, stepped from due to due."""

    def __init__(self, credentials: Credentials, *, seed: int = 1, script: str | None = "demo", **more: Any) -> None:
        self.clock = ManualClock()
        events = more.pop("events", 14)
        universe = more.pop("universe", None) or load(None, seed, self.clock.wall_ns(), events=events)
        self.terms = universe.fee_terms()
        self.world = World(clock=self.clock, universe=universe, credentials=credentials, seed=seed, script=script, **more)
        self.world.begin()

    def step(self) -> None:
        """Go to the next due moment and do what is due."""
        actors = (*self.world.actors, self.world.kalshi, self.world.polymarket)
        due = min(due for due in (actor.next_due() for actor in actors) if due is not None)
        self.clock.advance(max(0, due - self.clock.mono_ns()))
        for actor in actors:
            actor.advance()

    def play(self, each: Callable[[], None] = lambda: None) -> None:
        """Run the script to its end, calling each after every step."""
        self.world.start_script()
        script = self.world.script
        assert script is not None
        while not script.done:
            self.step()
            each()

    def until(self, seconds: float) -> None:
        """Run the script's clock to a time."""
        self.world.start_script()
        start = self.clock.mono_ns() if not hasattr(self, "zero") else self.zero
        self.zero: int = start
        while self.clock.mono_ns() < start + seconds * 1e9:
            self.step()

    def kalshi(self, credentials: Credentials, method: str, path: str, body: dict[str, Any] | None = None) -> Response:
        """One signed request to the simulated Kalshi."""
        path = f"/trade-api/v2{path}"
        stamp = str(self.clock.wall_ns() // MS)
        key = load_pem_private_key(credentials.kalshi_ed25519_key_path.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        headers = {
            "kalshi-access-key": credentials.kalshi_ed25519_key_id,
            "kalshi-access-timestamp": stamp,
            "kalshi-access-signature": base64.b64encode(key.sign(f"{stamp}{method}{path}".encode())).decode(),
            "content-type": "application/json",
        }
        return self.world.kalshi.handle(Request(method, path, (), headers, json.dumps(body or {}).encode() if body else b""))
