"""V2 orders: the translation table, the checks before sending, and what each answer means (kalshi.md 3, 7)."""

import json
from typing import Any

import pytest
from fakes import reply
from kalshi_rows import make_leg, make_market

from trading.errors import Misuse, Rejected, UnknownOutcome
from trading.kalshi.orders import prepare_order, read_create, result_of_order
from trading.kalshi.wire import FillRow, OrderRow, error_of
from trading.market import Action, Outcome
from trading.order import LegResult, Tif
from trading.venue import Prepared

YES, NO, BUY, SELL = Outcome.YES, Outcome.NO, Action.BUY, Action.SELL


def prepared(**leg: Any) -> Prepared:
    return prepare_order(make_leg(**leg), make_market())


@pytest.mark.parametrize(
    ("outcome", "action", "limit", "side", "price"),
    [
        (YES, BUY, 5_600, "bid", "0.5600"),
        (NO, SELL, 4_400, "bid", "0.5600"),
        (NO, BUY, 4_400, "ask", "0.5600"),
        (YES, SELL, 5_600, "ask", "0.5600"),
    ],
)
def test_translation_table(outcome: Outcome, action: Action, limit: int, side: str, price: str) -> None:
    """B-172: all four wants become bid or ask at the YES price (kalshi.md 7.1)."""
    fields = prepared(outcome=outcome, action=action, limit=limit).fields

    assert (fields["side"], fields["price"]) == (side, price)


@pytest.mark.parametrize(
    ("tif", "word"),
    [(Tif.IOC, "immediate_or_cancel"), (Tif.FOK, "fill_or_kill"), (Tif.GTC, "good_till_canceled")],
)
def test_body_holds_exactly_the_v2_fields(tif: Tif, word: str) -> None:
    """The body names ticker, our id, side, count, price, tif, self-trade rule and the market's own shard; nothing else."""
    order = prepared(tif=tif, size=12_340_000)

    assert dict(order.fields) == {
        "ticker": "KXNBAGAME-26NOV19UTAGSW-GSW",
        "client_order_id": order.client_order_id,
        "side": "bid",
        "count": "12.34",
        "price": "0.5600",
        "time_in_force": word,
        "self_trade_prevention_type": "taker_at_cross",
        "exchange_index": 3,
    }
    assert order.client_order_id.startswith("arb")
    assert order.venue_order_id is None


def test_post_only_is_sent_for_resting_orders_only() -> None:
    """post_only is a field of a GTC order and a refusal on any other."""
    assert prepared(tif=Tif.GTC, post_only=True).fields["post_only"] is True
    with pytest.raises(Rejected, match="post_only"):
        prepared(tif=Tif.IOC, post_only=True)


@pytest.mark.parametrize(
    ("leg", "code"),
    [
        ({"limit": 5_650}, "off_grid"),
        ({"limit": 0}, "invalid_price"),
        ({"limit": 10_000}, "invalid_price"),
        ({"size": 9_999}, "below_min_size"),
        ({"size": 15_000}, "off_size_step"),
    ],
)
def test_orders_the_venue_would_refuse_are_refused_here(leg: dict[str, int], code: str) -> None:
    """Grid, price range, smallest size and step are checked, and the message names the market."""
    with pytest.raises(Rejected, match="KXNBAGAME-26NOV19UTAGSW-GSW") as error:
        prepared(**leg)

    assert error.value.code == code


def test_off_grid_message_names_value_and_rule() -> None:
    """The reader sees the price and the grid."""
    with pytest.raises(Rejected, match=r"0\.5650 is off the grid .*0\.0100 in 0\.0000\.\.1\.0000"):
        prepared(limit=5_650)


def test_no_limit_is_checked_on_the_yes_grid() -> None:
    """A NO price goes to the venue as its complement, so that is what must be on the grid."""
    ranges = [{"start": "0.0000", "end": "0.1000", "step": "0.0010"}, {"start": "0.1000", "end": "1.0000", "step": "0.0100"}]
    market = make_market(price_ranges=ranges)

    assert prepare_order(make_leg(NO, BUY, 9_950), market).fields["price"] == "0.0050"
    with pytest.raises(Rejected, match="off the grid"):
        prepare_order(make_leg(NO, BUY, 50), market)


