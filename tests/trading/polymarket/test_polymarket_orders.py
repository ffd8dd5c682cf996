"""Orders: what is prepared and signed, and what each answer means."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polymarket_rows import ACCOUNT, NO, WALLET, YES, answer, leg, order, taken

from trading.errors import Rejected, UnknownOutcome
from trading.market import Action, MarketId, Outcome
from trading.order import LegRequest, Tif
from trading.polymarket.orders import body_of, retry_after
from trading.units import parse_size

# ---- prepare and sign ------------------------------------------------------------------------------------------------------


def test_taker_buy_is_sized_in_cash_floored_to_the_cent() -> None:
    """FAK BUY 50.55 at 0.27 spends $13.64 (floor of 13.6485) and asks for what that buys at the limit."""
    put = order(leg(limit="0.27", size="50.559"))

    assert (put.fields["maker_amount"], put.fields["taker_amount"]) == (13_640_000, 50_518_500)
    assert (put.fields["side"], put.fields["order_type"], put.fields["token"]) == ("BUY", "FAK", YES)


def test_sells_and_resting_orders_are_sized_in_shares() -> None:
    """SELL gives shares for pUSD; a GTC BUY fixes its shares too; NO is the second token; FOK keeps its name."""
    sell = order(leg(action=Action.SELL, outcome=Outcome.NO, limit="0.44", size="8.765", tif=Tif.FOK))
    rest = order(leg(limit="0.62", size="50", tif=Tif.GTC, post_only=True))

    assert (sell.fields["maker_amount"], sell.fields["taker_amount"], sell.fields["token"]) == (8_760_000, 3_854_400, NO)
    assert (sell.fields["order_type"], sell.fields["side"]) == ("FOK", "SELL")
    assert (rest.fields["maker_amount"], rest.fields["taker_amount"], rest.fields["post_only"]) == (
        31_000_000,
        50_000_000,
        True,
    )


def test_order_id_and_signature_agree_with_the_body() -> None:
    """The body carries exactly what was hashed; key order and spacing are fixed; the id is known before signing."""
    put = order()
    body = body_of(put, ACCOUNT, "key-uuid")
    row = json.loads(body)
    signer = ACCOUNT.order_signer("v1", False)
    again = signer.struct_hash(12345, YES, 28_000_000, 50_000_000, "BUY", 1_790_000_000_456)

    assert body == json.dumps(row, separators=(",", ":")).encode()
    assert row["owner"] == "key-uuid"
    assert (row["orderType"], row["deferExec"], row["postOnly"]) == ("FAK", False, False)
    assert row["order"] == {
        "salt": 12345,
        "maker": WALLET,
        "signer": WALLET,
        "tokenId": YES,
        "makerAmount": "28000000",
        "takerAmount": "50000000",
        "side": "BUY",
        "expiration": "0",
        "signatureType": 3,
        "timestamp": "1790000000456",
        "metadata": "0x" + "00" * 32,
        "builder": "0x" + "00" * 32,
        "signature": signer.signature(again),
    }
    assert put.venue_order_id == signer.order_id(again)


@pytest.mark.parametrize(
    ("bad_leg", "changes", "code", "words"),
    [
        (leg(limit="0.565"), {}, "off_tick", "0xcc: price 0.5650 is off the grid of 0.0100"),
        (leg(limit="0.56", size="1.7"), {}, "below_one_dollar", r"\$0.95 is below the \$1"),
        (leg(size="0.009"), {}, "below_minimum", "0.009 is below 0.01"),
        (leg(post_only=True), {}, "post_only", "FAK"),
        (leg(), {"version": "v9"}, "unknown_version", "'v9'"),
        (leg(purpose="unwind"), {"version": ""}, "unknown_version", "neither"),
        (leg(), {"tradable": False}, "not_tradable", "watch only"),
        (leg(), {"fees": None}, "not_tradable", "watch only"),
        (leg(), {"status": "closed"}, "market_closed", "closed"),
        (leg(), {"id": MarketId("0xdd")}, "wrong_market", "0xdd"),
        (leg(), {"grid": ()}, "off_tick", "unknown"),
    ],
)
def test_orders_outside_the_rules_are_rejected_by_name(
    bad_leg: LegRequest, changes: dict[str, Any], code: str, words: str
) -> None:
    """Grid, minimums, version and terms are checked before anything is signed; the text names market, value and rule."""
    with pytest.raises(Rejected, match=words) as caught:
        order(bad_leg, **changes)
    assert caught.value.code == code


def test_reductions_are_not_refused_for_terms_or_small_sells() -> None:
    """An exit goes out although the fees are unreadable, and a SELL below $1 is the venue's to judge."""
    exit_leg = leg(action=Action.SELL, limit="0.01", size="5", purpose="unwind")

    assert order(exit_leg, tradable=False, fees=None).fields["fee_taker"] == 70_000_000


