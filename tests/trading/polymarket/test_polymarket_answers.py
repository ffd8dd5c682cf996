"""The whole table of answers: HTTP status x text x order status x trade status, each to exactly one class or state.

Section 7 of the venue page is the source; where that page stands beside the checkout, every text it quotes is walked.
"""

import json
import re
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from polymarket_rows import answer, leg, order, taken, trade

from trading.errors import (
    AuthFailed,
    BadAnswer,
    ModeClosed,
    Rejected,
    Throttled,
    UnknownOutcome,
    Unreachable,
    VenueError,
)
from trading.http import Response
from trading.order import FINAL, FillStatus, LegState, Tif
from trading.polymarket import orders
from trading.polymarket.explain import codes, explained, sentence
from trading.polymarket.rest import error_for
from trading.polymarket.statuses import ORDER_WORDS, TRADE_WORDS, cancel_code, fill_status, order_phase, trade_rank
from trading.polymarket.trades import OrderState, found

PAGE = Path(__file__).resolve().parents[3] / ".." / "shared" / "reference" / "polymarket.md"

TEXTS = {
    "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.": "fak_no_match",
    "order couldn't be fully filled. FOK orders are fully filled or killed.": "fok_killed",
    "Invalid order payload": "invalid_payload",
    "the order owner has to be the owner of the API KEY": "wrong_owner",
    "the order signer address has to be the address of the API KEY": "wrong_signer",
    "'0xab' address banned": "banned",
    "'0xab' address in closed only mode": "closed_only",
    "maker address not allowed, please use the deposit wallet flow": "wallet_not_allowed",
    "order 0x1 is invalid. Price (0.5) breaks minimum tick size rule: 0.1": "off_tick",
    "order 0x1 is invalid. Size (1) lower than the minimum: 5": "below_minimum",
    "order 0x1 is invalid. Duplicated.": "duplicated",
    "invalid amount for a marketable BUY order ($0.5), min size: $1": "below_one_dollar",
    "not enough balance / allowance": "no_balance",
    "not enough balance / allowance: balance is 0": "no_balance",
    "invalid expiration": "invalid_expiration",
    "order match delayed due to market conditions": "match_delayed",
    "the market is not yet ready to process new orders": "market_not_ready",
    "Too many orders in payload: 16, max allowed: 15": "too_many_orders",
    "invalid signature": "invalid_signature",
    "order_version_mismatch": "order_version_mismatch",
    "invalid post-only order: order crosses book": "post_only_crosses",
    "something nobody has seen": "refused",
}
STATUSES = (400, 401, 403, 404, 408, 409, 422, 425, 429, 500, 502, 503, 504, 302)
MODES = {
    "post-only mode: only post-only orders and cancels are allowed": "post_only_mode",
    "Trading is currently cancel-only.": "cancel_only_mode",
    "Trading is currently disabled. Check polymarket.com for updates": "trading_disabled",
}


def expected(status: int, text: str) -> str:
    """The state an order is in after this answer; the rule of 7.4 in five lines."""
    code = TEXTS.get(text) or MODES.get(text, "refused")
    if status in (302, 408) or code in ("duplicated", "match_delayed"):
        return "unknown"
    if status >= 500:
        return "rejected" if status == 503 and text in MODES else "unknown"
    return "none" if code in ("fak_no_match", "fok_killed") and status not in (425, 429) else "rejected"


@pytest.mark.parametrize(("status", "text"), list(product(STATUSES, [*TEXTS, *MODES])))
def test_every_refusal_of_an_order_has_one_meaning(status: int, text: str) -> None:
    """A definite no, a free miss, or UnknownOutcome: never a fill, never anything else."""
    put = order()
    if expected(status, text) == "unknown":
        with pytest.raises(UnknownOutcome):
            answer(put, status, {"error": text})
        return
    result = explained(put, answer(put, status, {"error": text}))

    assert result.state == expected(status, text)
    assert (result.filled, result.fills) == (0, ())
    assert result.detail.startswith("0xcc: BUY 50 YES at 0.5600 FAK: ")
    assert text in result.detail