def test_watch_only_market_takes_no_new_exposure_but_lets_us_out() -> None:
    """Unknown fee terms stop openings, never an unwind; a missing grid stops both."""
    market = make_market(fee_waiver_expiration_time=None, status="brand_new")

    with pytest.raises(Rejected, match="watch only"):
        prepare_order(make_leg(), market)
    assert prepare_order(make_leg(action=SELL, purpose="unwind"), market).fields["side"] == "ask"
    with pytest.raises(Rejected, match="price_ranges"):
        prepare_order(make_leg(purpose="unwind"), make_market(price_ranges=None))


def test_leg_of_another_market_is_our_own_bug() -> None:
    """Misuse, not Rejected: the venue was never asked."""
    with pytest.raises(Misuse):
        prepare_order(make_leg(market="KXOTHER-1"), make_market())


def accepted(order: Prepared, fill: str, remaining: str = "0.00", **more: Any) -> LegResult:
    body = {
        "order_id": "o-1",
        "client_order_id": order.client_order_id,
        "fill_count": fill,
        "remaining_count": remaining,
        "ts_ms": 1715793600123,
        **more,
    }
    result = read_create(order, reply(201, body))
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("tif", "fill", "remaining", "state"),
    [
        (Tif.IOC, "10.00", "0.00", "filled"),
        (Tif.IOC, "4.00", "0.00", "partial"),
        (Tif.IOC, "0.00", "0.00", "none"),
        (Tif.FOK, "10.00", "0.00", "filled"),
        (Tif.GTC, "10.00", "0.00", "filled"),
        (Tif.GTC, "4.00", "6.00", "resting"),
        (Tif.GTC, "0.00", "10.00", "resting"),
        (Tif.GTC, "4.00", "0.00", "partial"),
        (Tif.GTC, "0.00", "0.00", "none"),
    ],
)
def test_outcome_table(tif: Tif, fill: str, remaining: str, state: str) -> None:
    """201 by fill_count and remaining_count (kalshi.md 7.2); the venue's order id is kept."""
    result = accepted(prepared(tif=tif), fill, remaining, average_fill_price="0.5500", average_fee_paid="0.0174")

    assert (result.state, result.venue_order_id) == (state, "o-1")
    assert result.filled == round(float(fill) * 1_000_000)


@pytest.mark.parametrize(
    ("outcome", "action", "limit", "average", "cost"),
    [
        (YES, BUY, 5_600, "0.5512", 5_512_000),
        (NO, BUY, 4_400, "0.5700", 4_300_000),
        (YES, SELL, 5_600, "0.5750", -5_750_000),
        (NO, SELL, 4_400, "0.5500", -4_500_000),
        (YES, BUY, 5_600, "0.9900", 5_600_000),
        (NO, BUY, 4_400, None, 4_400_000),
    ],
)
def test_provisional_cost_reads_the_average_on_the_yes_leg(
    outcome: Outcome, action: Action, limit: int, average: str | None, cost: int
) -> None:
    """Cost is in the traded outcome, negative when selling; an absent or implausible average means the limit."""
    result = accepted(
        prepared(outcome=outcome, action=action, limit=limit), "10.00", average_fill_price=average, average_fee_paid="0.0174"
    )

    assert (result.cost, result.fee) == (cost, 174_000)


def test_answer_to_create_is_final_but_not_settled() -> None:
    """Averages are estimates: no fills are claimed, so settled waits for the venue's fills; a none is settled at once."""
    order = prepared()

    assert accepted(order, "10.00", average_fill_price="0.55", average_fee_paid="0.01").settled is False
    assert accepted(order, "0.00").settled is True


def test_missing_fee_is_estimated_at_the_usual_rate() -> None:
    """0.07 x 10 x 0.56 x 0.44 = 0.17248, aligned to $0.0001."""
    assert accepted(prepared(), "10.00").fee == 172_500


