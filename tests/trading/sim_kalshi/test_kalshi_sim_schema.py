"""Every 2xx answer and stream frame of the simulated Kalshi against the venue's published schemas.

The check is stricter than the files: where a schema lists properties, others are refused too, so that a misspelt optional field
is found. Error bodies are left out: live ones are nested, the specification's are flat (kalshi.md 3).
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

SPECS = Path(__file__).resolve().parents[3] / ".." / "shared" / "reference" / "specs"

Check = Callable[[str, Any], None]


def strict(node: Any) -> Any:
    """OpenAPI 3.0 words as JSON Schema: nullable becomes a null type, listed properties become the only ones."""
    if isinstance(node, list):
        return [strict(part) for part in node]
    if not isinstance(node, dict):
        return node
    body = {key: strict(value) for key, value in node.items() if key not in ("example", "examples")}
    if isinstance(body.get("properties"), dict) and body.get("type") == "object":
        body.setdefault("additionalProperties", False)
    if body.pop("nullable", None) is True:
        return {"anyOf": [body, {"type": "null"}]}
    return body


def checker(name: str) -> Check:
    path = SPECS / name
    if not path.exists():
        pytest.skip("the venue's specifications are not beside this checkout")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    components = {"schemas": strict(yaml.load(path.read_text(), Loader=loader)["components"]["schemas"])}
    known: dict[str, Draft202012Validator] = {}

    def check(schema: str, value: Any) -> None:
        assert schema in components["schemas"]
        if schema not in known:
            known[schema] = Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": components})
        problems = [f"{schema} {error.json_path}: {error.message[:200]}" for error in known[schema].iter_errors(value)]
        assert problems == []

    return check


@pytest.fixture(scope="module")
def rest() -> Check:
    return checker("kalshi-openapi.yaml")


@pytest.fixture(scope="module")
def stream() -> Check:
    return checker("kalshi-asyncapi.yaml")


def busy(bench: Any) -> dict[str, Any]:
    """Trade a little of everything; returns the write answers by schema name."""
    bench.flow("ask", "0.5000", "3.25")
    bench.flow("bid", "0.4000", "30")
    _, filled = bench.place("bid", "0.5000", "5.00")
    _, rested = bench.place("bid", "0.3000", "5.00", time_in_force="good_till_canceled", expiration_time=1_790_000_900)
    _, empty = bench.place("ask", "0.9000", "1.00", client_order_id=None)
    bench.place("ask", "0.4000", "9.00", ticker=bench.mlb, time_in_force="good_till_canceled")
    orders = "/portfolio/events/orders"
    path = f"{orders}/{rested['order_id']}"
    body = {"ticker": bench.gsw, "side": "bid", "price": "0.3100", "count": "4.00"}

    def post(where: str, what: Any) -> Any:
        return json.loads(bench.call("POST", where, "", what).body)

    amended, decreased = post(f"{path}/amend", body), post(f"{path}/decrease", {"reduce_by": "1"})
    batch = post(f"{orders}/batched", {"orders": [bench.order_body("bid", "0.3", "1"), bench.order_body("bid", "0.305", "1")]})
    cancelled = json.loads(bench.call("DELETE", path, f"market_ticker={bench.gsw}").body)
    gone = {"orders": [{"order_id": rested["order_id"]}]}
    removed = json.loads(bench.call("DELETE", f"{orders}/batched", "", gone).body)
    return {
        "CreateOrderV2Response": [filled, rested, empty],
        "AmendOrderV2Response": [amended],
        "DecreaseOrderV2Response": [decreased],
        "CancelOrderV2Response": [cancelled],
        "BatchCreateOrdersV2Response": [batch],
        "BatchCancelOrdersV2Response": [removed],
    }


def test_write_answers_match_the_specification(bench: Any, rest: Check) -> None:
    """Create (filled, resting, nothing), amend, decrease, cancel and both batches."""
    for schema, answers in busy(bench).items():
        for answer in answers:
            rest(schema, answer)


def test_read_answers_match_the_specification(bench: Any, rest: Check) -> None:
    """Every read that is served, with trades, positions, an override and a settlement behind it."""
    busy(bench)
    bench.sim.set_event_fees("KXNBAGAME-26NOV19UTAGSW", "quadratic", 0.5)
    bench.sim.determine(bench.mlb, "yes")
    bench.sim.public.fee_changes.append(
        {
            "id": "1",
            "series_ticker": "KXNBAGAME",
            "fee_type": "quadratic",
            "fee_multiplier": 2,
            "scheduled_ts": "2027-01-01T00:00:00Z",
        }
    )
    bench.rest("bid", "0.6000", "2.00", who=bench.bob)
    bench.place("ask", "0.6000", "2.00")
    bench.flow("bid", "0.6000", "2", bench.uta)
    bench.place("ask", "0.6000", "2.00", ticker=bench.uta)
    bench.sim.determine(bench.gsw, "scalar", bench.price("0.5"))
    bench.sim.settle(bench.gsw)
    order = bench.get("/portfolio/orders")["orders"][0]["order_id"]
    reads = {
        "/exchange/status": "ExchangeStatus",
        "/exchange/schedule": "GetExchangeScheduleResponse",
        "/exchange/user_data_timestamp": "GetUserDataTimestampResponse",
        "/series": "GetSeriesListResponse",
        "/series/KXNBAGAME": "GetSeriesResponse",
        "/series/fee_changes": "GetSeriesFeeChangesResponse",
        "/events?with_nested_markets=true&with_milestones=true&limit=2": "GetEventsResponse",
        "/events/KXNBAGAME-26NOV19UTAGSW": "GetEventResponse",
        "/events/KXNBAGAME-26NOV19UTAGSW?with_nested_markets=true": "GetEventResponse",
        "/markets?limit=3": "GetMarketsResponse",
        f"/markets/{bench.gsw}": "GetMarketResponse",
        f"/markets/{bench.gsw}/orderbook": "GetMarketOrderbookResponse",
        f"/markets/orderbooks?tickers={bench.gsw}&tickers={bench.mlb}": "GetMarketOrderbooksResponse",
        "/markets/trades": "GetTradesResponse",
        "/milestones?limit=1": "GetMilestonesResponse",
        "/account/limits": "GetAccountApiLimitsResponse",
        "/account/endpoint_costs": "GetAccountEndpointCostsResponse",
        "/api_keys": "GetApiKeysResponse",
        "/portfolio/balance": "GetBalanceResponse",
        "/portfolio/balance?exchange_index=3": "GetBalanceResponse",
        "/portfolio/positions": "GetPositionsResponse",
        "/portfolio/positions?settlement_status=all": "GetPositionsResponse",
        "/portfolio/orders": "GetOrdersResponse",
        f"/portfolio/orders/{order}": "GetOrderResponse",
        "/portfolio/fills": "GetFillsResponse",
        "/portfolio/settlements": "GetSettlementsResponse",
    }
    for path, schema in reads.items():
        answer = bench.get(*path.split("?"))
        rest(schema, answer)
        assert any(answer.values()), f"{path} shows nothing to check"


_FRAMES = {
    "subscribed": "subscribedResponsePayload",
    "unsubscribed": "unsubscribedResponsePayload",
    "error": "errorResponsePayload",
    "orderbook_snapshot": "orderbookSnapshotPayload",
    "orderbook_delta": "orderbookDeltaPayload",
    "ticker": "tickerPayload",
    "trade": "tradePayload",
    "fill": "fillPayload",
    "user_order": "userOrderPayload",
    "market_position": "marketPositionPayload",
    "market_lifecycle_v2": "marketLifecycleV2Payload",
    "event_lifecycle": "eventLifecyclePayload",
    "event_fee_update": "eventFeeUpdatePayload",
}


def test_frames_match_the_specification(bench: Any, stream: Check) -> None:
    """All kinds of frames this venue sends occur here, and every one of them validates."""
    session = bench.connect()
    channels = ("ticker", "trade", "fill", "user_orders", "market_positions", "market_lifecycle_v2")
    frames = bench.subscribe(session, "orderbook_delta", bench.gsw, id=0)
    frames += bench.subscribe(session, "orderbook_delta", bench.uta)
    for channel in channels:
        frames += bench.subscribe(session, channel)
    busy(bench)
    snapshot = {"sid": 1, "action": "get_snapshot", "market_tickers": [bench.gsw]}
    frames += bench.say(session, id=8, cmd="update_subscription", params=snapshot)
    bench.sim.create_event(bench.event_row("KXNBAGAME-26NOV22AB", "KXNBAGAME", 0, "KXNBAGAME-26NOV22AB-A"))
    bench.sim.deactivate(bench.uta)
    bench.sim.activate(bench.uta)
    bench.sim.set_grid(bench.gsw, [{"start": "0.0000", "end": "1.0000", "step": "0.0010"}], "deci_cent")
    bench.sim.set_event_fees("KXNBAGAME-26NOV19UTAGSW", "quadratic", 0.5)
    bench.sim.determine(bench.gsw, "yes")
    bench.advance(300)
    frames += bench.frames(session)
    frames += bench.say(session, id=9, cmd="list_subscriptions")
    frames += bench.say(session, id=10, cmd="dance")
    frames += bench.say(session, id=11, cmd="unsubscribe", params={"sids": [1, 2]})

    for frame in frames:
        if frame["type"] == "ok":
            listed = isinstance(frame.get("msg"), list)
            stream("listSubscriptionsResponsePayload" if listed else "okResponsePayload", frame)
        else:
            stream(_FRAMES[frame["type"]], frame)
    assert {frame["type"] for frame in frames} == {*_FRAMES, "ok"}
