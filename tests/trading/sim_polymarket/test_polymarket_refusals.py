"""Every refusal of section 7.4 and mode of 7.5 as one table: what provokes it, its status, its words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trading.sim.core import Request

Provoke = Callable[[Any], tuple[int, Any]]
"""Makes the venue refuse; returns (status, body)."""


def post(**more: Any) -> Provoke:
    """A good order of the wallet, made bad by what is said here."""

    def provoke(venue: Any) -> tuple[int, Any]:
        fields = {"side": "BUY", "token": "11", "price": "0.40", "size": "10", "kind": "GTC", **more}
        who = getattr(venue, fields.pop("who", "wallet"))
        body = venue.limit(
            who, fields.pop("side"), fields.pop("token"), fields.pop("price"), fields.pop("size"), fields.pop("kind"), **fields
        )
        answer: tuple[int, Any] = venue.post(who, body)
        return answer

    return provoke


def after(fault: str, provoke: Provoke, market: int = 0) -> Provoke:
    def thrown(venue: Any) -> tuple[int, Any]:
        venue.faults.throw(fault, market=venue.market(market) if market else "")
        return provoke(venue)

    return thrown


def asks(provoke: Provoke, price: str = "0.40", size: str = "10") -> Provoke:
    """With liquidity to meet."""

    def rested(venue: Any) -> tuple[int, Any]:
        venue.rest("ask", price, size)
        return provoke(venue)

    return rested


def twice(venue: Any) -> tuple[int, Any]:
    body = venue.limit(venue.wallet, "BUY", "11", "0.40", "10")
    venue.post(venue.wallet, body)
    answer: tuple[int, Any] = venue.post(venue.wallet, body)
    return answer


def batch(venue: Any) -> tuple[int, Any]:
    answer: tuple[int, Any] = venue.ask(venue.wallet, "POST", "/orders", [{}] * 16)
    return answer


def many_cancels(venue: Any) -> tuple[int, Any]:
    answer: tuple[int, Any] = venue.ask(venue.wallet, "DELETE", "/orders", ["0x1"] * 1001)
    return answer


def stranger(venue: Any) -> tuple[int, Any]:
    answer = venue.call(venue.wallet, "POST", "/order", {}, poly_api_key="nobody")
    return answer.status, json.loads(answer.body)


def foreign_owner(venue: Any) -> tuple[int, Any]:
    body = {**venue.limit(venue.wallet, "BUY", "11", "0.40", "10"), "owner": "key-5"}
    answer: tuple[int, Any] = venue.post(venue.wallet, body)
    return answer


def plain_key(venue: Any) -> tuple[int, Any]:
    venue.wallet.type, venue.wallet.funder = 0, venue.wallet.owner
    return post()(venue)


def spent(venue: Any) -> tuple[int, Any]:
    """A SELL of what is not held."""
    return post(side="SELL")(venue)


def unsettled(venue: Any) -> tuple[int, Any]:
    """A SELL before the buy is MINED."""
    venue.rest("ask", "0.40", "10")
    venue.place(venue.wallet, "BUY", "11", "0.40", "10")
    return post(side="SELL")(venue)


def unapproved(venue: Any) -> tuple[int, Any]:
    venue.sim.split(venue.wallet.owner, venue.market(), 10_000_000)
    venue.sim._wallet(venue.wallet.owner).operators.clear()
    return post(side="SELL")(venue)


def public(path: str, **query: str) -> Provoke:
    return lambda venue: venue.get(path, **query)


def private(method: str, path: str) -> Provoke:
    return lambda venue: venue.ask(venue.wallet, method, path)


OWNER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
OLD_FORM = {"feeRateBps": "0", "nonce": "0", "taker": "0x" + "00" * 20}
SHORT = "not enough balance / allowance: the "

REFUSALS: dict[str, tuple[Provoke, int, str]] = {
    "payload": (post(change={"salt": "one"}), 400, "Invalid order payload"),
    "owner": (foreign_owner, 400, "the order owner has to be the owner of the API KEY"),
    "signer": (
        post(change={"signer": "0x" + "11" * 20}),
        400,
        "the order signer address has to be the address of the API KEY",
    ),
    "banned": (after("banned", post()), 400, f"'{OWNER}' address banned"),
    "closed only": (after("closed_only", post()), 400, f"'{OWNER}' address in closed only mode"),
    "maker": (plain_key, 400, "maker address not allowed, please use the deposit wallet flow"),
    "tick": (post(price="0.405"), 400, "order {id} is invalid. Price (0.405) breaks minimum tick size rule: 0.01"),
    "size": (post(size="4.99"), 400, "order {id} is invalid. Size (4.99) lower than the minimum: 5"),
    "duplicate": (twice, 400, "order {id} is invalid. Duplicated."),
    "marketable minimum": (
        asks(post(price="0.10", size="9"), "0.10"),
        400,
        "invalid amount for a marketable BUY order ($0.9), min size: $1",
    ),
    "balance": (post(size="10000"), 400, SHORT + "balance is not enough -> balance: 1000000000, order amount: 4000000000"),
    "nothing to sell": (spent, 400, SHORT + "balance is not enough -> balance: 0, order amount: 10000000"),
    "unsettled": (unsettled, 400, SHORT + "balance is not enough -> balance: 0, order amount: 10000000"),
    "allowance": (
        after("no_allowance", post()),
        400,
        SHORT + f"allowance is not enough -> spender: {EXCHANGE}, allowance: 0, order amount: 4000000",
    ),
    "unapproved": (
        unapproved,
        400,
        SHORT + f"allowance is not enough -> spender: {EXCHANGE}, allowance: 0, order amount: 10000000",
    ),
    "expiration": (post(kind="GTD", expiration=1), 400, "invalid expiration"),
    "crossing post-only": (asks(post(post_only=True)), 400, "invalid post-only order: order crosses book"),
    "FOK": (
        asks(post(kind="FOK", size="20")),
        400,
        "order couldn't be fully filled. FOK orders are fully filled or killed.",
    ),
    "FAK": (
        post(kind="FAK"),
        400,
        "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",
    ),
    "delayed": (after("match_delayed", post()), 400, "order match delayed due to market conditions"),
    "not ready": (after("not_ready", post()), 400, "the market is not yet ready to process new orders"),
    "closed": (after("close_market", post(), market=1), 400, "the market is not yet ready to process new orders"),
    "batch": (batch, 400, "Too many orders in payload: 16, max allowed: 15"),
    "cancels": (many_cancels, 400, "Too many orders in payload: 1001, max allowed: 1000"),
    "signature": (post(change={"makerAmount": "4100000"}), 400, "invalid signature"),
    "version": (after("order_version_mismatch", post()), 400, "order_version_mismatch"),
    "old form": (post(change=OLD_FORM), 400, "order_version_mismatch"),
    "api key": (stranger, 401, "Unauthorized/Invalid api key"),
    "level 1": (public("/auth/derive-api-key"), 401, "Invalid L1 Request headers"),
    "place": (
        after("geoblock", post()),
        403,
        "Trading restricted in your region, please refer to available regions",
    ),
    "unknown token": (post(token="99"), 404, "market not found"),
    "unknown book": (public("/book", token_id="99"), 404, "No orderbook exists for the requested token id"),
    "unknown market": (public("/clob-markets/0x99"), 404, "market not found"),
    "unknown order": (private("GET", "/data/order/0x99"), 404, "order not found"),
    "unknown path": (private("GET", "/nowhere"), 404, "not found"),
    "restart": (after("restart", post()), 425, "Too Early"),
    "limit": (after("429", post()), 429, "rate limit exceeded"),
    "limit with a date": (after("429_date", post()), 429, "rate limit exceeded"),
    "timed out": (after("500_timed_out", post()), 500, "order timed out"),
    "not inserted": (after("500_before_accept", post()), 500, "could not insert order"),
    "no match": (after("500_no_matching", post()), 500, "there are no matching orders"),
    "rounding": (after("500_rounding", post()), 500, "the trade contains rounding issues"),
    "post-only mode": (
        after("post_only", post()),
        503,
        "post-only mode: only post-only orders and cancels are allowed",
    ),
    "cancel-only mode": (
        after("cancel_only", post()),
        503,
        "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.",
    ),
    "disabled": (after("disabled", post()), 503, "Trading is currently disabled. Check polymarket.com for updates"),
    "disabled cancels": (
        after("disabled", private("DELETE", "/cancel-all")),
        503,
        "Trading is currently disabled. Check polymarket.com for updates",
    ),
    "read limit": (after("read_429", public("/time")), 429, "Too Many Requests"),
    "read failure": (after("read_500", public("/gamma/events")), 500, "internal server error"),
    "read away": (after("read_503", public("/data/v2/positions", user="0x1")), 503, "service unavailable"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_every_refusal_has_its_status_and_its_words(venue: Any, name: str) -> None:
    """Section 7.4: one body {"error": ...}, exactly these words; the order's id stands where the text names it."""
    provoke, status, words = REFUSALS[name]
    found, body = provoke(venue)

    said = str(body["error"])
    if "{id}" in words:
        order_id = said.split()[1]
        assert len(order_id) == 66
        words = words.replace("{id}", order_id)
    assert (found, said) == (status, words)


