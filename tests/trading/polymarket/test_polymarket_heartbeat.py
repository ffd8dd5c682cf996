"""The heartbeat over a fake HTTP: armed once, never doubled, honest about a lapse."""

import asyncio
import json
from typing import Any

import pytest
from fakes import FakeHttp
from polymarket_desk import CREDENTIALS
from polymarket_rows import ACCOUNT

from trading.clock import SECOND, ManualClock
from trading.errors import AuthFailed, Misuse, UnknownOutcome
from trading.polymarket.heartbeat import Heartbeat
from trading.polymarket.rest import PolymarketRest
from trading.polymarket.sign import RequestSigner

PATH = "/v1/heartbeats"


class Ward:
    """A heartbeat with scripted answers; its sleeps move the clock, and end the run after some turns."""

    def __init__(self, *answers: Any, turns: int = 10**6) -> None:
        self.http = FakeHttp()
        self.http.on("POST", PATH, *answers)
        self.clock = ManualClock()
        self.slept: list[float] = []
        self.lapses: list[str] = []
        self.turns = turns
        rest = PolymarketRest(self.http, "https://c.test", self.clock, RequestSigner(CREDENTIALS, ACCOUNT.address))
        self.heart = Heartbeat(rest, CREDENTIALS.key, self.clock, on_lapse=self.lapses.append, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(int(seconds * SECOND))
        if len(self.slept) >= self.turns:
            raise asyncio.CancelledError

    def sent(self) -> list[str]:
        return [json.loads(call.body or b"")["heartbeat_id"] for call in self.http.calls]

    async def run(self) -> None:
        with pytest.raises(asyncio.CancelledError):
            await self.heart.run()


async def test_first_send_is_empty_then_always_the_last_id() -> None:
    """It beats every 5 s; until the first accepted send nothing is armed."""
    ward = Ward({"heartbeat_id": "a"}, {"heartbeat_id": "b"}, {"heartbeat_id": "c"}, turns=3)
    before = ward.heart.statistics().armed
    await ward.run()

    assert not before
    assert ward.sent() == ["", "a", "b"]
    assert ward.slept == [5.0] * 3
    assert ward.heart.statistics().armed


async def test_a_refused_id_is_corrected_at_once() -> None:
    """The answer names the expected id: it goes without waiting, because the venue's deadline runs on."""
    wrong = (400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": "x"})
    ward = Ward(wrong, {"heartbeat_id": "y"})

    assert await ward.heart.beat()
    assert ward.sent() == ["", "x"]
    assert ward.slept == []


async def test_two_beaters_of_a_key_are_refused() -> None:
    """One per key in this process; another process is seen by ids that are refused again and again."""
    ward = Ward({"heartbeat_id": "a"})
    gate = asyncio.Event()

    async def wait(seconds: float) -> None:
        await gate.wait()

    ward.heart._sleep = wait
    first = asyncio.create_task(ward.heart.run())
    await asyncio.sleep(0)
    with pytest.raises(Misuse):
        await Ward({"heartbeat_id": "a"}).heart.run()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    rival = Ward((400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": "x"}))

    assert not await rival.heart.beat()
    assert rival.heart.statistics().failed == 1


@pytest.mark.parametrize(
    "trouble",
    [
        UnknownOutcome("polymarket", "timeout"),
        (500, b""),
        (425, b""),
        (429, b""),
        (200, b"garbage"),
        (200, {}),
        (400, {"error": "x"}),
    ],
)
async def test_trouble_is_tried_again_after_a_second(trouble: Any) -> None:
    ward = Ward(trouble, {"heartbeat_id": "a"}, turns=2)
    await ward.run()

    assert ward.slept == [1.0, 5.0]
    assert ward.heart.statistics().failed == 1


async def test_a_refused_key_ends_the_run() -> None:
    """Beating on with a key that is refused helps nobody."""
    with pytest.raises(AuthFailed):
        await Ward((401, {"error": "Unauthorized/Invalid api key"})).heart.run()


async def test_a_lapse_is_told_and_begins_anew() -> None:
    """10 s without an accepted send: every resting order is in doubt, and the registration starts from nothing."""
    ward = Ward({"heartbeat_id": "a"}, *[(500, b"")] * 8, {"heartbeat_id": "b"}, turns=10)
    await ward.run()

    assert len(ward.lapses) == 1
    assert "cancelled every resting order" in ward.lapses[0]
    assert ward.heart.statistics().lapses == 1
    assert ward.sent()[:2] == ["", "a"]
    assert ward.sent()[-1] == ""
