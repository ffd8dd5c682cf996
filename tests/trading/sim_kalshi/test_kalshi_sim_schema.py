"""Every 2xx answer and stream frame of the simulated Kalshi against the venue's published schemas (kalshi_spec.py).

Error bodies are left out: live ones are nested, the specification's are flat (kalshi.md 3).
"""

import json
from typing import Any

from kalshi_spec import FRAMES, rest_spec, stream_spec

from trading.clock import SECOND
from trading.sim.core import Request, Response
from trading.units import WallNs

ORDERS, GROUPS = "/portfolio/events/orders", "/portfolio/order_groups"
EVENT = "KXNBAGAME-26NOV19UTAGSW"
GONE_FROM_THE_FILE = {"/exchange/announcements"}
"""Served for older official SDKs, which still read it; the file of 2026-10-26 no longer lists it."""


class Walk:
    """Sends requests that must succeed, checks each answer and remembers which routes of the simulator were met."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.spec = rest_spec()
        self.met: set[tuple[str, str]] = set()

    def __call__(self, method: str, path: str, query: str = "", body: Any = None) -> Any:
        request: Request = self.bench.request(method, path, query, body)
        response: Response = self.bench.sim.handle(request)
        assert response.status < 300, f"{method} {path}: {response.body!r}"
        self._note(method, path)
        if path not in GONE_FROM_THE_FILE:
            self.spec.answer(request, response)
        return json.loads(response.body) if response.body else None

    def _note(self, method: str, path: str) -> None:
        for route in self.bench.sim.rest.routes:
            if route.method == method and route.pattern.fullmatch(path):
                self.met.add((method, route.path))
                return


def old_market(bench: Any) -> Any:
    """A market that settled before the archive's cutoff."""
    more = {
        "status": "finalized",
        "result": "yes",
        "settlement_ts": "2026-01-05T00:00:00Z",
        "close_time": "2026-01-04T00:00:00Z",
    }
    row = bench.market_row("KXOLD-1-A", "KXOLD-1", 0, **more, settlement_value_dollars="1.0000")
    return bench.event_row("KXOLD-1", "KXOLD", 0, markets=[row])


def trade_a_little(walk: Walk) -> dict[str, Any]:
    """Orders of every fate, through every order route."""
    bench = walk.bench
    bench.flow("ask", "0.5000", "3.25")
    bench.flow("bid", "0.4000", "30")
    walk("POST", ORDERS, "", bench.order_body("bid", "0.5000", "5.00"))
    expiring = {"time_in_force": "good_till_canceled", "expiration_time": 1_790_000_900}
    rested = walk("POST", ORDERS, "", bench.order_body("bid", "0.3000", "5.00", **expiring))
    walk("POST", ORDERS, "", bench.order_body("ask", "0.9000", "1.00", client_order_id=None))
    walk("POST", ORDERS, "", bench.order_body("ask", "0.4000", "9.00", ticker=bench.mlb, time_in_force="good_till_canceled"))
    path = f"{ORDERS}/{rested['order_id']}"
    change = {"ticker": bench.gsw, "side": "bid", "price": "0.3100", "count": "4.00"}
    walk("POST", f"{path}/amend", "", change)
    walk("POST", f"{path}/amend", "", change | {"expiration_time": 0})
    walk("POST", f"{path}/decrease", "", {"reduce_by": "1"})
    walk("GET", "/portfolio/orders/queue_positions", f"market_tickers={bench.gsw}")
    walk("GET", f"/portfolio/orders/{rested['order_id']}/queue_position")
    batch = [bench.order_body("bid", "0.3", "1", time_in_force="good_till_canceled"), bench.order_body("bid", "0.305", "1")]
    placed = walk("POST", f"{ORDERS}/batched", "", {"orders": batch})["orders"]
    walk("DELETE", f"{ORDERS}/batched", "", {"orders": [{"order_id": placed[0]["order_id"]}, {"order_id": "gone"}]})
    walk("GET", "/portfolio/summary/total_resting_order_value")
    walk("DELETE", path, f"market_ticker={bench.gsw}")
    return dict(rested)


