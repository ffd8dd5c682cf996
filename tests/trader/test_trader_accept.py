"""A controller that lost its state is let in by a person who has seen what stands open, and by nobody else (distributed.md 4.7)."""

import asyncio
from pathlib import Path

import pytest
from test_trader_serve_place import pair
from trader_bench import TICKER
from typer.testing import CliRunner, Result

from trader.cli import app
from trading.clock import SystemClock
from trading.ids import ArbId, LegId, client_order_id, leg_id
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore
from trading.market import KALSHI, Action, Outcome
from trading.order import LegRequest, Tif, Want
from trading.state_dir import StateDir
from trading.units import Money, MonoNs, Price, Size
from trading.venue import Prepared

STATE = Path("state/trader-kalshi")


def journal() -> FileJournal:
    return FileJournal(SqliteStore(STATE / "journal.sqlite"), SystemClock(), deliver=True)


def epoch() -> int:
    """The lowest start that the trader lets in."""
    kept = journal()
    number = kept.number_kept("epoch")
    asyncio.run(kept.close())
    return number


@pytest.fixture(autouse=True)
def leg(monkeypatch: pytest.MonkeyPatch) -> LegId:
    """A stopped trader that has met start 40 and holds one leg without a final word."""
    monkeypatch.setenv("TRADER_PLATFORM", "kalshi")
    pair()
    StateDir(STATE).close()
    name = leg_id(ArbId(bytes(14)), 1, 0)
    request = LegRequest(
        leg_id=name,
        want=Want(market=TICKER, outcome=Outcome.YES, action=Action.BUY, limit=Price(5_000), size=Size(1_000_000), tif=Tif.IOC),
        venue=KALSHI,
        purpose="open",
        max_cost=Money(1_000_000),
        world="sim",
        epoch=40,
        deadline=MonoNs(1),
    )

    async def fill() -> None:
        kept = journal()
        await kept.keep("epoch", 40)
        await kept.promise([Prepared(leg=request, client_order_id=client_order_id(name), venue_order_id=None, fields={})])
        await kept.close()

    asyncio.run(fill())
    return name


def accept(*words: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["accept-controller", "--link-dir", "link", *words], input=answer)


def test_a_person_sees_the_pin_and_each_open_leg_and_then_the_lower_start_is_let_in(leg: LegId) -> None:
    """One yes, after everything that the controller will not know."""
    result = accept("--epoch", "1", answer="y\n")

    assert result.exit_code == 0, result.output
    assert "pinned controller: home " in result.output
    assert "highest start met: 40" in result.output
    assert f"  {client_order_id(leg)} kalshi {TICKER} buy YES unknown\n" in result.output
    assert result.output.index(client_order_id(leg)) < result.output.index("may command this trader?")
    assert epoch() == 1


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_without_a_yes_nothing_changes(answer: str) -> None:
    """No is the default, and no terminal is no yes."""
    assert accept("--epoch", "1", answer=answer).exit_code != 0
    assert epoch() == 40


@pytest.mark.parametrize("number", ["0", "40", "41"])
def test_a_start_that_is_let_in_already_needs_no_acceptance(number: str) -> None:
    """The number cannot be raised here: that would shut the right controller out."""
    result = accept("--epoch", number, "--yes")

    assert result.exit_code == 2
    assert "from 1 to 39" in result.output
    assert epoch() == 40


def test_a_running_trader_is_stopped_first() -> None:
    """Its session with the other controller could still bring a leg."""
    running = StateDir(STATE)
    result = accept("--epoch", "1", "--yes")
    running.close()

    assert result.exit_code == 2
    assert "in use by process" in result.output
    assert epoch() == 40


def test_without_a_pinned_controller_there_is_nobody_to_accept() -> None:
    """The number is not the door: the key is."""
    Path("link/peers.toml").write_text("")
    result = accept("--epoch", "1", "--yes")

    assert result.exit_code == 2
    assert "bootstrap pair" in result.output
    assert epoch() == 40


def test_a_wrong_directory_is_told_and_not_made() -> None:
    """A new journal in the wrong place would look like a trader that has nothing open."""
    result = accept("--epoch", "1", "--yes", "--state-dir", "elsewhere")

    assert result.exit_code == 2
    assert not Path("elsewhere").exists()
