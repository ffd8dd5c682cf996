"""One leg by hand against the simulated venues on loopback: the command line, real sockets, the venues' own record."""

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest
from trader_bench import NO_KALSHI, NO_TRIPLE, NO_WALLET, VenueThread, manual, trader

from trading.clock import SystemClock
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore

NOWHERE = "KXNOSUCHGAME-26NOV21AAABBB-AAA"


def test_the_help_shows_every_command() -> None:
    """B-076: a newcomer sees them."""
    result = trader("--help")

    assert "manual-trade" in result.output
    assert "doctor" in result.output


# --- orders that are sent, on loopback ------------------------------------------------------------------------------------


def test_live_leg_on_kalshi_fills_and_tells_exact_amounts(venues: VenueThread) -> None:
    """DRY_RUN=0 on loopback: the venue holds what the result says, at the book's price, fee included."""
    venues.write_env(DRY_RUN="0")
    market = venues.book(venues.ticker())

    result = manual(market=market, limit="0.45", json=True)

    said = json.loads(result.stdout)
    assert (result.exit_code, said["world"], said["state"], said["settled"]) == (0, "sim", "filled", True)
    assert (said["filled"], said["cost"], said["fee"]) == ("3", "1.26", "0.0512")
    assert [fill["price"] for fill in said["fills"]] == ["0.42"]
    assert venues.held(market) == 3_000_000


def test_selling_what_is_not_held_is_refused_and_opens_nothing(venues: VenueThread) -> None:
    """Kalshi would turn the sale into a purchase of the other side: three NO sold from nothing are no sale."""
    venues.write_env(DRY_RUN="0")
    market = venues.book(venues.ticker())
    before = venues.held(market)

    result = manual(market=market, outcome="no", action="sell", limit="0.30", json=True)

    assert result.exit_code == 2
    assert "only 0 NO of" in result.stderr and "buy YES" in result.stderr
    assert venues.held(market) == before


def test_live_leg_on_polymarket_derives_its_key_and_fills(venues: VenueThread) -> None:
    """Without an L2 triple the wallet is enough (B-029); NO means Gamma's second outcome at one minus the YES bid."""
    venues.write_env(**NO_TRIPLE)
    market = venues.book(venues.condition())

    result = manual(venue="polymarket", market=market, outcome="no", limit="0.6", contracts="5", live=True, json=True)

    said = json.loads(result.stdout)
    assert (result.exit_code, said["state"], said["filled"], said["cost"]) == (0, "filled", "5", "3")
    assert said["outcome_name"] != "No"
    assert venues.held(market) == 0


def test_what_was_bought_can_be_sold_again(venues: VenueThread) -> None:
    """A sale receives money: the text says so, and the venue holds nothing afterwards."""
    venues.write_env(DRY_RUN="0")
    market = venues.book(venues.ticker())
    assert manual(market=market).exit_code == 0

    result = manual(market=market, action="sell", limit="0.4")

    assert result.exit_code == 0
    assert "filled: sell 3 of 3 YES" in result.stdout
    assert "received $1.2, fee $" in result.stdout
    assert venues.held(market) == 0


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
@pytest.mark.parametrize("flags", [{"limit": "0.41"}, {"contracts": "101", "tif": "fok"}], ids=["price", "size"])
def test_no_match_is_a_known_outcome(venues: VenueThread, venue: str, flags: dict[str, str]) -> None:
    """IOC below the ask and FOK beyond the depth trade nothing: state none, exit 0."""
    venues.write_env(DRY_RUN="0")
    market = venues.book(venues.ticker() if venue == "kalshi" else venues.condition())

    result = manual(venue=venue, market=market, json=True, **flags)

    assert (result.exit_code, json.loads(result.stdout)["state"]) == (0, "none")
    assert venues.held(market) == 0


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_lost_answer_is_looked_up_and_never_sent_again(venues: VenueThread, venue: str) -> None:
    """B-093: the venue took the order and the answer was lost; asking finds the fill, and there is one only."""
    venues.write_env(DRY_RUN="0")
    market = venues.book(venues.ticker() if venue == "kalshi" else venues.condition())
    venues.do(lambda: venues.world.faults.throw(venue, "drop_after_accept"))

    result = manual(venue=venue, market=market, contracts="5", json=True)

    said = json.loads(result.stdout)
    assert (result.exit_code, said["state"], said["filled"]) == (0, "filled", "5")
    assert "is unknown" in result.stderr
    assert venues.held(market) == 5_000_000


