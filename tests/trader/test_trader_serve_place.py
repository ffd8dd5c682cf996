"""A trader of Polymarket starts live only where the venue takes its orders (B-427); paper and Kalshi start anywhere."""

import asyncio
import base64
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from trader_bench import NO_KALSHI, NO_WALLET, VenueThread, manual, trader

from trading.clock import SystemClock
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore


@pytest.fixture
def elsewhere(venues: VenueThread) -> Iterator[VenueThread]:
    """The venues, of which Polymarket refuses orders from here."""
    venues.do(lambda: venues.world.faults.throw("polymarket", "geoblock"))
    yield venues
    venues.do(lambda: venues.world.faults.throw("polymarket", "no_geoblock"))


def pair() -> None:
    """A link directory with an identity and a controller that nobody listens for."""
    link = Path.cwd() / "link"
    link.mkdir()
    key = Ed25519PrivateKey.generate()
    (link / "identity.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    (link / "peers.toml").write_text(f'[[peer]]\nname = "home"\nrole = "controller"\npublic_key = "{public}"\n')
    for file in link.iterdir():
        file.chmod(0o600)


def test_live_trader_does_not_start_in_a_blocked_place(elsewhere: VenueThread) -> None:
    """Exit 1 and one line with the next step, before any controller is dialled."""
    elsewhere.write_env(**NO_KALSHI, DRY_RUN="0")
    pair()

    result = trader("run", "--controller", "127.0.0.1:9", "--link-dir", "link")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "orders are refused from" in result.stderr
    assert result.stderr.endswith("run this trader where the venue allows it (B-427)\n")


def test_leg_by_hand_is_refused_in_a_blocked_place(elsewhere: VenueThread) -> None:
    """Nothing is sent; the same command in paper is answered."""
    elsewhere.write_env(**NO_KALSHI)
    market = elsewhere.book(elsewhere.condition())

    live = manual(venue="polymarket", market=market, contracts="5", live=True)
    paper = manual(venue="polymarket", market=market, contracts="5")

    assert (live.exit_code, paper.exit_code) == (1, 0)
    assert "(B-427)" in live.stderr
    assert elsewhere.held(market) == 0


def test_kalshi_is_traded_where_polymarket_is_not(elsewhere: VenueThread) -> None:
    """The other venue's word on this place concerns its own orders only."""
    elsewhere.write_env(**NO_WALLET, DRY_RUN="0")
    market = elsewhere.book(elsewhere.ticker())

    assert manual(market=market).exit_code == 0
    assert elsewhere.held(market) == 3_000_000


def test_a_blocked_start_looks_up_the_legs_of_an_earlier_one(elsewhere: VenueThread) -> None:
    """The order went out where it was allowed and its answer was lost: the journal learns the fill before the start ends."""
    elsewhere.write_env(**NO_KALSHI, DRY_RUN="0")
    market = elsewhere.book(elsewhere.condition())
    elsewhere.do(lambda: elsewhere.world.faults.throw("polymarket", "no_geoblock"))
    assert manual(venue="polymarket", market=market, contracts="5").exit_code == 0
    elsewhere.do(lambda: elsewhere.world.faults.throw("polymarket", "geoblock"))
    Path("state/manual-polymarket").rename("state/trader-polymarket")
    with sqlite3.connect("state/trader-polymarket/journal.sqlite") as rows:
        rows.execute("DELETE FROM result")
    rows.close()
    pair()

    result = trader("run", "--controller", "127.0.0.1:9", "--link-dir", "link")

    journal = FileJournal(SqliteStore(Path("state/trader-polymarket/journal.sqlite")), SystemClock())
    ((_, kept),) = journal.legs().values()
    asyncio.run(journal.close())
    assert result.exit_code == 1
    assert result.stderr.endswith("run this trader where the venue allows it (B-427)\n")
    assert kept is not None
    assert (kept.state, kept.filled) == ("filled", 5_000_000)