def use_groups(walk: Walk) -> None:
    group = walk("POST", f"{GROUPS}/create", "", {"contracts_limit": 5})["order_group_id"]
    grouped = walk.bench.order_body("bid", "0.3000", "1.00", time_in_force="good_till_canceled", order_group_id=group)
    order = walk("POST", ORDERS, "", grouped)["order_id"]
    assert walk("GET", f"{GROUPS}/{group}")["orders"] == [order]
    assert walk("GET", GROUPS)["order_groups"]
    walk("GET", f"/portfolio/orders/{order}")
    walk("PUT", f"{GROUPS}/{group}/limit", "", {"contracts_limit_fp": "2.50"})
    walk("PUT", f"{GROUPS}/{group}/trigger", "", {})
    walk("PUT", f"{GROUPS}/{group}/reset", "", {})
    walk("DELETE", f"{GROUPS}/{group}")


def use_money(walk: Walk) -> None:
    shards = {"source_exchange_shard": 0, "destination_exchange_shard": 3, "amount": 10_000}
    ids = {"client_transfer_id": "6b1f1d6e-2f5a-4a5e-9d0a-1b2c3d4e5f60"}
    instances = {"source": "event_contract", "destination": "event_contract"}
    moved = walk("POST", "/portfolio/intra_exchange_instance_transfer", "", instances | shards | ids)
    walk("POST", "/portfolio/intra_exchange_instance_transfer", "", instances | shards)
    walk.bench.advance(2)
    transfers = walk("GET", "/portfolio/intra_exchange_instance_transfers", "limit=1")
    assert transfers["cursor"]
    walk("GET", f"/portfolio/intra_exchange_instance_transfers/{moved['transfer_id']}")
    walk("POST", "/account/api_usage_level/upgrade")
    walk("GET", "/account/api_usage_level/volume_progress")
    walk("POST", "/portfolio/subaccounts", "", {})
    move = {"from_subaccount": 0, "to_subaccount": 1, "amount_cents": 500, **ids}
    walk("POST", "/portfolio/subaccounts/transfer", "", move)
    walk("GET", "/portfolio/subaccounts/balances")
    walk("GET", "/portfolio/subaccounts/transfers")
    walk("PUT", "/portfolio/subaccounts/netting", "", {"subaccount_number": 1, "enabled": True})
    walk("GET", "/portfolio/subaccounts/netting")
    walk("POST", ORDERS, "", walk.bench.order_body("bid", "0.2000", "1.00", subaccount=1))
    split = [{"exchange_index": 0, "percent": 60}, {"exchange_index": 3, "percent": 40}]
    walk("POST", "/portfolio/target_balance_allocation", "", {"allocations": split})
    walk("GET", "/portfolio/target_balance_allocation")
    walk("POST", "/portfolio/target_balance_allocation", "", {"allocations": []})


def use_keys(walk: Walk) -> None:
    walk.bench.sim.limits.tiers["alice"] = "premier"
    made = walk("POST", "/api_keys/generate", "", {"name": "trader", "key_type": "ed25519", "scopes": ["read", "write::trade"]})
    walk("POST", "/api_keys/generate", "", {"name": "locked", "key_type": "ed25519", "subaccount": 1})
    pem = walk.bench.alice.account.keys["key-alice"].decode()
    walk("POST", "/api_keys", "", {"name": "own", "public_key": pem})
    walk("GET", "/api_keys")
    walk("GET", "/account/limits")
    walk("DELETE", f"/api_keys/{made['api_key_id']}")


