"""Every promise of the ledger is held on both databases: a SQLite file, and a PostgreSQL server that these tests start."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from controller.ledger.database import url_of

POSTGRES_USER = "postgres"


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return newest[-1].parent if newest else None


@pytest.fixture(scope="session")
def server() -> Iterator[URL]:
    """A throwaway server on a socket in a directory of its own; no port is opened. Root runs it as the user postgres."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL here: initdb is neither on PATH nor under /usr/lib/postgresql")
    directory = Path(tempfile.mkdtemp(prefix="ledger-pg-"))
    demote: dict[str, object] = {}
    if os.getuid() == 0:
        try:
            user = pwd.getpwnam(POSTGRES_USER)
        except KeyError:
            pytest.skip("PostgreSQL does not run as root and there is no user postgres")
        os.chown(directory, user.pw_uid, user.pw_gid)
        demote = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "cwd": directory, **demote}
    data = directory / "data"
    try:
        made = [binaries / "initdb", "-D", data, "-A", "trust", "-U", POSTGRES_USER, "-E", "UTF8", "--no-sync"]
        subprocess.run(made, check=True, **quiet)
        options = f"-k {directory} -c listen_addresses='' -c fsync=off"
        control = [binaries / "pg_ctl", "-D", data, "-w"]
        subprocess.run([*control, "-o", options, "-l", directory / "log", "start"], check=True, **quiet)
        try:
            yield URL.create("postgresql+psycopg", username=POSTGRES_USER, database="postgres", query={"host": str(directory)})
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, **quiet)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """An empty database."""
    if request.param == "sqlite":
        return url_of("", tmp_path)
    server = request.getfixturevalue("server")
    name = f"t{os.urandom(6).hex()}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.set(database=name)
