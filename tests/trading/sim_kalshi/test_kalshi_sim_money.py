"""Money on the simulated Kalshi: collateral, netting, fees and positions (kalshi.md 7.1, 11, 12; 14 points 3 and 8)."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

GTC = "good_till_canceled"


def test_7_1_a_bid_costs_p_and_an_ask_costs_one_minus_p(bench: Any) -> None:
    """Cash falls by cost plus the fee of the table in section 11."""
    bench.flow("ask", "0.5200", "100")
    bench.place("bid", "0.5200", "100.00")
    assert bench.cash() == 1_000_000_000 - 52_000_000 - 1_747_200

    bench.flow("bid", "0.1500", "20", bench.mlb)
    bench.place("ask", "0.1500", "20.00", ticker=bench.mlb)
    assert bench.cash(3) == 1_000_000_000 - 17_000_000 - 89_300  # MLB is charged half: 0.08925 aligned to 0.0893


def test_12_opposite_positions_net_and_release_a_dollar_a_pair(bench: Any) -> None:
    """Buying NO against YES brings 1 - price back at once and leaves the difference."""
    bench.flow("ask", "0.5000", "10")
    bench.place("bid", "0.5000", "10.00")
    bench.flow("bid", "0.6000", "30")
    before = bench.cash()
    _, body = bench.place("ask", "0.6000", "15.00")
    fee = round(float(body["average_fee_paid"]) * 15 * 1_000_000)

    assert bench.sim.account_view("alice").positions == {bench.gsw: -5_000_000}
    assert bench.cash() == before + 6_000_000 - 2_000_000 - fee
    row = bench.get("/portfolio/positions")["market_positions"][0]
    assert (row["position_fp"], row["realized_pnl_dollars"]) == ("-5.00", "1.000000")
    assert row["market_exposure_dollars"] == "2.000000"


def test_14_3_collateral_must_cover_limit_and_worst_fee(bench: Any) -> None:
    """The limit price counts, not the better price it would get; the last cent of fee decides."""
    poor = type(bench)(balances={0: 51_750_000})
    poor.flow("ask", "0.1000", "200")
    fits = poor.place("bid", "0.5000", "100.00")  # 50 + 1.75
    assert fits[0] == 201

    poorer = type(bench)(balances={0: 51_749_900})
    poorer.flow("ask", "0.1000", "200")
    assert poorer.code(poorer.place("bid", "0.5000", "100.00")) == (400, "insufficient_balance")
    assert poorer.place("bid", "0.5000", "99.00")[0] == 201


def test_14_3_resting_orders_hold_their_collateral(bench: Any) -> None:
    """balance is what is free; a cancel gives it back."""
    order = bench.rest("ask", "0.4000", "100.00")
    view = bench.sim.account_view("alice")
    assert (view.cash[0], view.reserved[0]) == (1_000_000_000, 60_000_000)
    assert bench.get("/portfolio/balance", "exchange_index=0")["balance_dollars"] == "940.0000"
    bench.call("DELETE", f"/portfolio/events/orders/{order}")

    assert bench.sim.account_view("alice").reserved[0] == 0


def test_14_3_closing_orders_hold_nothing(bench: Any) -> None:
    """An order that only closes the position needs no collateral, also with no cash left."""
    poor = type(bench)(balances={0: 51_750_000})
    poor.flow("ask", "0.5000", "100")
    assert poor.place("bid", "0.5000", "100.00")[0] == 201

    assert poor.cash() == 0
    assert poor.place("ask", "0.6000", "100.00", time_in_force=GTC)[0] == 201
    assert poor.code(poor.place("ask", "0.6000", "0.01", time_in_force=GTC)) == (400, "insufficient_balance")


def test_7_1_resting_order_that_lost_its_collateral_dies_with_margin_cancel(bench: Any) -> None:
    """When cash left the shard, the next fill makes the venue look, and the newest order goes first."""
    first, second = bench.rest("bid", "0.4000", "10.00"), bench.rest("bid", "0.3000", "10.00")
    session = bench.connect()
    bench.subscribe(session, "user_orders")
    bench.sim.accounts["alice"].cash[0] = 5_000_000
    bench.sim.customer_take(bench.gsw, "ask", bench.price("0.4"), bench.size("1"))

    told = [(frame["msg"]["order_id"], frame["msg"].get("last_update_reason")) for frame in bench.frames(session)]
    assert told == [(first, "Trade"), (second, "MarginCancel")]


def test_14_8_fee_accumulator_over_the_fills_of_one_order(bench: Any) -> None:
    """3 x 0.30 at 0.50 in one order: 0.0053, 0.0052, 0.0053, six decimals on the wire (the page's own example)."""
    for _ in range(3):
        bench.flow("ask", "0.5000", "0.30")
    bench.place("bid", "0.5000", "0.90")

    fees = [fill["fee_cost"] for fill in reversed(bench.get("/portfolio/fills")["fills"])]
    assert fees == ["0.005300", "0.005200", "0.005300"]
    assert bench.cash() % 100 == 0


def test_14_8_makers_pay_where_the_series_says_so(bench: Any) -> None:
    """quadratic_with_maker_fees at half rate charges a resting MLB order; a plain quadratic one pays nothing."""
    order = bench.rest("bid", "0.5000", "100.00", ticker=bench.mlb)
    free = bench.rest("bid", "0.5000", "100.00")
    for ticker in (bench.mlb, bench.gsw):
        bench.sim.customer_take(ticker, "ask", bench.price("0.5"), bench.size("100"))

    assert bench.order(order)["maker_fees_dollars"] == "0.218800"  # 0.21875 aligned
    assert bench.order(order)["maker_fill_cost_dollars"] == "50.000000"
    assert bench.order(free)["maker_fees_dollars"] == "0.000000"


def test_14_8_event_override_changes_the_fee(bench: Any) -> None:
    """An override beats the series from the next order on and shows on the event."""
    bench.sim.set_event_fees("KXNBAGAME-26NOV19UTAGSW", "quadratic", 0.5)
    bench.flow("ask", "0.5000", "100")
    _, body = bench.place("bid", "0.5000", "100.00")

    assert body["average_fee_paid"] == "0.008750"
    assert bench.get("/events/KXNBAGAME-26NOV19UTAGSW")["event"]["fee_multiplier_override"] == 0.5


def test_7_5_balance_per_shard_and_in_all(bench: Any) -> None:
    """Without exchange_index the balance is the sum; cents are truncated, dollars exact."""
    bench.flow("ask", "0.2800", "1")
    bench.place("bid", "0.2800", "1.00")
    whole, one = bench.get("/portfolio/balance"), bench.get("/portfolio/balance", "exchange_index=0")

    assert (one["balance"], one["balance_dollars"]) == (99_970, "999.7058")
    assert (whole["balance"], whole["balance_dollars"]) == (199_970, "1999.7058")
    assert {row["exchange_index"]: row["balance"] for row in whole["balance_breakdown"]} == {
        0: "999.7058",
        1: "0.0000",
        3: "1000.0000",
    }


def test_two_members_trade_with_each_other(bench: Any) -> None:
    """What one pays the other receives as position; together they lose only fees."""
    bench.rest("bid", "0.6000", "10.00", who=bench.bob)
    bench.place("ask", "0.6000", "10.00")
    alice, bob = bench.sim.account_view("alice"), bench.sim.account_view("bob")

    assert alice.positions[bench.gsw] == -bob.positions[bench.gsw] == -10_000_000
    spent = 4_000_000_000 - sum(alice.cash.values()) - sum(bob.cash.values())
    assert spent == 10_000_000 + alice.fees_paid + bob.fees_paid


_ACTS = st.tuples(
    st.sampled_from(["alice", "bob", "flow"]),
    st.sampled_from(["bid", "ask"]),
    st.integers(1, 99),
    st.integers(1, 4_000),
    st.sampled_from(["immediate_or_cancel", "fill_or_kill", GTC]),
    st.sampled_from(["taker_at_cross", "maker"]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(_ACTS, max_size=25), st.sampled_from(["yes", "no"]))
def test_laws_of_money(make_bench: Any, acts: list[tuple[str, str, int, int, str, str]], result: str) -> None:
    """Whatever is traded: cash = start - open cost + realized - fees, free cash stays, fills sum to orders, payout is once."""
    bench = make_bench()
    for who, side, price, count, tif, stp in acts:
        money, size = f"0.{price:02d}00", f"{count // 100}.{count % 100:02d}"
        if who == "flow":
            bench.flow(side, money, size)
        else:
            member = bench.alice if who == "alice" else bench.bob
            bench.place(side, money, size, who=member, time_in_force=tif, self_trade_prevention_type=stp)
        assert all(bench.sim.accounts[name].free(0) >= -10_000 for name in ("alice", "bob"))
    for name in ("alice", "bob"):
        account = bench.sim.accounts[name]
        for record in account.orders.values():
            assert record.filled == sum(fill.size for fill in account.fills if fill.record is record)
            assert record.taker_fees + record.maker_fees == sum(fill.fee for fill in account.fills if fill.record is record)
        row = account.positions.get(bench.gsw)
        basis = row.basis if row else 0
        view = account.view()
        assert view.cash[0] == 1_000_000_000 - basis + view.realized - view.fees_paid
    bench.sim.determine(bench.gsw, result)
    bench.sim.settle(bench.gsw)
    for name in ("alice", "bob"):
        view = bench.sim.account_view(name)
        assert view.positions == {} and view.reserved[0] == 0
        assert view.cash[0] == 1_000_000_000 + view.realized - view.fees_paid