@pytest.mark.parametrize("name", [name for name in REFUSALS if name not in ("duplicate", "unsettled")])
def test_a_refused_order_leaves_nothing_behind(venue: Any, name: str) -> None:
    """A definite refusal, the 500 ones included, took nothing in."""
    REFUSALS[name][0](venue)
    view = venue.sim.account_view(venue.wallet.owner)

    assert (view.open_orders, view.reserved, view.fees) == ((), 0, 0)


def test_cloudflare_answers_a_flood_without_json(venue: Any) -> None:
    """Layer 1 may refuse in plain text, with Retry-After."""
    venue.faults.throw("429_cloudflare")
    answer = venue.call(venue.wallet, "POST", "/order", venue.limit(venue.wallet, "BUY", "11", "0.40", "10"))

    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, b"error code: 1015", "10")


def test_retry_after_may_be_a_date(venue: Any) -> None:
    """Section 10."""
    venue.faults.throw("429_date")
    answer = venue.call(venue.wallet, "POST", "/order", venue.limit(venue.wallet, "BUY", "11", "0.40", "10"))

    assert answer.headers["retry-after"].endswith(" GMT")


@pytest.mark.parametrize(
    ("fault", "dropped", "status", "orders"),
    [
        ("drop_before_accept", True, 0, 0),
        ("drop_after_accept", True, 0, 1),
        ("500_after_accept", False, 500, 1),
    ],
)
def test_unknown_outcomes_may_or_may_not_have_taken_the_order(
    venue: Any, fault: str, dropped: bool, status: int, orders: int
) -> None:
    """A lost answer says nothing; the order's id, computed before, finds it."""
    venue.faults.throw(fault)
    body = venue.limit(venue.wallet, "BUY", "11", "0.40", "10")
    answer = venue.call(venue.wallet, "POST", "/order", body)

    assert (answer.drop, answer.status) == (dropped, status)
    assert len(venue.sim.account_view(venue.wallet.owner).open_orders) == orders