# ---- answers ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("making", "taking"), [("25", "44.6428"), ("25.00", "44.6428"), ("25000000", "44642800")])
def test_matched_amounts_are_read_in_both_unit_forms(making: str, taking: str) -> None:
    """Decimals and 6-decimal integers mean the same; the fee estimate is the formula at the average price."""
    put = order()
    result = answer(put, body=taken(put, making, taking))

    assert (result.state, result.filled, result.cost) == ("partial", 44_642_800, 25_000_000)
    assert result.fee == 550_000
    assert [(f.status, f.fee_is_final, f.price) for f in result.fills] == [("provisional", False, 5601)]
    assert not result.settled
    assert result.venue_order_id == put.venue_order_id


def test_fill_of_the_whole_cash_is_filled_even_when_it_delivers_more() -> None:
    """A BUY is filled when its pUSD is spent, with over-delivery under price improvement; a cent of dust does not matter."""
    put = order()

    assert answer(put, body=taken(put, "28", "56")).state == "filled"
    assert answer(put, body=taken(put, "28", "56")).filled == parse_size("56")
    assert answer(put, body=taken(put, "27.996", "50")).state == "filled"
    assert answer(put, body=taken(put, "27.9", "50")).state == "partial"


def test_sells_receive_cash() -> None:
    """A SELL's cost is negative: what came in, before the fee."""
    put = order(leg(action=Action.SELL, limit="0.44", size="8.76"))
    result = answer(put, body=taken(put, "8.76", "3.942"))

    assert (result.state, result.filled, result.cost) == ("filled", 8_760_000, -3_942_000)


@pytest.mark.parametrize(
    ("status", "tif", "state"),
    [
        ("live", Tif.IOC, "resting"),
        ("unmatched", Tif.GTC, "resting"),
        ("delayed", Tif.IOC, "held"),
        ("LIVE", Tif.GTC, "resting"),
    ],
)
def test_accepted_orders_without_fill(status: str, tif: Tif, state: str) -> None:
    """live and unmatched rest, delayed is held: in flight, never failed (B-425)."""
    put = order(leg(tif=tif))
    result = answer(put, body=taken(put, "", "", status=status, tradeIDs=[]))

    assert (result.state, result.filled) == (state, 0)
    assert not result.final


def test_part_of_a_resting_order_goes_on_resting() -> None:
    """A GTC that matched in part is on the book with the rest."""
    put = order(leg(limit="0.56", size="50", tif=Tif.GTC))

    assert answer(put, body=taken(put, "14", "25")).state == "resting"


REFUSALS = [
    (400, "no orders found to match with FAK order. FAK orders are partially filled or killed", "none", "fak_no_match"),
    (400, "order couldn't be fully filled. FOK orders are fully filled or killed.", "none", "fok_killed"),
    (400, "Invalid order payload", "rejected", "invalid_payload"),
    (400, "the order owner has to be the owner of the API KEY", "rejected", "wrong_owner"),
    (400, "the order signer address has to be the address of the API KEY", "rejected", "wrong_signer"),
    (400, "'0xab' address banned", "rejected", "banned"),
    (400, "'0xab' address in closed only mode", "rejected", "closed_only"),
    (400, "maker address not allowed, please use the deposit wallet flow", "rejected", "wallet_not_allowed"),
    (400, "order 0x1 is invalid. Price (0.565) breaks minimum tick size rule: 0.01", "rejected", "off_tick"),
    (400, "order 0x1 is invalid. Size (1) lower than the minimum: 5", "rejected", "below_minimum"),
    (400, "invalid amount for a marketable BUY order ($0.5), min size: $1", "rejected", "below_one_dollar"),
    (400, "not enough balance / allowance: the allowance is not enough", "rejected", "no_balance"),
    (400, "invalid expiration", "rejected", "invalid_expiration"),
    (400, "the market is not yet ready to process new orders", "rejected", "market_not_ready"),
    (400, "Too many orders in payload: 16, max allowed: 15", "rejected", "too_many_orders"),
    (400, "invalid signature", "rejected", "invalid_signature"),
    (400, "order_version_mismatch", "rejected", "order_version_mismatch"),
    (400, "invalid post-only order: order crosses book", "rejected", "post_only_crosses"),
    (400, "something new", "rejected", "refused"),
    (401, "Unauthorized/Invalid api key", "rejected", "unauthorized"),
    (403, "Trading restricted in your region", "rejected", "geoblocked"),
    (404, "not found", "rejected", "not_found"),
    (425, "engine restarting", "rejected", "engine_restarting"),
    (429, "slow down", "rejected", "throttled"),
    (503, "Trading is currently disabled. Check polymarket.com for updates", "rejected", "trading_disabled"),
    (503, "exchange is in cancel-only mode", "rejected", "cancel_only_mode"),
    (503, "post-only mode: only post-only orders and cancels are allowed", "rejected", "post_only_mode"),
]


