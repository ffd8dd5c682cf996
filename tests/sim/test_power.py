"""Losses of power at the steps of a leg and of a commit, on real SQLite files: a sample of what `make disk` plays."""

import random
from pathlib import Path

import pytest
from plant import Plant
from platter import DOOR, Platter
from power import STEPS, cut, leave, on_sqlite, seeds_for
from processes import Accounts
from seed import play
from sqlite_disk import SqliteDiskStore

from trading.journal_file import MetaRow
from trading.journal_sqlite import SqliteStore

pytestmark = pytest.mark.skipif(DOOR.library is None, reason="SQLite is no shared library here")
SAMPLE = [(victim, step) for victim, steps in STEPS.items() for step in steps if step in ("J2", "J5", "J6") or step[0] == "s"]


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    return Accounts(tmp_path_factory.mktemp("accounts"))


@pytest.mark.parametrize(("victim", "step"), SAMPLE)
def test_every_promise_holds_when_the_power_goes_at_a_step(accounts: Accounts, victim: str, step: str) -> None:
    """P1, P2, P4 of distributed.md 5 while unsynced bytes are lost or torn: nothing lost or doubled, books equal (B-223)."""
    (seed,) = seeds_for(victim, 1 + SAMPLE.index((victim, step)) % 5, 1)

    counts, wrong = cut(victim, step, seed, accounts, arbs=1)

    assert wrong == ()
    assert counts["cuts"] > 0


def test_a_journal_opened_without_fsync_is_noticed(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: synchronous=NORMAL, with which SQLite's log is not synced at a commit. P1: an order leaves without its promise."""
    made = SqliteDiskStore.__init__

    def lax(self: SqliteDiskStore, disk: object) -> None:
        made(self, disk)  # type: ignore[arg-type]  # a SqliteDisk
        self._store._database.execute("PRAGMA synchronous=NORMAL")

    monkeypatch.setattr(SqliteDiskStore, "__init__", lax)
    plants: list[Plant] = []

    def ready(plant: Plant) -> None:
        plants.append(plant)
        on_sqlite(plant)

    assert play(1, accounts, spoil=ready, steps=1, enough=0).lost
    leave(plants[0])


def test_what_was_acknowledged_is_there_whatever_the_power_leaves(tmp_path: Path) -> None:
    """A commit that returned survives any loss of power; one that was cut in its fsync is there as a whole or not at all."""
    whole = 0
    for seed in range(20):
        path, platter = tmp_path / f"{seed}.sqlite", Platter()
        path.touch()
        DOOR.platters[str(path)] = platter
        with DOOR.default():
            store = SqliteStore(path)
        assert store._transaction([MetaRow(key="kept", value=seed)]) == ""
        platter.before_sync = lambda path: True
        assert "disk I/O error" in store._transaction([MetaRow(key=f"torn {part}", value=1) for part in range(200)])
        platter.before_sync = lambda path: False
        platter.cut(random.Random(seed))
        with DOOR.default():
            again = SqliteStore(path)

        rows = {row.key: row.value for row in again.load() if isinstance(row, MetaRow)}
        torn = [key for key in rows if key.startswith("torn")]
        assert rows["kept"] == seed
        assert len(torn) in (0, 200)
        whole += bool(torn)
        for one in (store, again):
            platter.held = True
            one._database.close()
            one._jobs.put(None)
    DOOR.platters.clear()
    assert whole < 20
