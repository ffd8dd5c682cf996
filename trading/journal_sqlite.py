"""The journal's rows in SQLite: write-ahead log, synchronous=FULL read back, one writer thread with group commit.

What one turn of the loop brings is one commit, and whatever is queued while it runs goes into the next, so both legs of an arb
share a commit and sixty-four promises cost about as much as one (distributed.md 6). A file that is damaged, read-only, newer
than this program or gone from its directory is refused in one line that says what to do; nothing is repaired silently.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

from trading.ids import LegId, arb_of
from trading.journal_file import ArbRow, JournalFailed, KeptRow, MetaRow, PrunedRow, Row, SentRow
from trading.units import WallNs

__all__ = ["SCHEMA", "SqliteStore"]

SCHEMA = 3
_SLOW_NS = 50_000_000
"""Commits slower than this are counted and shown (distributed.md 6)."""
_TABLES = """
CREATE TABLE leg (leg_id BLOB PRIMARY KEY, client_order_id TEXT NOT NULL UNIQUE, remote INTEGER NOT NULL, body BLOB NOT NULL,
                  at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE result (leg_id BLOB PRIMARY KEY REFERENCES leg ON DELETE CASCADE, body BLOB NOT NULL, final INTEGER NOT NULL,
                     deliver INTEGER NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
_ARBS = """
CREATE TABLE arb (arb_id BLOB PRIMARY KEY, body BLOB NOT NULL, told BLOB NOT NULL, at INTEGER NOT NULL,
                  told_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
"""Since schema 2: a journal of schema 1 is taken over with its legs, of which nobody knows the arbs."""
_TRADERS = """
ALTER TABLE leg ADD COLUMN trader TEXT NOT NULL DEFAULT '';
ALTER TABLE leg ADD COLUMN trader_journal INTEGER NOT NULL DEFAULT 0;
"""
"""Since schema 3: which trader got a remote leg. Of older legs that is not known."""
_STEPS = (_TABLES, _ARBS, _TRADERS)
"""What brings a file from each schema to the next, beginning with an empty one."""

_Job = tuple[Sequence[Row], asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class SqliteStore:
    """One file, held by one process. Opening raises JournalFailed when it cannot be trusted."""

    def __init__(self, path: Path, *, probe: Callable[[str], None] = lambda _: None) -> None:
        self.path = path
        self.commits = 0
        self.slow_commits = 0
        self._probe = probe
        self._failed = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = self._open()
            self._inode = path.stat().st_ino
        except (sqlite3.Error, OSError) as exc:
            raise JournalFailed(self._say(exc)) from exc
        self._turn: list[_Job] = []
        self._jobs: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="journal", daemon=True)
        self._writer.start()

    def _say(self, exc: Exception) -> str:
        why = " ".join(str(exc).split())
        return (
            f"journal {self.path}: {why}; no new leg is sent. Free or mend the disk and start again, or, with the file lost,"
            " move the state directory away and reconcile before trading"
        )

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5.0)
        try:
            database.execute("PRAGMA busy_timeout=5000")
            damage = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            if damage != "ok":
                raise JournalFailed(self._say(sqlite3.DatabaseError(f"damaged ({damage})")))
            (mode,) = database.execute("PRAGMA journal_mode=WAL").fetchone()
            database.execute("PRAGMA synchronous=FULL")
            database.execute("PRAGMA foreign_keys=ON")
            (level,) = database.execute("PRAGMA synchronous").fetchone()
            if mode != "wal" or level != 2:
                raise JournalFailed(
                    self._say(sqlite3.OperationalError(f"journal_mode={mode}, synchronous={level}: not durable"))
                )
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA:
                raise JournalFailed(
                    f"journal {self.path} was written by a newer program (schema {version}, this one knows {SCHEMA});"
                    " start that program, or move the state directory away and reconcile before trading"
                )
            if version < SCHEMA:
                steps = "".join(_STEPS[version:])
                database.executescript(f"BEGIN IMMEDIATE;{steps}PRAGMA user_version={SCHEMA};COMMIT;")
            else:  # prove that it can be written before anything depends on it
                database.execute("BEGIN IMMEDIATE")
                database.execute("INSERT INTO meta VALUES ('opened', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1")
                database.execute("COMMIT")
        except BaseException:
            database.close()
            raise
        return database

    def load(self) -> Iterable[Row]:
        """Every row. Raises JournalFailed on a page that cannot be read."""
        try:
            with closing(self._database.cursor()) as rows:
                for leg_id, name, remote, body, at, trader, number in rows.execute("SELECT * FROM leg ORDER BY at, leg_id"):
                    yield SentRow(
                        leg_id=leg_id,
                        client_order_id=name,
                        remote=bool(remote),
                        order=body,
                        at=WallNs(at),
                        trader=trader,
                        trader_journal=number,
                    )
                for leg_id, body, final, deliver, at in rows.execute("SELECT * FROM result"):
                    yield KeptRow(leg_id=leg_id, result=body, final=bool(final), deliver=deliver, at=WallNs(at))
                for arb_id, body, told, at, told_at in rows.execute("SELECT * FROM arb ORDER BY at, arb_id"):
                    yield ArbRow(arb_id=arb_id, body=body, told=told, at=WallNs(at), told_at=WallNs(told_at))
                for key, value in rows.execute("SELECT * FROM meta"):
                    yield MetaRow(key=key, value=value)
        except sqlite3.Error as exc:
            raise JournalFailed(self._say(exc)) from exc

    async def commit(self, rows: Sequence[Row]) -> None:
        """Returns when the rows are on the disk. Cancelling the wait does not take them back."""
        if self._failed:
            raise JournalFailed(self._failed)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if not self._turn:
            loop.call_soon(self._hand_over)
        self._turn.append((rows, loop, done))
        await done

    def _hand_over(self) -> None:
        if self._turn:
            self._jobs.put(self._turn)
            self._turn = []

    def _write(self) -> None:
        while (jobs := self._jobs.get()) is not None:
            last = False
            while not self._jobs.empty():
                more = self._jobs.get()
                if more is None:
                    last = True
                    break
                jobs += more
            failed = self._transaction([row for rows, _, _ in jobs for row in rows])
            for _, loop, done in jobs:
                loop.call_soon_threadsafe(_tell, done, failed)
            if last:
                return

    def _transaction(self, rows: Sequence[Row]) -> str:
        """ "" when the rows are durable, else why nothing may be written any more."""
        if self._failed:
            return self._failed
        began = time.monotonic_ns()
        try:
            if self.path.stat().st_ino != self._inode:
                raise sqlite3.OperationalError("its file was replaced while in use")
            self._database.execute("BEGIN IMMEDIATE")
            for row in rows:
                self._insert(row)
            self._probe(f"before_{_word(rows)}")
            self._database.execute("COMMIT")
            self._probe(f"after_{_word(rows)}")
        except (sqlite3.Error, OSError) as exc:
            self._failed = self._say(exc)
            return self._failed
        self.commits += 1
        self.slow_commits += time.monotonic_ns() - began > _SLOW_NS
        return ""

    def _insert(self, row: Row) -> None:
        run = self._database.execute
        if isinstance(row, SentRow):
            run(
                "INSERT INTO leg VALUES (?, ?, ?, ?, ?, ?, ?)",
                (row.leg_id, row.client_order_id, row.remote, row.order, row.at, row.trader, row.trader_journal),
            )
        elif isinstance(row, KeptRow):
            run(
                "INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?, ?)",
                (row.leg_id, row.result, row.final, row.deliver, row.at),
            )
        elif isinstance(row, MetaRow):
            run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (row.key, row.value))
        elif isinstance(row, ArbRow):
            run("INSERT OR REPLACE INTO arb VALUES (?, ?, ?, ?, ?)", (row.arb_id, row.body, row.told, row.at, row.told_at))
        else:
            assert isinstance(row, PrunedRow)
            run("DELETE FROM leg WHERE leg_id = ?", (row.leg_id,))
            arb = arb_of(LegId(row.leg_id))  # an arb is forgotten with the last of its legs
            legs = (arb + b"\x00\x00", arb + b"\xff\xff")
            run(
                "DELETE FROM arb WHERE arb_id = ? AND NOT EXISTS (SELECT 1 FROM leg WHERE leg_id BETWEEN ? AND ?)", (arb, *legs)
            )

    async def close(self) -> None:
        """Write what is queued, then close the file."""
        self._hand_over()
        self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._writer.join)
        self._database.close()


def _word(rows: Sequence[Row]) -> str:
    """What a transaction is above all, for tests that break it: a promise, a result, an arb's end, or a number."""
    for kind, word in ((SentRow, "promise"), (KeptRow, "result"), (ArbRow, "end")):
        if any(isinstance(row, kind) for row in rows):
            return word
    return "number"


def _tell(done: "asyncio.Future[None]", failed: str) -> None:
    if done.done():
        return
    if failed:
        done.set_exception(JournalFailed(failed))
    else:
        done.set_result(None)
