"""Decisions are kept with their terms, and a broken disk never stops the process."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from controller.model import Basket, EventId
from controller.records import Records
from controller.risk.decision import Refused
from controller.strategy.base import Intent, Quote
from trading.clock import MS, SECOND, ManualClock
from trading.market import KALSHI, Action, FeeTerms, Market, MarketId, Outcome
from trading.offload import InlineOffload
from trading.order import Want
from trading.units import Money, MonoNs, Price, Size, WallNs

MARKET = Market(
    id=MarketId("A"),
    venue=KALSHI,
    event_id="e",
    question="?",
    grid=((Price(0), Price(10_000), Price(100)),),
    min_size=Size(10_000),
    shard=3,
    hold_ns=3 * SECOND,
    rules_hash="r1",
    fees=FeeTerms(schedule="kalshi", taker=70_000_000, maker=17_500_000),
)


class FullDisk(InlineOffload):
    """Writes nothing, and says so while it is full."""

    full = False

    async def run(self, work: Callable[[], Any]) -> Any:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")


def refused() -> Refused:
    basket = Basket(
        id="b",
        kind="poly_yes_kalshi_no",
        event=EventId("e"),
        legs=((MarketId("A"), Outcome.YES),),
        payout=Price(10_000),
        approval="approved",
        terms="verified",
    )
    intent = Intent(
        strategy="cross_venue",
        basket=basket,
        event=EventId("e"),
        purpose="open",
        wants=(Want(market=MarketId("A"), outcome=Outcome.YES, action=Action.BUY, limit=Price(4200), size=Size(1_500_000)),),
        edge=Money(30_000),
        worst_edge=Money(20_000),
        quotes=(Quote(MarketId("A"), Price(4200), Size(2_000_000), 3, MonoNs(0), MonoNs(0)),),
        expires=MonoNs(0),
        reason="3c",
    )
    return Refused(intent=intent, code="feed_unproven", detail="A was proven 4 s ago")


async def test_a_refusal_is_kept_with_prices_and_reason(tmp_path: Path) -> None:
    """B-165: one JSON line with schema, prices as exact decimals and the reason."""
    records = Records(tmp_path, ManualClock(), InlineOffload(), lambda market: None)
    records.decided(refused())
    await records.flush()
    row = json.loads((tmp_path / "decisions.jsonl").read_text())

    assert (row["schema"], row["kind"], row["code"]) == (1, "refused", "feed_unproven")
    assert row["legs"][0]["limit"] == "0.4200"
    assert row["legs"][0]["size"] == "1.5"


async def test_a_decision_is_kept_with_what_both_books_showed_and_the_terms_it_was_made_on(tmp_path: Path) -> None:
    """B-165, B-132: expected profit, what was displayed and how old it was, fees and rules of that moment."""
    clock = ManualClock()
    clock.advance(7_000 * MS)
    records = Records(tmp_path, clock, InlineOffload(), lambda _: MARKET)
    records.decided(refused())
    await records.flush()
    row = json.loads((tmp_path / "decisions.jsonl").read_text())
    (leg,) = row["legs"]

    assert (row["edge"], row["worst_edge"], row["reason"], row["detail"]) == ("0.03", "0.02", "3c", "A was proven 4 s ago")
    assert (leg["shown"], leg["change_age_ms"], leg["proof_age_ms"]) == (
        ["0.4200", "2"],
        clock.mono_ns() // MS,
        clock.mono_ns() // MS,
    )
    assert leg["terms"] == {
        "venue": "kalshi",
        "fees": {"schedule": "kalshi", "taker": 70_000_000, "maker": 17_500_000},
        "hold_ms": 3_000,
        "shard": 3,
        "rules_hash": "r1",
    }


@pytest.mark.parametrize(("days", "yearly"), [(0, 11.2887), (364, 0.0309)])
async def test_a_decision_carries_when_the_money_is_back_and_what_it_earns_a_year(
    tmp_path: Path, days: int, yearly: float
) -> None:
    """Three cents on 97 for a day is 1,129 % a year, for a year 3 %: a cent locked for long is no arbitrage."""
    clock = ManualClock()
    settles = WallNs(clock.wall_ns() + days * 86_400 * SECOND)
    market = Market(
        id=MarketId("A"),
        venue=KALSHI,
        event_id="e",
        question="?",
        grid=((Price(0), Price(10_000), Price(100)),),
        min_size=Size(10_000),
        fees=None,
        settles_at=settles,
    )
    records = Records(tmp_path, clock, InlineOffload(), lambda _: market)
    records.decided(refused())
    await records.flush()
    row = json.loads((tmp_path / "decisions.jsonl").read_text())

    assert (row["settles_at_ns"], row["annualised_return"]) == (settles, yearly)


async def test_an_unwritable_directory_costs_rows_not_the_process(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a directory should be")
    records = Records(tmp_path / "state", ManualClock(), InlineOffload(), lambda market: None)
    records.decided(refused())

    await records.flush()
    assert (tmp_path / "state").is_file()


async def test_a_full_disk_is_told_once_and_again_after_it_worked() -> None:
    """Four rows a second on a full disk must not fill the log, which lies on the same disk."""
    disk = FullDisk()
    records = Records(Path("nowhere"), ManualClock(), disk, lambda market: None)
    with structlog.testing.capture_logs() as told:
        for disk.full in (True, True, False, True):
            records.decided(refused())
            await records.flush()

    assert [row["event"] for row in told] == ["records_not_written", "records_not_written"]