READS: dict[int, type[VenueError]] = {
    302: BadAnswer,
    400: Rejected,
    401: AuthFailed,
    403: AuthFailed,
    404: Rejected,
    408: Rejected,
    409: Rejected,
    422: Rejected,
    425: ModeClosed,
    429: Throttled,
    500: Unreachable,
    502: Unreachable,
    503: Unreachable,
    504: Unreachable,
}


@pytest.mark.parametrize(("status", "text"), list(product(STATUSES, [*TEXTS, *MODES])))
def test_every_refusal_of_a_read_is_one_class(status: int, text: str) -> None:
    """A read that failed may be repeated or not by its class alone; 503 with a mode's text is the mode."""
    error = error_for(Response(status, {"retry-after": "7"}, json.dumps({"error": text}).encode()))
    mode = status == 503 and text in MODES

    assert type(error) is (ModeClosed if mode else READS[status])
    if isinstance(error, Throttled | ModeClosed):
        assert error.retry_after == 7


@pytest.mark.parametrize(
    "text",
    ["order timed out", "could not insert order", "there are no matching orders", "the trade contains rounding issues"],
)
def test_an_engine_failure_settles_nothing_as_the_reason_of_a_leg_either(text: str) -> None:
    """A batch tells it as success with errorMsg where a single order gets a 500 (polymarket.md 7.1, 7.4): look it up."""
    put = order()

    with pytest.raises(UnknownOutcome):
        answer(put, 200, {"success": True, "errorMsg": text, "orderID": "", "status": ""})
    with pytest.raises(UnknownOutcome):
        answer(put, 500, {"error": text})


def test_every_text_the_page_quotes_is_known() -> None:
    """Nothing in 7.4 or 7.5 falls through to "refused" but what stands here by name."""
    if not PAGE.is_file():
        pytest.skip("the venue page does not stand beside this checkout")
    section = PAGE.read_text(encoding="utf-8").split("### 7.4")[1].split("### 7.5")[0]
    quoted = [text for text in re.findall(r"`([^`]+)`", section.split("401 ")[0]) if not text.startswith("{")]
    unknown = {text for text in quoted if orders.refusal_code(text) == "refused"}

    assert len(quoted) > 15
    assert unknown <= {": the allowance is not enough …", "balance is 0", "/version"}


def test_every_code_has_its_sentence() -> None:
    """What orders.py can call a refusal is explained, except the two that are doubts."""
    named = {code for _, code in orders._TEXTS} | {"unauthorized", "forbidden", "not_found", "engine_restarting", "throttled"}
    put = order()

    assert named - codes() == {"duplicated", "match_delayed"}
    for code in codes():
        assert re.match(r"0xcc: BUY 50 YES at 0\.5600 FAK: .+; .+ \(venue: words\)$", sentence(put, code, " words "))


def test_results_that_are_no_refusals_are_left_alone() -> None:
    put = order()
    for result in (
        answer(put, body=taken(put)),
        answer(put, body=taken(put, "", "", status="delayed")),
        orders.leg_result(put, "none", "our_own_code", "words"),
    ):
        assert explained(put, result) is result


# ---- order and trade statuses ----------------------------------------------------------------------------------------------

ORDERS = [
    *ORDER_WORDS,
    "CANCELED",
    "CANCELED_MARKET_RESOLVED",
    "CANCELED_NOT_ENOUGH_BALANCE",
    "CANCELED_MARKET_NOT_FOUND",
    "CANCELED_EXPIRED_ORDER",
    "CANCELED_ORDER_TIMED_OUT",
    "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.",
    "",
    "BRAND_NEW",
]
TRADES = [None, *TRADE_WORDS, "BRAND_NEW"]


def joined(status: str, trade_status: str | None, part: bool) -> LegState:
    """What the pair of words says of a FAK; part: the trade is smaller than the order."""
    if trade_status is None:
        phase = order_phase(status)
        simple: dict[str, LegState] = {"live": "resting", "held": "held", "matched": "unknown", "unknown": "unknown"}
        return simple.get(phase, "rejected" if status == "INVALID" else "none")
    if order_phase(status) in ("live", "held"):
        return "resting" if order_phase(status) == "live" else "held"
    if trade_status == "FAILED":
        return "none"
    if part and order_phase(status) == "unknown":
        return "unknown"
    return "partial" if part else "filled"


