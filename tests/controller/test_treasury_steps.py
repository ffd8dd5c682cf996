"""Steps are said before and after, an open end is looked up, and nothing real moves without a word of the operator's."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from controller.settings import ControllerSettings
from controller.treasury import _allow, carry_out, parse_wants, trade_cash
from trading.errors import Rejected, SettingsError
from trading.market import KALSHI, POLYMARKET
from trading.settings import load
from trading.treasury import Applied, Asset, Step
from trading.units import DOLLAR, Money


def step(kind: Any = "transfer", what: str = "Move $1") -> Step:
    return Step(venue=KALSHI, kind=kind, what=what)


class Owner:
    """A treasury whose apply() answers what it is given, in turn."""

    venue = KALSHI

    def __init__(self, *ends: bool | str) -> None:
        self.ends = list(ends)
        self.asked: list[Step] = []

    async def assets(self) -> Sequence[Asset]:
        return ()

    async def steps(self, wanted: Mapping[int, Money]) -> Sequence[Step]:
        return ()

    async def apply(self, asked: Step) -> Applied:
        self.asked.append(asked)
        end = self.ends.pop(0)
        if end == "refused":
            raise Rejected(KALSHI, "no", "the venue said no")
        return Applied(step=asked, done=end is True, pending=end == "pending")


async def no_sleep(seconds: float) -> None:
    """Time passes at once."""


async def carried(owner: Owner, *steps: Step) -> tuple[list[Applied], list[str]]:
    said: list[str] = []
    return await carry_out(owner, steps, said.append, no_sleep), said


async def test_every_step_is_said_before_and_after() -> None:
    """The sentence first, how it ended next."""
    _, said = await carried(Owner(True, True), step(what="one"), step(what="two"))

    assert said == ["kalshi transfer: one", "  done", "kalshi transfer: two", "  done"]


async def test_an_open_end_is_asked_for_again_with_the_same_step() -> None:
    """The step carries its id, so asking again looks it up."""
    owner = Owner("pending", "pending", True)
    results, _ = await carried(owner, one := step())

    assert [result.done for result in results] == [True]
    assert owner.asked == [one, one, one]


async def test_an_end_that_stays_open_stops_what_follows() -> None:
    """Later steps may build on it; they are told as not tried."""
    owner = Owner(*["pending"] * 4)
    results, said = await carried(owner, step(), step(what="later"))

    assert [(result.done, result.pending) for result in results] == [(False, True), (False, False)]
    assert len(owner.asked) == 4
    assert "left alone" in said[-1]


async def test_a_refused_merge_stops_nothing_a_refused_transfer_does() -> None:
    """Merges and redemptions stand for themselves."""
    merges, _ = await carried(Owner("refused", True), step("merge"), step("redeem"))
    moves, _ = await carried(Owner("refused"), step(), step())

    assert [one.done for one in merges] == [False, True]
    assert "said no" in merges[0].detail
    assert [one.detail for one in moves][1].startswith("not tried")


def settings(tmp_path: Path, **flags: object) -> ControllerSettings:
    return load(ControllerSettings, flags=flags, environ={}, directory=tmp_path)


def test_real_venues_need_a_word(tmp_path: Path) -> None:
    """--yes, or a terminal; and LIVE_CONFIRM where it is required (B-057)."""
    assert _allow(settings(tmp_path), 1, yes=True)
    with pytest.raises(SettingsError, match="--yes"):
        _allow(settings(tmp_path), 1, yes=False)
    with pytest.raises(SettingsError, match="LIVE_CONFIRM"):
        _allow(settings(tmp_path, require_live_confirm=True), 1, yes=True)
    assert _allow(settings(tmp_path, require_live_confirm=True, live_confirm="I_UNDERSTAND"), 1, yes=True)


def test_wants_are_read_per_venue_and_shard() -> None:
    """Dollars, exact to the millionth."""
    assert parse_wants("kalshi:0=100, kalshi:3=50.25,poly=2") == {
        KALSHI: {0: 100 * DOLLAR, 3: 50_250_000},
        POLYMARKET: {0: 2 * DOLLAR},
    }


@pytest.mark.parametrize(
    "text", ["kalshi", "kalshi:x=1", "nyse=1", "kalshi:0=-1", "polymarket:1=5", "kalshi:0=inf", "kalshi:0=nan"]
)
def test_a_malformed_want_names_itself(text: str) -> None:
    """Nothing is guessed about money."""
    with pytest.raises(SettingsError, match=text):
        parse_wants(text)


def test_a_trade_needs_more_than_its_size(tmp_path: Path) -> None:
    """80 % of free cash is used at most, and never the reserve of exits (execution.md 6)."""
    assert trade_cash(settings(tmp_path, max_trade_size=1000)) == 1250 * DOLLAR
    assert trade_cash(settings(tmp_path, max_trade_size=100, unwind_cash_reserve=0.5)) == 200 * DOLLAR
