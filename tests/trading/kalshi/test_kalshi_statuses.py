"""The table of answers: every status and code of the page means one thing, and nothing outside it is taken for a no."""

import itertools
import json

import pytest
from fakes import reply
from kalshi_desk import TICKER, Desk
from kalshi_rows import make_leg, make_market

from trading.errors import AuthFailed, BadAnswer, ModeClosed, Rejected, Throttled, UnknownOutcome, Unreachable, VenueError
from trading.kalshi.orders import prepare_order, read_create, result_of_order
from trading.kalshi.rest import error_for
from trading.kalshi.statuses import CODES, LEG_STATES, ORDER_PHASES, READ_ERRORS, REASONS, STATUSES, meaning, order_phase
from trading.kalshi.wire import OrderRow
from trading.order import LegState

ORDER = prepare_order(make_leg(), make_market())

PAGE: list[tuple[int, str, type[VenueError], LegState | None]] = [
    # kalshi.md 3: status x code -> error of a read, state of a leg (None = look it up)
    (200, "deprecated_v1_order_endpoint", Rejected, "rejected"),
    (400, "invalid_order", Rejected, "rejected"),
    (400, "invalid_parameters", Rejected, "rejected"),
    (400, "insufficient_balance", Rejected, "rejected"),
    (400, "invalid_price", Rejected, "rejected"),
    (400, "MARKET_INACTIVE", Rejected, "rejected"),
    (400, "market_inactive", Rejected, "rejected"),
    (400, "order_group_triggered", Rejected, "rejected"),
    (400, "trading_is_paused", ModeClosed, "rejected"),
    (400, "exchange_is_paused", ModeClosed, "rejected"),
    (409, "trading_paused", ModeClosed, "rejected"),
    (400, "intra_exchange_transfers_paused", ModeClosed, "rejected"),
    (401, "authentication_error", AuthFailed, "rejected"),
    (401, "header_timestamp_expired", AuthFailed, "rejected"),
    (401, "anything", AuthFailed, "rejected"),
    (401, "", AuthFailed, "rejected"),
    (403, "insufficient_scope", AuthFailed, "rejected"),
    (403, "subaccount_restricted", AuthFailed, "rejected"),
    (403, "region_attestation_expired", AuthFailed, "rejected"),
    (403, "attestation_required", AuthFailed, "rejected"),
    (403, "upgrade_criteria_not_met", AuthFailed, "rejected"),
    (403, "", AuthFailed, "rejected"),
    (404, "market_not_found", Rejected, "rejected"),
    (404, "order_not_found", Rejected, "rejected"),
    (404, "user_not_found", Rejected, "rejected"),
    (404, "anything", Rejected, "rejected"),
    (404, "", Rejected, "rejected"),
    (405, "method_not_allowed", Rejected, "rejected"),
    (409, "order_already_exists", Rejected, None),
    (409, "fill_or_kill_insufficient_resting_volume", Rejected, "none"),
    (409, "immediate_or_cancel_insufficient_resting_volume", Rejected, "none"),
    (410, "deprecated_v1_order_endpoint", Rejected, "rejected"),
    (410, "", Rejected, "rejected"),
    (429, "too_many_requests", Throttled, "rejected"),
    (429, "anything", Throttled, "rejected"),
    (429, "", Throttled, "rejected"),
    (408, "", Unreachable, "unknown"),
    (500, "internal_server_error", Unreachable, "unknown"),
    (502, "", Unreachable, "unknown"),
    (503, "service_unavailable", Unreachable, "unknown"),
    (503, "exchange_is_paused", Unreachable, "unknown"),
    (504, "", Unreachable, "unknown"),
    (599, "", Unreachable, "unknown"),
    # what the page does not know
    (100, "", BadAnswer, "unknown"),
    (200, "never_heard_of", BadAnswer, "unknown"),
    (302, "", BadAnswer, "unknown"),
    (400, "never_heard_of", BadAnswer, "unknown"),
    (400, "internal_server_error", BadAnswer, "unknown"),
    (402, "", BadAnswer, "unknown"),
    (409, "never_heard_of", BadAnswer, "unknown"),
    (409, "", BadAnswer, "unknown"),
    (418, "never_heard_of", BadAnswer, "unknown"),
]


def bodies(code: str) -> list[object]:
    """The three live shapes of an error; a bare string spells its code with spaces."""
    if not code:
        return [b"<html>"]
    return [
        {"error": {"code": code, "message": "m", "details": "d"}},
        {"code": code, "message": "m"},
        {"error": code.replace("_", " ")},
    ]


