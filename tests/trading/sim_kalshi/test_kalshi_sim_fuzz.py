"""Whatever a client sends, the simulated Kalshi answers: a crash here would look like a venue fault to the code under test."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

_JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False),
    st.sampled_from(
        ["", "bid", "ask", "0.50", "-1", "1e3", "0.5000000", "9" * 5_000, "good_till_canceled", "KXNBAGAME-26NOV19UTAGSW-GSW"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["sid", "x"]), st.integers(), max_size=1),
)
_FIELDS = st.sampled_from(
    [
        "ticker",
        "side",
        "count",
        "price",
        "time_in_force",
        "client_order_id",
        "expiration_time",
        "post_only",
        "exchange_index",
        "subaccount",
        "order_group_id",
        "reduce_by",
        "reduce_to",
        "market_ticker",
        "updated_client_order_id",
        "orders",
        "order_id",
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(_FIELDS, _JUNK, max_size=4),
    st.sampled_from(["", "/batched", "/ORDER/amend", "/ORDER/decrease"]),
    st.booleans(),
)
def test_any_body_gets_an_answer(make_bench: Any, change: dict[str, Any], where: str, remove: bool) -> None:
    """A write with junk in any field is answered with JSON and a known status, and money stays whole."""
    bench = make_bench()
    order = bench.rest("bid", "0.4000", "5.00")
    body = bench.order_body("bid", "0.4000", "5.00", time_in_force="good_till_canceled") | change
    if where == "/batched":
        body = {"orders": [body, change], **change}
    method = "DELETE" if remove and where in ("", "/batched") else "POST"
    answer = bench.call(method, "/portfolio/events/orders" + where.replace("ORDER", order), "", body)

    assert answer.status in (200, 201, 204, 400, 404, 409)
    assert answer.status == 204 or isinstance(json.loads(answer.body), dict)
    assert bench.sim.account_view("alice").cash[0] == 1_000_000_000
    bench.get("/portfolio/orders")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["subscribe", "unsubscribe", "update_subscription", "list_subscriptions", None]),
    st.dictionaries(
        st.sampled_from(
            [
                *("channels", "sid", "sids", "action", "market_ticker", "market_tickers", "market_id", "market_ids"),
                *("index_ids", "underlying_tickers", "shard_factor", "shard_key"),
            ]
        ),
        st.one_of(
            _JUNK,
            st.sampled_from([["orderbook_delta"], ["ticker", "fill"], "add_markets", "delete_markets", [1]]),
            st.sampled_from([["pyth_value"], ["cfbenchmarks_value", "communications"], "subscribe_indices", [["x"]]]),
        ),
        max_size=4,
    ),
    _JUNK,
)
def test_any_command_gets_a_frame(make_bench: Any, name: str | None, params: dict[str, Any], number: Any) -> None:
    """A command with junk anywhere is answered in words, and the session lives on."""
    bench = make_bench()
    session = bench.connect()
    bench.subscribe(session, "orderbook_delta", bench.gsw)
    frames = bench.say(session, id=number, cmd=name, params=params)

    assert frames and all("type" in frame for frame in frames)
    assert session.closed is None
    bench.flow("bid", "0.3", "1")


_MONEY = st.sampled_from(
    [
        *("source", "destination", "amount", "source_exchange_shard", "destination_exchange_shard", "client_transfer_id"),
        *("from_subaccount", "to_subaccount", "amount_cents", "allocations", "resting_margin_reservation", "exchange_index"),
        *("contracts_limit", "contracts_limit_fp", "subaccount", "subaccount_number", "enabled"),
        *("name", "scopes", "key_type", "public_key", "source_subaccount", "destination_subaccount"),
    ]
)


@settings(max_examples=120, deadline=None)
@given(
    st.dictionaries(
        _MONEY, st.one_of(_JUNK, st.sampled_from(["event_contract", [{"exchange_index": 0, "percent": 100}]])), max_size=6
    ),
    st.sampled_from(
        [
            ("POST", "/portfolio/intra_exchange_instance_transfer"),
            ("POST", "/portfolio/target_balance_allocation"),
            ("POST", "/portfolio/subaccounts"),
            ("POST", "/portfolio/subaccounts/transfer"),
            ("PUT", "/portfolio/subaccounts/netting"),
            ("POST", "/portfolio/order_groups/create"),
            ("PUT", "/portfolio/order_groups/GROUP/limit"),
            ("POST", "/api_keys"),
            ("POST", "/api_keys/generate"),
        ]
    ),
)
def test_any_account_write_gets_an_answer(make_bench: Any, body: dict[str, Any], where: tuple[str, str]) -> None:
    """Junk in any field of a write about money, groups or keys is answered in words, and no money comes or goes."""
    bench = make_bench()
    bench.sim.limits.tiers["alice"] = "prestige"
    made = bench.call("POST", "/portfolio/order_groups/create", "", {"contracts_limit": 1})
    method, path = where
    if path.endswith("generate"):
        body = {**body, "key_type": "ed25519"}
    answer = bench.call(method, path.replace("GROUP", json.loads(made.body)["order_group_id"]), "", body)
    bench.advance(30)

    assert answer.status in (200, 201, 400, 403)
    assert sum(account.cash.get(shard, 0) for account in bench.sim.accounts.values() for shard in range(4)) == 4_000_000_000


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        [
            *("/events", "/markets", "/milestones", "/portfolio/orders", "/portfolio/fills", "/markets/orderbooks", "/series"),
            *("/portfolio/positions", "/portfolio/settlements", "/portfolio/balance", "/portfolio/orders/queue_positions"),
            *("/markets/trades", "/markets/candlesticks", "/events/multivariate", "/structured_targets", "/live_data/batch"),
            *("/historical/markets", "/historical/fills", "/historical/trades", "/events/fee_changes", "/series/fee_changes"),
        ]
    ),
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    *("limit", "cursor", "status", "ticker", "tickers", "min_ts", "max_close_ts", "depth", "category"),
                    *("subaccount", "exchange_index", "count_filter", "market_tickers", "event_ticker", "milestone_ids"),
                    *("start_ts", "end_ts", "period_interval", "page_size", "ids", "min_updated_ts", "minimum_start_date"),
                ]
            ),
            st.one_of(st.text(max_size=12), st.sampled_from(["1", "0", "60", "-1", "9" * 30])),
        ),
        max_size=4,
    ),
)
def test_any_query_gets_an_answer(make_bench: Any, path: str, pairs: list[tuple[str, str]]) -> None:
    """A read with any query is a 200 or a 400."""
    bench = make_bench()
    request = bench.replace(bench.request("GET", path), query=tuple(pairs))

    assert bench.sim.handle(request).status in (200, 400)