def test_wrong_key_is_rejected_and_named(venues: VenueThread) -> None:
    """The check of credentials that the command is for: exit 1, and the venue's own words."""
    venues.write_env(DRY_RUN="0", KALSHI_API_KEY_ID=venues.credentials.kalshi_ed25519_key_id)
    market = venues.book(venues.ticker())

    result = manual(market=market, json=True)

    said = json.loads(result.stdout)
    assert (result.exit_code, said["state"]) == (1, "rejected")
    assert (said["code"], said["filled"]) == ("authentication_error", "0")
    assert venues.held(market) == 0


# --- paper ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_paper_meets_the_real_book_and_sends_nothing(venues: VenueThread, venue: str) -> None:
    """DRY_RUN is the default: the fill is at the venue's ask, and the venue never hears of it."""
    venues.write_env(**NO_KALSHI, **NO_WALLET)
    market = venues.book(venues.ticker() if venue == "kalshi" else venues.condition())

    result = manual(venue=venue, market=market, limit="0.42", contracts="5", json=True)

    said = json.loads(result.stdout)
    assert (result.exit_code, said["world"], said["state"], said["cost"]) == (0, "paper", "filled", "2.1")
    assert said["client_order_id"].startswith("arb")
    assert venues.held(market) == 0


def test_paper_sale_takes_the_contracts_as_owned(venues: VenueThread) -> None:
    """A paper account is as old as the command, so a sale is shown at the venue's bid all the same."""
    venues.write_env()
    market = venues.book(venues.ticker())

    result = manual(market=market, action="sell", limit="0.4")

    assert result.exit_code == 0
    assert "paper filled: sell 3 of 3 YES" in result.stdout
    assert "received $1.2, fee $" in result.stdout


def test_dry_run_flag_beats_the_environment(venues: VenueThread) -> None:
    """B-015: --dry-run wins over DRY_RUN=0."""
    venues.write_env(DRY_RUN="0")
    market = venues.book(venues.ticker())

    result = manual(market=market, dry_run=True, json=True)

    assert json.loads(result.stdout)["world"] == "paper"
    assert venues.held(market) == 0


# --- refusals: one line that names the value, exit 2, nothing sent ----------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({"limit": "0.425"}, "--limit 0.425: is off the price grid of MARKET; nearest: 0.42 or 0.43"),
        ({"contracts": "2.005"}, "--contracts 2.005: MARKET takes whole multiples of 0.01"),
        ({"contracts": "0.001"}, "--contracts 0.001: below the smallest order of MARKET, 0.01"),
        ({"market": NOWHERE}, f"--market {NOWHERE}: kalshi knows no such market"),
        ({"market": "0x" + "ab" * 32, "venue": "polymarket"}, f"--market 0x{'ab' * 32}: polymarket knows no such market"),
    ],
)
def test_value_against_the_markets_terms_is_refused(venues: VenueThread, flags: dict[str, str], line: str) -> None:
    """The venue is read, and nothing is signed or sent."""
    venues.write_env(DRY_RUN="0")
    market = venues.book(venues.ticker())

    result = manual(**{"market": market, **flags})

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {line.replace('MARKET', market)}\n"


def test_buy_below_the_venues_least_dollar_is_refused(venues: VenueThread) -> None:
    """polymarket.md 6.3: a buy that matches at once needs a dollar."""
    venues.write_env(DRY_RUN="0")
    market = venues.book(venues.condition())

    result = manual(venue="polymarket", market=market, contracts="2")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (f"error: --contracts 2: $0.84 at --limit 0.42 is below the $1 that {market} asks of a buy\n")


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({"venue": "betfair"}, "--venue betfair: is none of kalshi, polymarket"),
        ({"outcome": "maybe"}, "--outcome maybe: is none of yes, no"),
        ({"action": "short"}, "--action short: is none of buy, sell"),
        ({"tif": "gtc"}, "--tif gtc: is none of ioc, fok"),
        ({"limit": "42c"}, "--limit 42c: '42c' is not a decimal number; give dollars such as 0.42"),
        ({"limit": "42"}, "--limit 42: price '42' is outside 0..1; give dollars such as 0.42"),
        ({"limit": "1"}, "--limit 1: must lie between 0 and 1 dollar, both excluded"),
        ({"contracts": "0"}, "--contracts 0: must be above 0 and at most 1000000"),
        ({"contracts": "1000001"}, "--contracts 1000001: must be above 0 and at most 1000000"),
        ({"contracts": "1e3"}, "--contracts 1e3: '1e3' is not a decimal number"),
        ({"market": " "}, "--market ' ': is no market id"),
        (
            {"venue": "polymarket"},
            "--market KXGAME-MIL: on polymarket a market is named by its condition id, 0x and 64 hex digits",
        ),
        ({"market": "0xab"}, "--market 0xab: on kalshi a market is named by a ticker, for example KXNBAGAME-..."),
    ],
)
def test_value_without_a_meaning_is_refused_before_any_venue_is_asked(flags: dict[str, str], line: str) -> None:
    """No .env, no server: the line comes from the value alone."""
    result = manual(**flags)

    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"error: {line}\n")