@pytest.mark.parametrize(("status", "text", "state", "code"), REFUSALS)
def test_definite_refusals(status: int, text: str, state: str, code: str) -> None:
    """Every refusal of polymarket.md 7.4 and 7.5 is a definite result with its code and the venue's words."""
    result = answer(order(), status, {"error": text})

    assert (result.state, result.code, result.filled) == (state, code, 0)
    assert text in result.detail
    assert result.final


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"error": "order timed out"}),
        (500, {"error": "could not insert order"}),
        (500, {"error": "there are no matching orders"}),
        (500, {"error": "the trade contains rounding issues"}),
        (502, b"<html>bad gateway</html>"),
        (503, {"error": "upstream unavailable"}),
        (504, b""),
        (408, b""),
        (302, b""),
        (400, {"error": "order 0x1 is invalid. Duplicated."}),
        (400, {"error": "order match delayed due to market conditions"}),
        (200, b"garbage"),
        (200, b""),
        (200, []),
        (200, {"success": True, "errorMsg": "", "orderID": "", "status": "live"}),
        (200, {"success": False, "errorMsg": "", "orderID": "0x1", "status": "live"}),
        (200, {"success": True, "errorMsg": "odd words", "orderID": "0x1", "status": "live"}),
        (200, {"success": True, "errorMsg": "", "orderID": "0x1", "status": "brand new"}),
        (200, {"success": True, "errorMsg": "", "orderID": "0x1", "status": "matched", "makingAmount": "", "takingAmount": ""}),
        (200, {"success": True, "orderID": "0x1", "status": "matched", "makingAmount": "90", "takingAmount": "100"}),
        (200, {"success": True, "orderID": "0x1", "status": "matched", "makingAmount": "20", "takingAmount": "10"}),
        (200, {"success": True, "orderID": "0x1", "status": "matched", "makingAmount": "NaN", "takingAmount": "10"}),
    ],
)
def test_doubtful_answers_are_unknown(status: int, body: Any) -> None:
    """Where an order may exist the outcome is unknown: looked up by id, never taken for a no (B-093)."""
    with pytest.raises(UnknownOutcome):
        answer(order(), status, body)


def test_refusals_inside_a_success_are_refusals() -> None:
    """success true with an errorMsg and no order id is a no; kill texts are a free miss."""
    killed = {"success": True, "errorMsg": "no orders found to match with FAK order", "orderID": "0x1", "status": ""}

    assert answer(order(), body={"success": True, "errorMsg": "invalid signature", "orderID": ""}).state == "rejected"
    assert answer(order(), body=killed).state == "none"


def test_throttled_and_closed_modes_tell_the_wait() -> None:
    """Retry-After or the body's retry_after_seconds stands in the detail."""
    limited = answer(order(), 429, {"error": "too many"}, {"retry-after": "2"})
    closed = answer(order(), 503, {"error": "post-only mode", "code": "post_only_mode", "retry_after_seconds": 79})

    assert "retry after 2 s" in limited.detail
    assert "retry after 79 s" in closed.detail


def test_the_venues_own_order_id_wins() -> None:
    """Should a wallet's order id not be the digest, the venue's name is the one to look up (polymarket.md 16.12)."""
    put = order()

    assert answer(put, body=taken(put, "28", "50", orderID="0xother")).venue_order_id == "0xother"


@settings(max_examples=100)
@given(status=st.integers(200, 599), body=st.binary(max_size=60) | st.dictionaries(st.text(max_size=12), st.text(max_size=12)))
def test_any_answer_is_a_result_or_an_unknown(status: int, body: Any) -> None:
    """Nothing else than UnknownOutcome is ever raised, and no fill is invented."""
    try:
        result = answer(order(), status, body)
    except UnknownOutcome:
        return
    assert result.state in ("rejected", "none")


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, None, 7),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, None, 30),
        ({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, None, 0),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT"}, {"retry_after_seconds": 9}, 9),
        ({"retry-after": "soon", "date": "now"}, None, None),
        ({"retry-after": "-3"}, None, None),
        ({"retry-after": "nan"}, [], None),
        ({}, {"retry_after_seconds": 79}, 79),
    ],
)
def test_wait_is_read_in_every_form(headers: dict[str, str], body: Any, seconds: float | None) -> None:
    """Seconds, or a date held against the answer's own Date; the body's figure stands in where the header says nothing."""
    assert retry_after(headers, body) == seconds
