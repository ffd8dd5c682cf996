"""The life of the simulated Kalshi's markets and its pauses: kalshi.md 4, 12 and 14, points 9 and 10."""

import random
from typing import Any

import pytest

from trading.clock import SECOND
from trading.sim.kalshi import KalshiSim
from trading.sim.kalshi_data import KalshiCatalogue
from trading.units import WallNs

GTC = "good_till_canceled"


def lifecycle(bench: Any) -> Any:
    session = bench.connect()
    bench.subscribe(session, "market_lifecycle_v2")
    return session


def events(bench: Any, session: Any) -> list[str]:
    return [frame["msg"].get("event_type", frame["type"]) for frame in bench.frames(session)]


def test_14_9_timed_close_is_silent_and_sweeps(bench: Any) -> None:
    """At close_time the market closes without a frame; orders are swept with CloseCancel; every order op is MARKET_INACTIVE."""
    session = lifecycle(bench)
    bench.subscribe(session, "user_orders")
    order = bench.rest("bid", "0.4000", "1.00")
    bench.flow("bid", "0.3000", "1")
    bench.frames(session)
    bench.advance(172_800)

    assert [frame["msg"]["last_update_reason"] for frame in bench.frames(session)] == ["CloseCancel"]
    assert bench.get(f"/markets/{bench.gsw}")["market"]["status"] == "closed"
    assert bench.sim.books[bench.gsw].levels("bid") == []
    assert bench.code(bench.place("bid", "0.4", "1")) == (400, "MARKET_INACTIVE")
    answer = bench.call("DELETE", f"/portfolio/events/orders/{order}", "exchange_index=0")
    assert answer.status == 400 and b"MARKET_INACTIVE" in answer.body
    assert bench.flow("bid", "0.4", "1") == ""