def test_legs_of_a_batch_tell_the_mode_one_by_one(venue: Any) -> None:
    """Section 7.5: post-only mode refuses the others per leg, not the batch."""
    venue.faults.throw("post_only")
    who = venue.wallet
    legs = [venue.limit(who, "BUY", "11", "0.40", "10", post_only=quiet) for quiet in (False, True)]
    status, answers = venue.ask(who, "POST", "/orders", legs)

    assert (status, answers[0]["errorMsg"][:14], answers[0]["orderID"]) == (200, "post-only mode", "")
    assert answers[1]["status"] == "live"


def test_every_named_fault_can_be_thrown_and_undone_while_trading(venue: Any) -> None:
    """No switch breaks the venue: after each one it still answers, and normal service can be brought back."""
    for name in venue.faults.names:
        venue.faults.throw(name)
        venue.call(venue.wallet, "POST", "/order", venue.limit(venue.wallet, "BUY", "21", "0.40", "10", neg_risk=True))
        assert venue.sim.handle(Request("GET", "/book", (("token_id", "21"),), {}, b"")).status in (0, 200, 429, 500, 503)
        venue.wait(1)
    with pytest.raises(ValueError, match="strikes no single market"):
        venue.faults.throw("restart", market=venue.market())
    with pytest.raises(ValueError, match="has no market"):
        venue.faults.throw("book_wipe", market="0x99")


def test_the_documentation_names_every_fault(venue: Any) -> None:
    """docs/simulator.md is where a person looks for a name to throw."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "simulator.md").read_text()

    assert [name for name in venue.faults.names if f"`{name}`" not in page] == []