def test_every_route_answers_as_the_specification_says(bench: Any) -> None:
    """All routes are walked with trades, fees, groups, subaccounts, transfers and settlements behind them."""
    walk = Walk(bench)
    bench.sim.create_event(old_market(bench))
    bench.advance(1)
    bench.sim.public.event_fee_changes.clear()
    rested = trade_a_little(walk)
    use_groups(walk)
    use_money(walk)
    use_keys(walk)
    bench.sim.set_event_fees(EVENT, "quadratic", 0.5)
    bench.sim.schedule_series_fees("KXNBAGAME", "quadratic", 2, WallNs(bench.clock.wall_ns() + 86_400 * SECOND))
    bench.sim.determine(bench.mlb, "yes")
    bench.rest("bid", "0.6000", "2.00", who=bench.bob)
    bench.place("ask", "0.6000", "2.00")
    bench.flow("bid", "0.6000", "2", bench.uta)
    bench.place("ask", "0.6000", "2.00", ticker=bench.uta)
    bench.sim.determine(bench.gsw, "scalar", bench.price("0.5"))
    bench.sim.settle(bench.gsw)
    bench.sim.calendar.announcements.append(
        {"type": "info", "message": "m", "delivery_time": "2026-09-21T00:00:00Z", "status": "active"}
    )
    statement = {"status": "applied", "amount_cents": 5, "fee_cents": 0, "created_ts": 1_790_000_000}
    bench.sim.statements.deposits["alice"] = [statement | {"id": "d", "type": "ach"}]
    bench.sim.statements.withdrawals["alice"] = [statement | {"id": "w", "type": "wire"}]
    milestone, target = "11111111-1111-4111-8111-111111111111", bench.target
    span = "start_ts=1789990000&end_ts=1790000400&period_interval=1"
    reads = [
        *("/exchange/status", "/exchange/schedule", "/exchange/announcements", "/exchange/user_data_timestamp"),
        *("/series", "/series?include_volume=true&category=Sports", "/series/KXNBAGAME", "/series/fee_changes"),
        f"/series/KXNBAGAME/markets/{bench.gsw}/candlesticks?{span}&include_latest_before_start=true",
        f"/series/KXNBAGAME/events/{EVENT}/candlesticks?{span}",
        "/events?with_nested_markets=true&with_milestones=true&limit=2",
        *(
            "/events/multivariate?with_nested_markets=true",
            "/events/fee_changes",
            f"/events/{EVENT}",
            f"/events/{EVENT}/metadata",
        ),
        *("/markets?limit=3", f"/markets/{bench.gsw}", f"/markets/{bench.gsw}/orderbook", "/markets/trades"),
        f"/markets/orderbooks?tickers={bench.gsw}&tickers={bench.uta}",
        f"/markets/candlesticks?market_tickers={bench.gsw},{bench.uta}&{span}",
        *("/milestones?limit=1", f"/milestones/{milestone}", f"/live_data/milestone/{milestone}"),
        *(f"/live_data/basketball_game/milestone/{milestone}", f"/live_data/milestone/{milestone}/game_stats"),
        *(f"/live_data/batch?milestone_ids={milestone}", "/live_data/events/KXBTC-26NOV21"),
        *("/structured_targets", f"/structured_targets/{target}"),
        *("/search/tags_by_categories", "/search/filters_by_sport", "/incentive_programs", "/multivariate_event_collections"),
        *("/account/limits", "/account/endpoint_costs", "/api_keys"),
        *("/portfolio/balance", "/portfolio/positions", "/portfolio/positions?settlement_status=all", "/portfolio/fills"),
        *("/portfolio/orders", f"/portfolio/orders/{rested['order_id']}", "/portfolio/settlements"),
        *("/portfolio/deposits", "/portfolio/withdrawals"),
        *("/historical/cutoff", "/historical/markets", "/historical/markets/KXOLD-1-A", "/historical/trades"),
        *("/historical/fills", "/historical/orders", "/historical/positions"),
        f"/historical/markets/KXOLD-1-A/candlesticks?{span}",
    ]
    silent = {"/incentive_programs", "/multivariate_event_collections"}
    silent |= {"/historical/trades", "/historical/fills", "/historical/orders", "/historical/positions"}
    for read in reads:
        answer = walk("GET", *read.split("?"))
        assert read in silent or any(answer.values()), f"{read} shows nothing to check"
    walk("DELETE", ORDERS)

    assert {(route.method, route.path) for route in bench.sim.rest.routes} == walk.met