def open_journal() -> FileJournal:
    return FileJournal(SqliteStore(Path("state/manual-kalshi/journal.sqlite")), SystemClock())


def test_what_is_sent_is_promised_on_the_disk(venues: VenueThread) -> None:
    """Exit 3 and a power cut lose no order: its promise and its result outlive the process, beside a trader's own journal."""
    venues.write_env(DRY_RUN="0")
    market = venues.book(venues.ticker())

    result = manual(market=market, live=True, json=True)

    assert result.exit_code == 0, result.stderr
    journal = open_journal()
    (leg, kept), *more = journal.legs().values()
    asyncio.run(journal.close())
    assert (leg.want.market, leg.purpose, kept.state if kept else None, more) == (market, "manual", "filled", [])


def test_an_order_without_a_final_word_is_looked_up_before_the_next(venues: VenueThread) -> None:
    """The machine went down between promise and answer: the next call asks, finds that there was none, and goes on."""
    venues.write_env(DRY_RUN="0")
    market = venues.book(venues.ticker())
    assert manual(market=market, live=True).exit_code == 0
    with sqlite3.connect("state/manual-kalshi/journal.sqlite") as rows:
        rows.execute("DELETE FROM result")
    rows.close()

    result = manual(market=market, live=True)

    assert result.exit_code == 0, result.stderr
    assert "has no final word from an earlier call" in result.stderr
    assert "is filled, 3" in result.stderr
    assert venues.held(market) == 6_000_000


def test_a_halted_machine_places_nothing_by_hand_either(venues: VenueThread) -> None:
    """`trader halt` is this machine's: no new order goes out, whoever wants it."""
    venues.write_env(DRY_RUN="0", TRADER_PLATFORM="kalshi")
    market = venues.book(venues.ticker())
    Path("state/trader-kalshi").mkdir(parents=True)
    assert trader("halt", "by hand").exit_code == 0

    result = manual(market=market, live=True, json=True)

    assert (result.exit_code, json.loads(result.stdout)["code"]) == (2, "halted")
    assert venues.held(market) == 0


def test_mixed_hosts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """design.md 5: one venue on loopback and the other real is no world."""
    monkeypatch.setenv("KALSHI_API_BASE", "http://127.0.0.1:1/trade-api/v2")

    result = manual()

    assert result.exit_code == 2
    assert "venue hosts are mixed" in result.stderr


def test_other_platform_than_the_traders_is_refused(venues: VenueThread) -> None:
    """B-060: a trader serves one platform."""
    venues.write_env(TRADER_PLATFORM="poly")

    result = manual()

    assert (result.exit_code, result.stderr) == (
        2,
        "error: --venue kalshi: this trader serves polymarket (TRADER_PLATFORM)\n",
    )


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_live_without_keys_names_the_missing_variables(venues: VenueThread, venue: str) -> None:
    """B-091: keys of the other platform are no use."""
    venues.write_env(DRY_RUN="0", **(NO_KALSHI if venue == "kalshi" else NO_WALLET))

    result = manual(venue=venue, market="KX" if venue == "kalshi" else "0x" + "ab" * 32)

    names = "KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH" if venue == "kalshi" else "POLY_PRIVATE_KEY and POLY_FUNDER"
    assert result.exit_code == 2
    assert result.stderr == f"error: --venue {venue}: no keys to trade there; set {names}\n"


def test_unreachable_venue_is_one_line_and_exit_1(venues: VenueThread) -> None:
    """Nothing listens: nothing was sent, and the line says where it was looked for."""
    venues.write_env(KALSHI_API_BASE="http://127.0.0.1:9/trade-api/v2")

    result = manual()

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert "127.0.0.1:9" in result.stderr
