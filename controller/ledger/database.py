"""Opening the ledger's database: one SQLite file of this machine, or PostgreSQL by DATABASE_URL, brought to this program's schema.

Writers migrate forward (B-254); readers only look, and say so when the schema is another. A revision this program does not know
was written by a newer one and is left alone. Everything here blocks: callers go through Offload.
"""

import logging
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from trading.errors import SettingsError, TandemError
from trading.settings import is_loopback

logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells every opening twice

__all__ = ["LedgerFailed", "brief", "open_ledger", "url_of"]

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MS = 5_000
_PATIENCE = {
    "connect_timeout": 5,
    "options": "-c statement_timeout=15000 -c lock_timeout=5000",
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
"""A server that hangs is a server that is away: seconds and, in the options, milliseconds."""
_LOCK = 7_162_094_115
"""PostgreSQL's advisory lock around migrations: two programs that start together take turns."""


class LedgerFailed(TandemError):
    """The ledger cannot be opened, read or written; the text says why and the next step. Orders are safe in the journal."""


def url_of(database_url: str, directory: Path) -> URL:
    """Where the ledger is: the given URL, or ledger.sqlite in the state directory. Raises SettingsError."""
    if not database_url:
        return URL.create("sqlite", database=str(directory / "ledger.sqlite"))
    try:
        url = make_url(database_url)
    except ArgumentError as exc:
        raise SettingsError(
            "DATABASE_URL cannot be read (allowed: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME)"
        ) from exc
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return _encrypted(url.set(drivername="postgresql+psycopg"))
    if url.drivername == "sqlite" and url.database:
        return url
    raise SettingsError(f"DATABASE_URL={url.drivername}://…: not a database we know (allowed: sqlite:///FILE, postgresql://…)")


def _encrypted(url: URL) -> URL:
    """B-312: over a network TLS is required, where the driver alone would fall back to plain text. sslmode=verify-full with
    sslrootcert also proves whose server it is."""
    named = [url.query.get("host", ""), url.query.get("hostaddr", "")]
    hosts = [url.host or "", *(part for one in named for part in ([one] if isinstance(one, str) else one))]
    if not any(_is_far(host.strip()) for one in hosts for host in one.split(",")):
        return url
    mode = url.query.get("sslmode", "require")
    if mode not in ("require", "verify-ca", "verify-full"):
        raise SettingsError(f"DATABASE_URL: sslmode={mode} may send the ledger in plain text (allowed: require, verify-full)")
    return url.update_query_dict({"sslmode": mode})


def _is_far(host: str) -> bool:
    """Whether a database host is another machine: neither a socket's directory nor loopback."""
    return host != "" and not host.startswith(("/", "@")) and not is_loopback(f"//[{host}]" if ":" in host else f"//{host}")


def open_ledger(url: URL, *, write: bool) -> Engine:
    """Connect and check the schema; a writer creates or migrates it. Raises LedgerFailed."""
    engine = _engine(url, write=write)
    try:
        with engine.begin() as connection:
            (_migrate if write else _check)(connection, url)
    except (SQLAlchemyError, OSError) as exc:
        engine.dispose()
        raise LedgerFailed(f"the ledger at {_name(url)} cannot be opened: {brief(exc)}; {_step(url)}") from exc
    except LedgerFailed:
        engine.dispose()
        raise
    return engine


def _engine(url: URL, *, write: bool) -> Engine:
    if url.drivername != "sqlite":
        return create_engine(url, pool_size=1, max_overflow=2, pool_pre_ping=True, connect_args=_PATIENCE)
    file = Path(url.database or "")
    if write:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            file.touch(mode=0o600)
    elif not file.exists():
        raise LedgerFailed(f"there is no ledger at {file}: it is made when the controller first runs with this STATE_DIR")
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _: object) -> None:
        raw.isolation_level = None  # the driver begins no transaction by itself: it would leave DDL outside of ours
        # the journal is the truth and fsyncs; a ledger that lost its last second to a power cut is caught up from it
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"query_only={0 if write else 1}"):
            raw.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _migrate(connection: Connection, url: URL) -> None:
    if url.drivername != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    _known(connection, url)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _check(connection: Connection, url: URL) -> None:
    if _known(connection, url) != ScriptDirectory.from_config(_config()).get_current_head():
        raise LedgerFailed(
            f"the ledger at {_name(url)} has an older schema: start the controller once, it brings it up to date"
        )


def _known(connection: Connection, url: URL) -> str | None:
    """The schema's revision. Raises LedgerFailed for one that this program does not know."""
    now = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if now is not None and now not in known:
        raise LedgerFailed(
            f"the ledger at {_name(url)} was written by a newer program (schema {now}): run that one, or move the ledger away"
            " and this one builds another from the journal"
        )
    return now


def _name(url: URL) -> str:
    return url.database or "" if url.drivername == "sqlite" else url.render_as_string(hide_password=True)


def brief(exc: BaseException) -> str:
    """The driver's own words in one line: SQLAlchemy's wrap them in the statement and its values."""
    cause = getattr(exc, "orig", None) or exc
    return " ".join(str(cause).split())[:200]


def _step(url: URL) -> str:
    if url.drivername != "sqlite":
        return "check DATABASE_URL and that the server answers"
    return "free the disk or mend the directory's rights; a broken file may be moved away, it is built again from the journal"
