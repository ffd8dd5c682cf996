"""What a trading controller keeps before anything else: the lock of its state directory, its journal, its epoch, its ledger.

The epoch rises with every start and is durable before the first leg, so that traders and this machine can tell a controller
from the ones before it (distributed.md 4.7).
"""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from controller.ledger.database import open_ledger, url_of
from controller.ledger.store import LedgerStore
from controller.settings import ControllerSettings
from trading.clock import SystemClock
from trading.crash import crash_probe
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore
from trading.offload import Offload
from trading.state_dir import StateDir

__all__ = ["EPOCH", "open_journal", "open_tables", "state_path"]

EPOCH = "epoch"
"""The journal's number of this start."""


def state_path(settings: ControllerSettings) -> Path:
    """Where the controller keeps lock, journal and HALT."""
    return Path(settings.state_dir).expanduser() / "controller"


async def open_tables(settings: ControllerSettings, offload: Offload) -> LedgerStore:
    """The ledger of this world, brought to this program's schema. Raises LedgerFailed, SettingsError."""
    url = url_of(settings.database_url.reveal(), state_path(settings))
    engine = await offload.run(lambda: open_ledger(url, write=True))
    return LedgerStore(engine, settings.world())


@contextlib.asynccontextmanager
async def open_journal(settings: ControllerSettings) -> AsyncIterator[tuple[FileJournal, int]]:
    """(journal, epoch of this start). Raises SettingsError when another controller holds the directory, JournalFailed when the
    journal cannot be trusted."""
    held = StateDir(state_path(settings))
    try:
        probe = crash_probe(os.environ, settings.world())
        journal = FileJournal(SqliteStore(held.path / "journal.sqlite", probe=probe), SystemClock())
        try:
            epoch = journal.number_kept(EPOCH) + 1
            await journal.keep(EPOCH, epoch)
            await journal.prune()
            yield journal, epoch
        finally:
            await journal.close()
    finally:
        held.close()