def test_what_is_not_served_is_named(bench: Any) -> None:
    """The specification's operations without a route are those of RFQs, brokers, combo creation, weather and forecasts."""
    spec = rest_spec()
    known = {(route.method, spec.template(route.method, route.path.replace("{}", "x"))) for route in served(bench)}
    missing = sorted(f"{method} {path}" for method, path in spec.operations() - known)

    left = ("/communications", "/fcm", "/live_data/weather", "/multivariate_event_collections/{collection_ticker}")
    assert [name for name in missing if not name.split()[1].startswith(left) and "forecast_percentile" not in name] == []


def served(bench: Any) -> list[Any]:
    return [route for route in bench.sim.rest.routes if route.path not in GONE_FROM_THE_FILE]


def test_every_kind_of_frame_matches_the_specification(bench: Any) -> None:
    """All kinds of frames this venue sends occur here, and every one of them validates."""
    spec = stream_spec()
    session = bench.connect()
    frames = bench.subscribe(session, "orderbook_delta", bench.gsw, id=0)
    frames += bench.subscribe(session, "orderbook_delta", bench.uta)
    for channel in ("ticker", "trade", "fill", "user_orders", "market_positions", "market_lifecycle_v2"):
        frames += bench.subscribe(session, channel)
    for channel in ("multivariate_market_lifecycle", "order_group_updates", "communications"):
        frames += bench.subscribe(session, channel)
    for channel, noun, field in (
        ("cfbenchmarks_value", "indices", "index_ids"),
        ("pyth_value", "underlyings", "underlying_tickers"),
    ):
        sid = bench.subscribe(session, channel)[0]["msg"]["sid"]
        for action in (f"subscribe_{noun}", "indexlist" if noun == "indices" else "underlying_list", f"unsubscribe_{noun}"):
            frames += bench.say(
                session, id=7, cmd="update_subscription", params={"sid": sid, "action": action, field: ["BRTI"]}
            )
    walk = Walk(bench)
    trade_a_little(walk)
    use_groups(walk)
    snapshot = {"sid": 1, "action": "get_snapshot", "market_tickers": [bench.gsw]}
    frames += bench.say(session, id=8, cmd="update_subscription", params=snapshot)
    bench.sim.create_event(bench.event_row("KXNBAGAME-26NOV22AB", "KXNBAGAME", 0, "KXNBAGAME-26NOV22AB-A"))
    combo = bench.market_row("KXMVE-2-A", "KXMVE-2", 1, mve_collection_ticker="KXMVE")
    bench.sim.create_event(bench.event_row("KXMVE-2", "KXMVE", 1, markets=[combo]))
    bench.sim.deactivate(bench.uta)
    bench.sim.activate(bench.uta)
    bench.sim.set_metadata(bench.uta, yes_sub_title="Utah J", floor_strike=3.5)
    bench.sim.set_grid(bench.gsw, [{"start": "0.0000", "end": "1.0000", "step": "0.0010"}], "deci_cent")
    bench.sim.set_event_fees(EVENT, "quadratic", 0.5)
    bench.sim.set_event_fees(EVENT, None, None)
    bench.sim.determine(bench.gsw, "yes")
    bench.sim.determine("KXMVE-2-A", "no")
    bench.advance(300)
    frames += bench.frames(session)
    frames += bench.say(session, id=9, cmd="list_subscriptions")
    frames += bench.say(session, id=10, cmd="dance")
    frames += bench.say(session, id=11, cmd="unsubscribe", params={"sids": [1, 2]})
    for sub in bench.sim.hub.all():
        bench.sim.hub.fail(sub, 10)
    frames += bench.frames(session)

    for frame in frames:
        spec.frame(frame)
        assert frame["sending_ts_ms"] > 0
    assert {frame["type"] for frame in frames} == {*FRAMES, "ok"}
