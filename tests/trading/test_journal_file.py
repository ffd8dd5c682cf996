"""The durable journal keeps what it promised across processes, numbers results, and refuses to work on a disk it cannot trust."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from trading.clock import SECOND, ManualClock
from trading.errors import Misuse
from trading.ids import SeededIds, arb_of, client_order_id, leg_id
from trading.journal_file import HOLDING_NS, RETENTION_NS, FileJournal, JournalFailed
from trading.journal_sqlite import SqliteStore
from trading.market import KALSHI, Action, MarketId, Outcome
from trading.order import Fill, LegRequest, LegResult, Want
from trading.units import Money, MonoNs, Price, Size, WallNs
from trading.venue import Prepared

_CLOCK = ManualClock()
_IDS = SeededIds(_CLOCK, 1)


def a_leg() -> LegRequest:
    want = Want(market=MarketId("KX-A"), outcome=Outcome.NO, action=Action.BUY, limit=Price(4_200), size=Size(5_000_000))
    return LegRequest(
        leg_id=leg_id(_IDS.arb(), 0, 0),
        want=want,
        venue=KALSHI,
        purpose="open",
        max_cost=Money(3_000_000),
        world="live",
        epoch=7,
        deadline=MonoNs(5 * SECOND),
    )


def prepared(leg: LegRequest) -> Prepared:
    fields = {"client_order_id": client_order_id(leg.leg_id), "salt": 2**52, "neg_risk": False, "raw": b"\x00\xff"}
    return Prepared(leg=leg, client_order_id=client_order_id(leg.leg_id), venue_order_id="0xabc", fields=fields)


def filled(leg: LegRequest, **changes: object) -> LegResult:
    fill = Fill(
        id="f1",
        price=Price(4_100),
        size=Size(5_000_000),
        cost=Money(2_050_000),
        fee=Money(8_600),
        fee_is_final=True,
        maker=False,
        at=WallNs(9),
        status="provisional",
    )
    fields: dict[str, object] = {
        "state": "filled",
        "filled": Size(5_000_000),
        "fills": (fill,),
        "stages": (("sent", MonoNs(4)),),
    }
    return LegResult(leg_id=leg.leg_id, **(fields | changes))  # type: ignore[arg-type]  # fields are given by name


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state" / "journal.sqlite"


async def test_promises_and_results_outlive_the_process(path: Path) -> None:
    """B-223: another process on the same file knows every order to the byte, and what came of it."""
    first, second, remote = a_leg(), a_leg(), a_leg()
    journal = FileJournal(SqliteStore(path), _CLOCK)
    await journal.promise([prepared(first), remote])
    await journal.promise([prepared(second)])
    await journal.settle(filled(first))
    await journal.close()

    again = FileJournal(SqliteStore(path), _CLOCK)

    assert again.prepared(first.leg_id) == prepared(first)
    assert again.stored(first.leg_id) == (first, filled(first))
    assert (again.stored(remote.leg_id), again.prepared(remote.leg_id)) == ((remote, None), None)
    assert {leg.leg_id for leg in again.open_legs()} == {second.leg_id, remote.leg_id}
    await again.close()


async def test_a_remote_leg_keeps_the_name_of_its_trader(path: Path) -> None:
    """4.6: only the trader that got a leg, with the journal it had then, can say that it never arrived; a restart asks that one."""
    leg, local = a_leg(), a_leg()
    journal = FileJournal(SqliteStore(path), _CLOCK)
    journal.address(leg.leg_id, "frankfurt", 42)
    await journal.promise([leg, prepared(local)])
    await journal.close()

    again = FileJournal(SqliteStore(path), _CLOCK)

    assert (again.addressee(leg.leg_id), again.addressee(local.leg_id)) == (("frankfurt", 42), ("", 0))
    await again.close()


async def test_legs_are_found_by_their_market(path: Path) -> None:
    """B-440: what went where in one market is asked before a sale, so it is no search through all there is."""
    first, second = a_leg(), a_leg()
    journal = FileJournal(SqliteStore(path), _CLOCK)
    await journal.promise([prepared(first)])
    await journal.promise([second])
    await journal.settle(filled(first))
    await journal.close()
    again = FileJournal(SqliteStore(path), _CLOCK)

    assert again.legs_in(first.want.market) == [(first, filled(first)), (second, None)]
    assert again.legs_in(MarketId("KX-OTHER")) == []
    await again.close()


async def test_an_id_is_promised_once_also_across_processes(path: Path) -> None:
    """One leg id names one order for as long as it is kept, whoever asks."""
    leg = a_leg()
    journal = FileJournal(SqliteStore(path), _CLOCK)
    await journal.promise([prepared(leg)])
    with pytest.raises(Misuse, match="promised before"):
        await journal.promise([leg])
    await journal.close()
    again = FileJournal(SqliteStore(path), _CLOCK)
    with pytest.raises(Misuse, match="promised before"):
        await again.promise([prepared(leg)])
    with pytest.raises(Misuse, match="twice"):
        new = a_leg()
        await again.promise([prepared(new), new])
    await again.close()


async def test_an_arbs_orders_are_kept_together_or_not_at_all(path: Path) -> None:
    """The process dies inside the transaction: neither order is known afterwards, because none was sent."""
    first, second = a_leg(), a_leg()
    store = SqliteStore(path)

    def die(name: str) -> None:
        if name == "before_promise":
            raise sqlite3.OperationalError("disk I/O error")

    store._probe = die
    journal = FileJournal(store, _CLOCK)
    with pytest.raises(JournalFailed):
        await journal.promise([prepared(first), prepared(second)])
    await journal.close()

    again = FileJournal(SqliteStore(path), _CLOCK)
    assert (again.stored(first.leg_id), again.stored(second.leg_id)) == (None, None)
    await again.close()


async def test_the_first_failed_write_is_final(path: Path) -> None:
    """After a failed write nothing is promised any more, although the disk would answer again; results still count."""
    bad = {"now": False}
    store = SqliteStore(path)

    def probe(name: str) -> None:
        if bad["now"] and name.startswith("before_"):
            raise sqlite3.OperationalError("database or disk is full")

    store._probe = probe
    journal = FileJournal(store, _CLOCK)
    leg = a_leg()
    await journal.promise([prepared(leg)])
    bad["now"] = True
    with pytest.raises(JournalFailed, match=r"disk is full; no new leg is sent\. Free or mend"):
        await journal.settle(filled(leg))
    bad["now"] = False
    with pytest.raises(JournalFailed, match="disk is full"):
        await journal.promise([prepared(a_leg())])

    known = journal.stored(leg.leg_id)
    assert known is not None and known[1] is not None and known[1].state == "filled"
    assert "disk is full" in journal.failed
    await journal.close()


async def test_concurrent_promises_share_commits(path: Path) -> None:
    """Group commit: what one turn of the loop brings is one commit, so sixty-four promises begun together take one."""
    store = SqliteStore(path)
    journal = FileJournal(store, _CLOCK)
    legs = [a_leg() for _ in range(64)]
    await asyncio.gather(*(journal.promise([prepared(leg)]) for leg in legs))

    assert store.commits == 1
    assert len(journal.open_legs()) == 64
    await journal.close()


async def test_the_file_is_durable_and_says_so(path: Path) -> None:
    """WAL with synchronous=FULL, read back: kill -9 and power loss after the promise cannot take it away."""
    store = SqliteStore(path)
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert FileJournal(store, _CLOCK).durable
    await store.close()
    other.close()


def _corrupt(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:8192] = b"\x5a" * 4096
    path.write_bytes(bytes(data))


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version=99")
    database.close()


def _garbage(path: Path) -> None:
    path.write_bytes(b"this is no database, it only lies here" * 200)


@pytest.mark.parametrize(("harm", "says"), [(_corrupt, "journal"), (_newer, "newer program"), (_garbage, "not a database")])
async def test_a_file_that_cannot_be_trusted_is_refused_in_one_line(path: Path, harm: object, says: str) -> None:
    """A damaged page, a newer schema, something else altogether: the start says what to do and changes nothing."""
    journal = FileJournal(SqliteStore(path), _CLOCK)
    for _ in range(30):
        leg = a_leg()
        await journal.promise([prepared(leg)])
        await journal.settle(filled(leg))
    await journal.close()
    harm(path)  # type: ignore[operator]  # one of the three above

    with pytest.raises(JournalFailed, match=says) as failed:
        FileJournal(SqliteStore(path), _CLOCK)

    assert "\n" not in str(failed.value)
    assert "reconcile before trading" in str(failed.value)


async def test_a_state_directory_that_vanishes_stops_promises(path: Path) -> None:
    """The file was deleted under the running process: SQLite would go on writing to nowhere, the journal does not."""
    journal = FileJournal(SqliteStore(path), _CLOCK)
    await journal.promise([prepared(a_leg())])
    for file in path.parent.iterdir():
        file.unlink()
    with pytest.raises(JournalFailed, match="No such file"):
        await journal.promise([prepared(a_leg())])
    await journal.close()


async def test_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    """A file stands where the directory must be."""
    (tmp_path / "state").write_text("")
    with pytest.raises(JournalFailed, match="journal"):
        SqliteStore(tmp_path / "state" / "journal.sqlite")


async def test_results_are_numbered_and_handed_out_until_acknowledged(path: Path) -> None:
    """4.6: numbers survive restarts, of a leg only the newest result waits, an acknowledgement covers everything before it."""
    one, two = a_leg(), a_leg()
    journal = FileJournal(SqliteStore(path), _CLOCK, deliver=True)
    await journal.promise([prepared(one), prepared(two)])
    await journal.settle(LegResult(leg_id=one.leg_id, state="unknown"))
    await journal.settle(filled(two))
    await journal.settle(filled(one))
    await journal.close()

    again = FileJournal(SqliteStore(path), _CLOCK, deliver=True)
    assert [(row.number, row.result.leg_id) for row in again.undelivered()] == [(2, two.leg_id), (3, one.leg_id)]
    await again.acknowledge(2)
    with pytest.raises(Misuse, match="another journal"):
        await again.acknowledge(9)
    await again.close()

    last = FileJournal(SqliteStore(path), _CLOCK, deliver=True)
    assert [row.number for row in last.undelivered()] == [3]
    assert last.tail == 3
    await last.close()


async def test_old_final_legs_are_forgotten_and_their_numbers_are_not_given_again(path: Path) -> None:
    """J10: after thirty days a final, acknowledged leg goes, one that filled after four hundred; an open one stays for as long as
    it is open."""
    clock = ManualClock()
    done, missed, waiting = a_leg(), a_leg(), a_leg()
    journal = FileJournal(SqliteStore(path), clock, deliver=True)
    await journal.promise([prepared(done), prepared(missed), prepared(waiting)])
    await journal.settle(filled(missed, state="none", filled=Size(0), fills=(), cost=Money(0), fee=Money(0)))
    await journal.settle(filled(done))
    clock.advance(RETENTION_NS + SECOND)
    assert await journal.prune() == 0  # nobody has it yet
    await journal.acknowledge(2)
    assert await journal.prune() == 1
    assert (journal.stored(missed.leg_id), journal.stored(done.leg_id) is None) == (None, False)
    clock.advance(HOLDING_NS)
    assert await journal.prune() == 1
    await journal.close()

    again = FileJournal(SqliteStore(path), clock, deliver=True)
    assert (again.stored(done.leg_id), again.tail) == (None, 2)
    assert [leg.leg_id for leg in again.open_legs()] == [waiting.leg_id]
    await again.close()


async def test_epochs_survive(path: Path) -> None:
    """Small numbers are as durable as promises."""
    journal = FileJournal(SqliteStore(path), _CLOCK)
    assert journal.number_kept("epoch") == 0
    await journal.keep("epoch", 12)
    await journal.close()
    again = FileJournal(SqliteStore(path), _CLOCK)
    assert again.number_kept("epoch") == 12
    await again.close()


async def test_a_plan_is_durable_with_the_first_promise_of_its_arb_and_never_without(path: Path) -> None:
    """B-431: what both legs are meant to do is in the very transaction of the first one; an arb that never sent leaves nothing."""
    leg, never = a_leg(), a_leg()
    store = SqliteStore(path)
    journal = FileJournal(store, _CLOCK)
    before = store.commits
    journal.plan(arb_of(leg.leg_id), b"both legs")
    journal.plan(arb_of(never.leg_id), b"nothing sent")

    await journal.promise([leg])
    assert store.commits == before + 1
    await journal.tell(arb_of(never.leg_id), b"refused")
    await journal.tell(arb_of(leg.leg_id), b"unknown")
    await journal.tell(arb_of(leg.leg_id), b"matched")
    await journal.close()

    again = FileJournal(SqliteStore(path), _CLOCK)
    assert [(arb, row.body, row.told) for arb, row in again.arbs().items()] == [(arb_of(leg.leg_id), b"both legs", b"matched")]
    await again.close()


async def test_an_arb_is_forgotten_with_the_last_of_its_legs(path: Path) -> None:
    """Retention counts for arbs, too; one with an open leg is never forgotten."""
    clock = ManualClock()
    done, open_leg = a_leg(), a_leg()
    journal = FileJournal(SqliteStore(path), clock)
    for leg in (done, open_leg):
        journal.plan(arb_of(leg.leg_id), b"plan")
        await journal.promise([leg])
    await journal.settle(filled(done))
    clock.advance(HOLDING_NS + SECOND)

    assert await journal.prune() == 1
    await journal.close()
    again = FileJournal(SqliteStore(path), clock)
    assert list(again.arbs()) == [arb_of(open_leg.leg_id)]
    await again.close()


async def test_a_journal_of_the_schema_before_is_taken_over(path: Path) -> None:
    """Schema 1 knew no arbs: its legs stay, and new arbs can be planned."""
    leg, new = a_leg(), a_leg()
    journal = FileJournal(SqliteStore(path), _CLOCK)
    await journal.promise([leg])
    await journal.close()
    with sqlite3.connect(path) as old:
        old.executescript(
            "DROP TABLE arb; ALTER TABLE leg DROP COLUMN trader; ALTER TABLE leg DROP COLUMN trader_journal;"
            "PRAGMA user_version=1;"
        )
    old.close()

    again = FileJournal(SqliteStore(path), _CLOCK)
    again.plan(arb_of(new.leg_id), b"plan")
    await again.promise([new])

    assert again.open_legs() == [leg, new]
    assert again.addressee(leg.leg_id) == ("", 0)
    assert list(again.arbs()) == [arb_of(new.leg_id)]
    await again.close()
