"""The kill switch: a file that outlives the process, heard by engine and journal, never softened, safe when it is unreadable."""

from pathlib import Path
from typing import cast

from controller.execution.traders import Traders
from controller.halt import HaltFile, HaltWatch
from controller.model import Command
from controller.recovery import RESUMED
from trading.clock import ManualClock
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore
from trading.link.messages import Halt, Resume


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


class Told:
    """The traders' end of a halt."""

    def __init__(self) -> None:
        self.words: list[Halt | Resume] = []

    def tell(self, word: Halt | Resume) -> int:
        self.words.append(word)
        return 0


async def test_traders_are_told_of_halt_freeze_and_resume(tmp_path: Path) -> None:
    """A freeze is passed on as one: it stops what completes and unwinds there too."""
    clock, told, file = ManualClock(), Told(), HaltFile(tmp_path)
    journal = FileJournal(SqliteStore(tmp_path / "journal.sqlite"), clock)
    watch = HaltWatch(file, deliver=lambda _: None, traders=cast(Traders, told), journal=journal, clock=clock)

    file.set("maintenance")
    await watch.look()
    file.set("all of it", freeze=True)
    await watch.look()
    file.clear()
    await watch.look()

    assert told.words == [Halt(reason="maintenance"), Halt(reason="all of it", freeze=True), Resume()]
    await journal.close()


async def test_a_failed_journal_halts_traders_although_the_file_cannot_be_written(tmp_path: Path) -> None:
    """The disk that fails the journal refuses the HALT file as well: the word goes over the link all the same."""
    clock, told = ManualClock(), Told()
    journal = FileJournal(SqliteStore(tmp_path / "journal.sqlite"), clock)
    journal._failed = "disk full"
    (tmp_path / "file").write_text("no directory")
    watch = HaltWatch(
        HaltFile(tmp_path / "file"), deliver=lambda _: None, traders=cast(Traders, told), journal=journal, clock=clock
    )

    await watch.look()

    assert told.words[0] == Halt(reason="disk full")
    await journal.close()
