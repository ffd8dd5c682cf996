"""A ledger that cannot be relied on says so in one line with the next step; nothing of it is overwritten."""

import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import URL

from controller.ledger import database
from controller.ledger.database import LedgerFailed, open_ledger, url_of
from controller.ledger.schema import metadata
from trading.errors import SettingsError


def test_the_migrations_make_the_tables_the_program_uses(where: URL) -> None:
    """B-254: what the migrations build is what schema.py says, column for column."""
    engine = open_ledger(where, write=True)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_opening_again_changes_nothing(where: URL) -> None:
    """B-254: the schema has one version, whoever opens it."""
    for write in (True, True, False):
        open_ledger(where, write=write).dispose()


def test_a_newer_schema_is_left_alone(where: URL) -> None:
    """Unknown newer schema: refused with the revision, for writers and readers."""
    engine = open_ledger(where, write=True)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for write in (True, False):
        with pytest.raises(LedgerFailed, match="newer program \\(schema 9999\\)"):
            open_ledger(where, write=write)


def test_a_reader_does_not_migrate(where: URL) -> None:
    """An older schema is brought up to date by the controller, not by a command that only looks."""
    engine = open_ledger(where, write=True)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    engine.dispose()
    with pytest.raises(LedgerFailed, match="older schema: start the controller once"):
        open_ledger(where, write=False)


def test_a_reader_without_a_ledger_says_when_there_is_one(tmp_path: Path) -> None:
    """`controller report` before the first start."""
    with pytest.raises(LedgerFailed, match=r"there is no ledger at .*ledger\.sqlite"):
        open_ledger(url_of("", tmp_path), write=False)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_names_the_way_out(tmp_path: Path) -> None:
    """Corrupt page: not overwritten; it may be moved away because the journal is the truth."""
    (tmp_path / "ledger.sqlite").write_bytes(b"no database at all, but long enough to look like one" * 40)
    with pytest.raises(LedgerFailed, match="built again from the journal"):
        open_ledger(url_of("", tmp_path), write=True)
    assert (tmp_path / "ledger.sqlite").read_bytes().startswith(b"no database")


def test_a_server_that_does_not_answer_hides_the_password() -> None:
    """The line names host and database, never the password."""
    with pytest.raises(LedgerFailed) as failed:
        open_ledger(url_of("postgresql://ann:hunter2@127.0.0.1:1/books", Path()), write=True)
    assert "hunter2" not in str(failed.value)
    assert "check DATABASE_URL" in str(failed.value)


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "nonsense"])
def test_other_databases_are_a_clear_error(url: str, tmp_path: Path) -> None:
    """C-10: DATABASE_URL is SQLite or PostgreSQL."""
    with pytest.raises(SettingsError, match=r"DATABASE_URL.*allowed"):
        url_of(url, tmp_path)


def test_a_start_that_dies_while_tables_are_made_leaves_none(where: URL) -> None:
    """Killed after some tables: the next start makes them all."""
    engine = database._engine(where, write=True)
    with pytest.raises(KeyboardInterrupt), engine.begin() as connection:
        database._migrate(connection, where)
        raise KeyboardInterrupt
    engine.dispose()
    open_ledger(where, write=True).dispose()


def test_the_file_is_the_owners(tmp_path: Path) -> None:
    """What was traded is nobody else's business."""
    open_ledger(url_of("", tmp_path / "state"), write=True).dispose()
    assert stat.S_IMODE((tmp_path / "state" / "ledger.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("database_url", "mode"),
    [
        ("postgresql://ann:pw@db.example.com:5432/arbitrage_db", "require"),
        ("postgres://ann:pw@10.0.0.7/books", "require"),
        ("postgresql://ann:pw@[2001:db8::1]/books?sslmode=verify-full", "verify-full"),
        ("postgresql://ann:pw@/books?host=db.example.com", "require"),
        ("postgresql://ann:pw@localhost/books", None),
        ("postgresql://ann:pw@[::1]/books", None),
        ("postgresql://ann@/books?host=/run/postgresql", None),
    ],
)
def test_a_database_elsewhere_is_reached_over_tls(database_url: str, mode: str | None) -> None:
    """B-054, B-312: required for another machine; on this one the driver's default stands."""
    assert url_of(database_url, Path()).query.get("sslmode") == mode


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_a_database_elsewhere_in_plain_text_is_refused(mode: str) -> None:
    """B-312: no fallback; the message does not show the password."""
    with pytest.raises(SettingsError, match=f"DATABASE_URL: sslmode={mode} may send") as caught:
        url_of(f"postgresql://ann:hunter2@db.example.com/books?sslmode={mode}", Path())
    assert "hunter2" not in str(caught.value)
