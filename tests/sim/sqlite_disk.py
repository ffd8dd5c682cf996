"""The programs' own journal store on a platter that forgets: each process of a plant on real SQLite, without its writer's thread.

A commit is SqliteStore's own transaction; the power may go at its probes and in each of its xSync calls. What counts as safe is
read off the platter, not off what SQLite says.
"""

import asyncio
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from platter import DOOR, Platter
from virtual import Disk, DiskStore

from trading.journal_file import JournalFailed, Row
from trading.journal_sqlite import SqliteStore, _word

_PAGES = 12
"""Of the log, after which SQLite takes them into its file: so few that it happens within a seed."""


class SqliteDisk(Disk):
    """A Disk whose bytes are a SQLite file and its log. chance says what a loss of power leaves of unsafe writes."""

    def __init__(self, path: Path, chance: random.Random, *, commit_s: float = 0.0003) -> None:
        super().__init__(commit_s=commit_s)
        self.path, self.chance = path, chance
        self.platter = Platter()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()  # SqliteStore looks whether its file was replaced
        DOOR.platters[str(path)] = self.platter

    def store(self) -> "SqliteDiskStore":
        return SqliteDiskStore(self)

    def settle(self) -> None:
        """Rows that were written count as safe when nothing on the platter is late any more."""
        if not self.platter.late:
            self._safe()


class SqliteDiskStore(DiskStore):
    """One process's hold on it. Raises JournalFailed at once where a loss of power left what cannot be opened."""

    def __init__(self, disk: SqliteDisk) -> None:
        super().__init__(disk)
        self._sqlite_disk = disk
        with DOOR.default():
            self._store = SqliteStore(disk.path, probe=lambda step: self._passed(step))
        self._store._database.execute(f"PRAGMA wal_autocheckpoint={_PAGES}")
        disk.platter.lies = disk.lies

    def load(self) -> Iterable[Row]:
        disk, found = self._sqlite_disk, list(self._store.load())
        known = set(map(repr, disk.rows))
        disk.rows.extend(row for row in found if repr(row) not in known)  # an unsafe write that is there after all
        return found

    async def commit(self, rows: Sequence[Row]) -> None:
        disk = self._sqlite_disk
        self._passed("before write")
        if disk.fault and disk.fault != "fsync":
            raise JournalFailed(disk.fault)
        await asyncio.sleep(disk.commit_s / 2)
        await self._alive()
        disk.platter.before_sync = lambda path: self._in_sync(f"sync_{_word(rows) if path.endswith('-wal') else 'pages'}")
        try:
            failed = self._store._transaction(rows)
        finally:
            disk.platter.before_sync = lambda path: False
        await self._alive()
        if failed:
            raise JournalFailed(failed)
        disk.written.append(rows)
        disk.settle()
        await asyncio.sleep(disk.commit_s / 2)
        await self._alive()
        disk.commits += 1
        self._passed("safe")

    def _in_sync(self, step: str) -> bool:
        """Between a write and its fsync. True = that one never ends well."""
        try:
            self._passed(step)
        except asyncio.CancelledError:  # the process is dead; SQLite's own frames stand between here and its task
            return True
        return self._dead or self._sqlite_disk.fault == "fsync"

    def crash(self, *, power: bool = False) -> None:
        disk = self._sqlite_disk
        self._dead = True
        if power:
            disk.platter.cut(disk.chance)
        else:
            disk.platter.killed()
        disk.written.clear()  # what is left of it the next process reads
        asyncio.get_running_loop().call_soon(self.let_go)

    def let_go(self) -> None:
        """Close what the dead process held, without an effect on its files."""
        platter = self._sqlite_disk.platter
        platter.held, self._store._failed = True, "its process is dead"
        self._store._database.close()
        platter.held = False
        self._store._jobs.put(None)
