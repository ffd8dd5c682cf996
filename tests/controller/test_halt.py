"""The kill switch: a file that outlives the process, heard by engine and journal, never softened, safe when it is unreadable."""

from pathlib import Path

from controller.halt import HaltFile, HaltWatch
from controller.model import Command
from controller.recovery import RESUMED
from trading.clock import ManualClock
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore


async def test_a_halt_survives_the_process_and_its_end_is_kept(tmp_path: Path) -> None:
    """B-204: the next start halts before it trades; a freeze stays one; a resume is heard once and kept in the journal."""
    HaltFile(tmp_path).set("maintenance", freeze=True)
    HaltFile(tmp_path).set("again")
    heard: list[Command] = []
    clock = ManualClock()
    journal = FileJournal(SqliteStore(tmp_path / "journal.sqlite"), clock)
    watch = HaltWatch(HaltFile(tmp_path), deliver=heard.append, traders=None, journal=journal, clock=clock)

    await watch.look()
    await watch.look()
    assert heard == [Command("freeze", "again")]
    assert HaltFile(tmp_path).clear()
    await watch.look()

    assert heard[1:] == [Command("resume")]
    assert journal.number_kept(RESUMED) == clock.wall_ns()
    await journal.close()


async def test_a_failed_journal_halts_until_a_new_start(tmp_path: Path) -> None:
    """Without a journal nothing new is traded, whatever the file says afterwards."""
    heard: list[Command] = []
    clock = ManualClock()
    journal = FileJournal(SqliteStore(tmp_path / "journal.sqlite"), clock)
    journal._failed = "disk full"
    watch = HaltWatch(HaltFile(tmp_path), deliver=heard.append, traders=None, journal=journal, clock=clock)

    await watch.look()
    HaltFile(tmp_path).clear()
    await watch.look()

    assert [one.name for one in heard] == ["halt", "halt"]
    await journal.close()