@pytest.mark.parametrize(
    ("status", "body", "state", "code"),
    [
        (400, {"error": {"code": "invalid_order", "message": "invalid order"}}, "rejected", "invalid_order"),
        (400, {"error": {"code": "invalid_parameters", "message": "m"}}, "rejected", "invalid_parameters"),
        (400, {"error": {"code": "insufficient_balance", "message": "m"}}, "rejected", "insufficient_balance"),
        (400, {"code": "invalid_price", "message": "m", "details": "d"}, "rejected", "invalid_price"),
        (401, {"error": {"code": "header_timestamp_expired", "message": "m"}}, "rejected", "header_timestamp_expired"),
        (403, {"error": {"code": "forbidden", "message": "m"}}, "rejected", "forbidden"),
        (404, {"error": {"code": "market_not_found", "message": "m"}}, "rejected", "market_not_found"),
        (404, {"error": {"code": "user_not_found", "message": "m"}}, "rejected", "user_not_found"),
        (404, b"<html>", "rejected", "http_404"),
        (409, {"error": {"code": "fill_or_kill_insufficient_resting_volume", "message": "m"}}, "none", None),
        (409, {"error": {"code": "immediate_or_cancel_insufficient_resting_volume", "message": "m"}}, "none", None),
        (410, {"error": {"code": "gone", "message": "m"}}, "rejected", "gone"),
        (429, {"error": "too many requests"}, "rejected", "throttled"),
        (200, {"error": {"code": "deprecated_v1_order_endpoint", "message": "m"}}, "rejected", "deprecated_v1_order_endpoint"),
        (201, {"error": "too many requests"}, "rejected", "throttled"),
        (400, {"error": {"code": "trading_is_paused", "message": "m"}}, "rejected", "trading_is_paused"),
        (400, {"error": {"code": "exchange_is_paused", "message": "m"}}, "rejected", "exchange_is_paused"),
        (400, {"error": {"code": "MARKET_INACTIVE", "message": "m"}}, "rejected", "MARKET_INACTIVE"),
    ],
)
def test_every_error_row_has_its_state(status: int, body: Any, state: str, code: str | None) -> None:
    """A definite no is a result with the venue's own code; a killed FOK or IOC is "none", never an error."""
    result = read_create(prepared(tif=Tif.FOK), reply(status, body))

    assert result is not None
    assert result.state == state
    assert code is None or result.code == code


def test_duplicate_id_is_neither_yes_nor_no() -> None:
    """409 order_already_exists: read_create says "look it up"."""
    body = {"error": {"code": "order_already_exists", "message": "m"}}

    assert read_create(prepared(), reply(409, body)) is None


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 302, 100])
def test_no_definite_answer_is_unknown(status: int) -> None:
    """5xx, timeouts and redirects leave the order in doubt, even with a code in the body."""
    with pytest.raises(UnknownOutcome):
        read_create(prepared(), reply(status, {"error": {"code": "exchange_is_paused", "message": "m"}}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        {"order_id": "o"},
        {"order_id": "", "fill_count": "0.00", "remaining_count": "0.00"},
        {"order_id": "o", "fill_count": "-1.00", "remaining_count": "0.00"},
        {"order_id": "o", "fill_count": "11.00", "remaining_count": "0.00"},
        {"order_id": "o", "fill_count": "1.00", "remaining_count": "9.00"},
        {"order_id": "o", "fill_count": "x", "remaining_count": "0.00"},
        {"order_id": "o", "fill_count": "1.00", "remaining_count": "0.00", "client_order_id": "arbother"},
    ],
)
def test_answer_that_does_not_fit_is_unknown(body: Any) -> None:
    """Garbage, impossible counts, an IOC that rests and the echo of another order: look it up (kalshi.md 13)."""
    with pytest.raises(UnknownOutcome):
        read_create(prepared(), reply(201, body))


def test_conflict_without_a_code_is_unknown() -> None:
    """It might be a duplicate."""
    with pytest.raises(UnknownOutcome):
        read_create(prepared(), reply(409, b""))


def order_row(status: str, filled: str, **more: Any) -> OrderRow:
    return OrderRow(order_id="o-1", status=status, fill_count_fp=filled, remaining_count_fp="0.00", **more)