@pytest.mark.parametrize(("status", "code", "error", "state"), PAGE)
def test_every_answer_has_one_error_and_one_leg_state(
    status: int, code: str, error: type[VenueError], state: LegState | None
) -> None:
    """Each row of the page, in each of the three live shapes of an error body, for a read and for an order."""
    for body in bodies(code):
        if status == 200 and isinstance(body, dict) and "error" not in body:
            continue  # a success that names a code is no error to a read
        answer = reply(status, body)
        read = error_for(answer, "GET /x")
        assert type(read) is error, body
        if state == "unknown":
            with pytest.raises(UnknownOutcome):
                read_create(ORDER, answer)
        elif state is None:
            assert read_create(ORDER, answer) is None
        else:
            result = read_create(ORDER, answer)
            assert result is not None
            assert result.state == state


def test_every_code_and_status_of_the_table_is_walked() -> None:
    """Any pair of a known status and a known code has a meaning, an error and a state: nothing falls through."""
    for status, code in itertools.product((200, *STATUSES, 400, 409, 422), (*CODES, "", "new")):
        said = meaning(status, code)
        assert said.kind in READ_ERRORS
        assert said.kind in LEG_STATES
        assert said.rule
        assert said.following


@pytest.mark.parametrize("status", range(500, 600, 7))
@pytest.mark.parametrize("code", ["", *sorted(CODES)])
def test_no_5xx_is_ever_a_no(status: int, code: str) -> None:
    """A failing server settles nothing, whatever it says (kalshi.md 3)."""
    assert LEG_STATES[meaning(status, code).kind] == "unknown"


@pytest.mark.parametrize("code", [code for code, said in CODES.items() if LEG_STATES[said.kind] in ("rejected", "none")])
def test_each_refusal_is_one_sentence(code: str) -> None:
    """It names the market, the value, the rule, what to do, and the venue's own words."""
    result = read_create(ORDER, reply(400, {"error": {"code": code, "message": "its own words"}}))

    assert result is not None
    assert str(TICKER) in result.detail
    assert "BUY 10 YES at 0.5600 immediate_or_cancel" in result.detail
    assert CODES[code].rule in result.detail
    assert CODES[code].following in result.detail
    assert "its own words" in result.detail
    assert "\n" not in result.detail


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        ("resting", "0.00", "resting"),
        ("resting", "4.00", "resting"),
        ("canceled", "0.00", "none"),
        ("canceled", "4.00", "partial"),
        ("canceled", "10.00", "filled"),
        ("executed", "10.00", "filled"),
        ("unknown", "0.00", "unknown"),
        ("a word of tomorrow", "0.00", "unknown"),
    ],
)
def test_every_order_status_has_one_leg_state(status: str, filled: str, state: str) -> None:
    """canceled says nothing about fills: their count does (kalshi.md 7.2); a new word is asked again, never guessed."""
    row = OrderRow(order_id="o", status=status, fill_count_fp=filled, remaining_count_fp="0.00")

    assert result_of_order(ORDER, row, ()).state == state
    assert order_phase(status) in set(ORDER_PHASES.values())


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_an_order_ended_is_told(reason: str) -> None:
    """The reason is the code, and reads as words where the order did not fill whole."""
    row = OrderRow(order_id="o", status="canceled", fill_count_fp="0.00", remaining_count_fp="0.00", last_update_reason=reason)

    result = result_of_order(ORDER, row, ())

    assert (result.code, result.detail) == (reason, REASONS[reason])


async def test_an_unknown_refusal_of_a_write_is_in_doubt() -> None:
    """Every write, not only orders: what the page does not know is looked up."""
    desk = Desk()
    desk.http.on("POST", "/portfolio/order_groups/create", (409, {"error": {"code": "never_heard_of", "message": "m"}}))

    with pytest.raises(UnknownOutcome, match="never_heard_of"):
        await desk.client.groups.create(make_leg().want.size, shard=0)


async def test_an_unreadable_answer_to_a_write_is_in_doubt() -> None:
    """It was done; what came of it is not known."""
    desk = Desk()
    desk.http.on("POST", "/portfolio/order_groups/create", (201, json.dumps([1]).encode()))

    with pytest.raises(UnknownOutcome, match="look it up"):
        await desk.client.groups.create(make_leg().want.size, shard=0)