@pytest.mark.parametrize(("status", "trade_status", "part"), list(product(ORDERS, TRADES, (True, False))))
@pytest.mark.parametrize("prefixed", [False, True])
def test_every_order_status_meets_every_trade_status(status: str, trade_status: str | None, part: bool, prefixed: bool) -> None:
    """With or without prefix each pair gives one state; a fill is final only at CONFIRMED and gone at FAILED (B-424)."""
    put = order()
    mark = ("ORDER_STATUS_", "TRADE_STATUS_") if prefixed else ("", "")
    state = OrderState.of({"status": mark[0] + status, "size_matched": ""})
    token = put.fields["token"]
    size = "20" if part else "50"
    rows = [] if trade_status is None else [trade(put, [(size, "0.56", token)], status=mark[1] + trade_status)]
    result = found(put, state, rows)

    assert result is not None
    assert result.state == joined(status, trade_status, part)
    if trade_status is not None:
        assert {fill.status for fill in result.fills} == {fill_status(trade_status)}
        assert result.filled == (0 if trade_status == "FAILED" else 20_000_000 if part else 50_000_000)


@pytest.mark.parametrize("trade_status", [word for word in TRADES if word])
def test_without_an_order_the_trade_decides(trade_status: str) -> None:
    """Finished orders are not listed: their trades alone tell, and an unknown word is provisional."""
    put = order()
    result = found(put, None, [trade(put, [("50", "0.56", put.fields["token"])], status=trade_status)])

    assert result is not None
    assert result.state == ("none" if trade_status == "FAILED" else "filled")
    assert result.confirmed is (trade_status in ("CONFIRMED", "FAILED"))


def test_the_tables_speak_of_real_states_only() -> None:
    """Each word's meaning is a state of ours; only ends rank highest."""
    assert {status for status, _ in TRADE_WORDS.values()} == set(get_args(FillStatus))
    assert [word for word, (_, rank) in TRADE_WORDS.items() if rank == 3] == ["CONFIRMED", "FAILED"]
    assert trade_rank("TRADE_STATUS_MINED") > trade_rank("retrying") > trade_rank("MATCHED_NOT_BROADCASTED")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("CANCELED", "canceled"),
        ("CANCELED_MARKET_RESOLVED", "market_resolved"),
        ("ORDER_STATUS_CANCELED_NOT_ENOUGH_BALANCE", "no_balance"),
        ("CANCELLED_EXPIRED_ORDER", "expired"),
        ("CANCELED_ORDER_TIMED_OUT", "timed_out"),
        ("CANCELED_MARKET_NOT_FOUND", "not_found"),
        ("CANCELED_order couldn't be fully filled. FOK", "fok_killed"),
        ("CANCELED_words of tomorrow", "canceled"),
        ("INVALID", "invalid"),
    ],
)
def test_cancelled_orders_say_why(status: str, code: str) -> None:
    """The reason inside the status, and a sentence for each."""
    assert cancel_code(status) == code
    assert code in codes()


@pytest.mark.parametrize(("status", "tif"), list(product(["live", "matched", "delayed", "unmatched", "new"], Tif)))
def test_every_acceptance_is_one_state(status: str, tif: Tif) -> None:
    """live and unmatched rest, matched is filled, delayed is held, a new word is in doubt (7.1)."""
    put = order(leg(tif=tif))
    row: dict[str, Any] = taken(put, status=status) if status == "matched" else taken(put, "", "", status=status)
    if status == "new":
        with pytest.raises(UnknownOutcome):
            answer(put, body=row)
        return
    result = answer(put, body=row)

    assert result.state == {"live": "resting", "unmatched": "resting", "delayed": "held", "matched": "filled"}[status]
    assert (result.state in FINAL) is (status == "matched")