def fill_row(number: int, count: str, price: str, fee: str | None) -> FillRow:
    return FillRow(
        order_id="o-1",
        count_fp=count,
        yes_price_dollars=price,
        is_taker=True,
        fill_id=f"f-{number}",
        fee_cost=fee,
        created_time="2026-11-20T01:02:03.5Z",
    )


def test_order_and_fills_are_exact_to_the_unit() -> None:
    """NO bought at 1 - YES price: cost, fee, price and time of every fill are the venue's own, and the result is settled."""
    order = prepared(outcome=NO, limit=4_400, size=2_270_000)
    fills = [fill_row(1, "2.00", "0.5700", "0.034300"), fill_row(2, "0.27", "0.5600", "0.004700")]

    result = result_of_order(order, order_row("executed", "2.27"), fills)

    assert (result.state, result.filled, result.cost, result.fee) == ("filled", 2_270_000, 860_000 + 118_800, 39_000)
    assert [(fill.id, fill.price, fill.cost, fill.fee_is_final) for fill in result.fills] == [
        ("f-1", 4_300, 860_000, True),
        ("f-2", 4_400, 118_800, True),
    ]
    assert result.fills[0].at == 1_795_136_523_500_000_000
    assert (result.settled, result.detail) == (True, "")


def test_status_canceled_says_nothing_about_fills() -> None:
    """An IOC that filled in part reads canceled; only fill_count counts (kalshi.md 7.2)."""
    order = prepared()

    part = result_of_order(order, order_row("canceled", "4.00"), [fill_row(1, "4.00", "0.5500", "0.0693")])
    none = result_of_order(order, order_row("canceled", "0.00"), [])

    assert (part.state, part.filled, part.settled) == ("partial", 4_000_000, True)
    assert (none.state, none.settled) == ("none", True)


def test_missing_fills_are_booked_at_the_limit_and_not_settled() -> None:
    """Reads lag writes: the unseen part costs the limit and the usual fee until its fill shows."""
    result = result_of_order(prepared(), order_row("executed", "10.00"), [fill_row(1, "4.00", "0.5500", "0.069300")])

    assert (result.state, result.cost, result.settled) == ("filled", 4 * 550_000 + 6 * 560_000, False)
    assert result.fee > 69_300


def test_fill_without_fee_is_not_final() -> None:
    """fee_cost absent: the fee is not invented."""
    result = result_of_order(prepared(), order_row("executed", "10.00"), [fill_row(1, "10.00", "0.5500", None)])

    assert (result.fills[0].fee_is_final, result.settled) == (False, False)


@pytest.mark.parametrize(("status", "state"), [("resting", "resting"), ("unknown", "unknown"), ("pending", "unknown")])
def test_open_statuses_stay_open(status: str, state: str) -> None:
    """A word we do not know is no end."""
    assert result_of_order(prepared(tif=Tif.GTC), order_row(status, "0.00"), []).state == state


def test_order_totals_are_a_cross_check() -> None:
    """Totals that match either leg pass; others are told in detail while the fills stay the truth."""
    order, fills = prepared(outcome=NO, limit=4_400), [fill_row(1, "10.00", "0.5700", "0.171600")]
    zero = {"maker_fill_cost_dollars": "0.000000", "maker_fees_dollars": "0.000000"}

    def check(cost: str, fee: str) -> str:
        row = order_row("executed", "10.00", taker_fill_cost_dollars=cost, taker_fees_dollars=fee, **zero)
        return result_of_order(order, row, fills).detail

    assert check("4.300000", "0.171600") == ""
    assert check("5.700000", "0.171600") == ""
    assert "cost 9" in check("9.000000", "0.171600")
    assert "fees 1" in check("4.300000", "1.000000")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"code": "c", "message": "m", "details": "d"}, ("c", "m: d")),
        ({"error": {"code": "c", "message": "m"}}, ("c", "m")),
        ({"error": "too many requests"}, ("too_many_requests", "too many requests")),
        ({"error": {}}, ("error", "")),
        ({"order_id": "x"}, None),
        ([1], None),
    ],
)
def test_error_bodies_have_three_shapes(body: Any, expected: tuple[str, str] | None) -> None:
    """Flat, nested and bare string (kalshi.md 3)."""
    assert error_of(json.dumps(body).encode()) == expected