@pytest.mark.parametrize(("result", "paid"), [("yes", 10_000_000), ("no", 0)])
def test_14_9_determination_timer_and_payout(bench: Any, result: str, paid: int) -> None:
    """A decided game closes early, waits out its settlement timer, pays $1 a winning contract and finalizes."""
    bench.flow("ask", "0.5000", "10")
    bench.place("bid", "0.5000", "10.00")
    cash, session = bench.cash(), lifecycle(bench)
    bench.sim.determine(bench.gsw, result)
    bench.advance(299)
    assert bench.cash() == cash and bench.get(f"/markets/{bench.gsw}")["market"]["status"] == "determined"
    bench.advance(1)

    assert bench.cash() == cash + paid
    assert events(bench, session) == ["close_date_updated", "determined", "settled"]
    market = bench.get(f"/markets/{bench.gsw}")["market"]
    assert (market["status"], market["result"]) == ("finalized", result)
    row = bench.get("/portfolio/settlements")["settlements"][0]
    assert (row["revenue"], row["market_result"], row["yes_count_fp"]) == (paid // 10_000, result, "10.00")
    assert bench.get("/portfolio/positions")["market_positions"] == []
    assert len(bench.get("/portfolio/positions", "settlement_status=settled")["market_positions"]) == 1


def test_14_9_scalar_settlement_of_both_sides(bench: Any) -> None:
    """A scalar pays YES its value and NO the rest, each down to the cent."""
    bench.rest("bid", "0.6000", "3.33", who=bench.bob)
    bench.place("ask", "0.6000", "3.33")
    alice, bob = bench.cash(), bench.cash(who="bob")
    bench.sim.determine(bench.gsw, "scalar", bench.price("0.5"))
    bench.sim.settle(bench.gsw)

    assert bench.cash() - alice == bench.cash(who="bob") - bob == 1_660_000
    row = bench.get("/portfolio/settlements")["settlements"][0]
    assert (row["market_result"], row["value"], row["no_count_fp"]) == ("scalar", 50, "3.33")
    with pytest.raises(ValueError, match="scalar"):
        bench.sim.determine(bench.uta, "scalar")


def test_5_1_a_settlement_floor_pays_yes_at_least_that(bench: Any) -> None:
    """The losing YES of a market with a floor is paid the floor, and its NO only the rest of the dollar."""
    event, ticker = "KXNBAGAME-26NOV22AB", "KXNBAGAME-26NOV22AB-A"
    row = bench.market_row(ticker, event, 0, settlement_bounds_type="floor", settlement_floor_dollars="0.0500")
    bench.sim.create_event(bench.event_row(event, "KXNBAGAME", 0, markets=[row]))
    bench.rest("bid", "0.6000", "10.00", who=bench.bob, ticker=ticker)
    bench.place("ask", "0.6000", "10.00", ticker=ticker)
    alice, bob = bench.cash(), bench.cash(who="bob")

    bench.sim.determine(ticker, "no")
    bench.sim.settle(ticker)
    bench.advance(60)

    assert (bench.cash() - alice, bench.cash(who="bob") - bob) == (9_500_000, 500_000)
    assert bench.get(f"/markets/{ticker}")["market"]["settlement_value_dollars"] == "0.0500"


def test_14_9_dispute_stops_the_timer_and_amends(bench: Any) -> None:
    """A disputed determination is not paid; the amended one is, once."""
    bench.flow("ask", "0.5000", "10")
    bench.place("bid", "0.5000", "10.00")
    cash = bench.cash()
    bench.sim.determine(bench.gsw, "no")
    bench.sim.dispute(bench.gsw)
    bench.advance(400)
    assert bench.get(f"/markets/{bench.gsw}")["market"]["status"] == "disputed"
    bench.sim.determine(bench.gsw, "yes")
    assert bench.get(f"/markets/{bench.gsw}")["market"]["status"] == "amended"
    bench.advance(300)

    assert bench.cash() == cash + 10_000_000
    with pytest.raises(ValueError, match="finalized"):
        bench.sim.settle(bench.gsw)


def test_14_9_a_closed_market_can_reopen(bench: Any) -> None:
    """close_date_updated then activated: the market trades again until the new close."""
    session = lifecycle(bench)
    bench.sim.close_market(bench.gsw)
    bench.sim.close_market(bench.gsw, reopen_until=WallNs(bench.clock.wall_ns() + 60 * SECOND))
    bench.sim.activate(bench.gsw)

    assert events(bench, session) == ["close_date_updated", "close_date_updated", "activated"]
    assert bench.place("bid", "0.4", "1")[0] == 201
    bench.advance(60)
    assert bench.code(bench.place("bid", "0.4", "1")) == (400, "MARKET_INACTIVE")


def test_7_3_reactivation_cancels_resting_orders(bench: Any) -> None:
    """While inactive orders rest and may be cancelled but not placed; reactivation takes them off."""
    session = lifecycle(bench)
    order, other = bench.rest("bid", "0.4000", "1.00"), bench.rest("bid", "0.4000", "1.00")
    bench.sim.deactivate(bench.gsw)
    assert bench.place("bid", "0.4", "1")[0] == 400
    assert bench.call("DELETE", f"/portfolio/events/orders/{other}", "exchange_index=0").status == 200
    assert bench.order(order)["status"] == "resting"
    bench.sim.activate(bench.gsw)

    assert bench.order(order)["status"] == "canceled"
    assert events(bench, session) == ["deactivated", "activated"]


def test_unopened_market_opens_by_the_clock(bench: Any) -> None:
    """initialized becomes active at open_time, without a frame; created and event_lifecycle announce the listing."""
    session = lifecycle(bench)
    ticker, event = "KXNBAGAME-26NOV22AB-A", "KXNBAGAME-26NOV22AB"
    row = bench.market_row(ticker, event, 0, status="initialized", open_time="2026-09-21T15:00:00Z")
    bench.sim.create_event(bench.event_row(event, "KXNBAGAME", 0, markets=[row]))
    assert events(bench, session) == ["event_lifecycle", "created"]
    assert bench.place("bid", "0.4", "1", ticker=ticker)[0] == 400
    bench.advance(3_600 * 24)

    assert bench.place("bid", "0.4", "1", ticker=ticker)[0] == 201
    assert events(bench, session) == []


def test_14_10_trading_pause_lets_cancels_through(bench: Any) -> None:
    """Place and amend are refused, cancel works, orders stay but those that asked to go; status says which shard."""
    order = bench.rest("bid", "0.4000", "1.00")
    timid = bench.rest("bid", "0.4000", "1.00", cancel_order_on_pause=True)
    bench.sim.pause_trading(True)

    assert bench.code(bench.place("bid", "0.4", "1")) == (400, "trading_is_paused")
    status = bench.get("/exchange/status")
    assert (status["exchange_active"], status["trading_active"]) == (True, False)
    assert (bench.order(order)["status"], bench.order(timid)["status"]) == ("resting", "canceled")
    assert bench.call("DELETE", f"/portfolio/events/orders/{order}", "exchange_index=0").status == 200
    bench.sim.pause_trading(False)
    assert bench.place("bid", "0.4", "1")[0] == 201


def test_14_10_exchange_pause_refuses_cancels_too(bench: Any) -> None:
    """Nothing changes state in an exchange pause; one shard may be paused alone."""
    order = bench.rest("bid", "0.4000", "1.00")
    bench.sim.pause_exchange(True, 0)
    answer = bench.call("DELETE", f"/portfolio/events/orders/{order}", "exchange_index=0")

    assert answer.status == 400 and b"exchange_is_paused" in answer.body
    assert bench.place("bid", "0.4", "1", ticker=bench.mlb)[0] == 201
    rows = bench.get("/exchange/status")["exchange_index_statuses"]
    assert {row["exchange_index"]: row["exchange_active"] for row in rows} == {0: False, 1: True, 2: True, 3: True}


def test_4_schedule_shows_the_next_thursday_window(bench: Any) -> None:
    """Maintenance is Thursday 03:00 to 05:00 Eastern: 07:00 UTC in summer."""
    window = bench.get("/exchange/schedule")["schedule"]["maintenance_windows"][0]

    assert window == {"start_datetime": "2026-09-24T07:00:00Z", "end_datetime": "2026-09-24T09:00:00Z"}


def test_6_grid_changes_while_open(bench: Any) -> None:
    """A finer grid is announced, served and enforced; resting orders stay."""
    order, session = bench.rest("bid", "0.4000", "1.00"), lifecycle(bench)
    assert bench.place("bid", "0.4050", "1")[0] == 400
    ranges = [{"start": "0.0000", "end": "1.0000", "step": "0.0010"}]
    bench.sim.set_grid(bench.gsw, ranges, "deci_cent")

    frame = bench.frames(session)[0]["msg"]
    assert (frame["event_type"], frame["price_ranges"]) == ("price_level_structure_updated", ranges)
    assert bench.get(f"/markets/{bench.gsw}")["market"]["price_ranges"] == ranges
    assert bench.place("bid", "0.4050", "1")[0] == 201
    assert bench.order(order)["status"] == "resting"


def test_an_old_recording_keeps_its_status(bench: Any) -> None:
    """A catalogue whose close_time has gone by stays as it says: nothing was due while the venue ran."""
    row = bench.market_row("KXOLD-1-A", "KXOLD-1", 0, close_time="2026-08-09T00:00:00Z")
    catalogue = KalshiCatalogue([], [bench.event_row("KXOLD-1", "KXOLD", 0, markets=[row])])
    sim = KalshiSim(bench.clock, random.Random(1), catalogue, [bench.alice.account])
    sim.advance()

    assert sim.customer_rest("KXOLD-1-A", "bid", bench.price("0.5"), bench.size("1"))
    assert sim.next_due() is None


def test_fee_override_is_announced(bench: Any) -> None:
    """event_fee_update carries the new override, null when it is cleared."""
    session = lifecycle(bench)
    bench.sim.set_event_fees("KXNBAGAME-26NOV19UTAGSW", "quadratic", 2)
    bench.sim.set_event_fees("KXNBAGAME-26NOV19UTAGSW", None, None)

    assert [frame["msg"]["fee_type_override"] for frame in bench.frames(session)] == ["quadratic", None]
