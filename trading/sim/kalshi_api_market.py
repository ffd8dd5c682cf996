"""Routes of the simulated Kalshi that need no key: exchange, series, events, markets, history, games (kalshi.md 2, 4, 5)."""

from collections.abc import Iterable

from trading.sim.kalshi_calendar import Calendar
from trading.sim.kalshi_call import Call, Route, Row, get
from trading.sim.kalshi_candles import Candles
from trading.sim.kalshi_data import json_response
from trading.sim.kalshi_history import Archive
from trading.sim.kalshi_limits import DEFAULT_COST, ENDPOINT_COSTS
from trading.sim.kalshi_live import LiveDesk
from trading.sim.kalshi_portfolio import Portfolio
from trading.sim.kalshi_public import PublicData

__all__ = ["market_routes"]


def market_routes(
    calendar: Calendar, public: PublicData, candles: Candles, live: LiveDesk, archive: Archive, portfolio: Portfolio
) -> Iterable[Route]:
    """The public table, in the order of the OpenAPI file."""
    yield get("/exchange/status", lambda call: json_response(calendar.status_code, calendar.status()))
    yield get("/exchange/announcements", lambda call: calendar.announced())
    yield get("/exchange/schedule", lambda call: calendar.schedule())
    yield get("/exchange/user_data_timestamp", lambda call: {"as_of_time": portfolio.as_of()})
    yield get("/series/fee_changes", lambda call: public.fee_change_list(call.query))
    yield get("/series", lambda call: public.series_list(call.query))
    yield get("/series/{}", lambda call: public.series_one(call.name, call.query))
    yield get("/series/{}/markets/{}/candlesticks", lambda call: candles.of_market(call.names[0], call.names[1], call.query))
    yield get("/series/{}/events/{}/candlesticks", lambda call: candles.of_event(call.names[0], call.names[1], call.query))
    yield get("/events", lambda call: public.events(call.query))
    yield get("/events/multivariate", lambda call: public.combos(call.query))
    yield get("/events/fee_changes", lambda call: public.event_fee_change_list(call.query))
    yield get("/events/{}", lambda call: public.event_one(call.name, call.query))
    yield get("/events/{}/metadata", lambda call: live.metadata(call.name))
    yield get("/markets", lambda call: public.markets(call.query))
    yield get("/markets/orderbooks", lambda call: public.orderbooks(call.query))
    yield get("/markets/trades", lambda call: public.trades(call.query))
    yield get("/markets/candlesticks", lambda call: candles.of_markets(call.query))
    yield get("/markets/{}", lambda call: public.market_one(call.name))
    yield get("/markets/{}/orderbook", lambda call: public.orderbook(call.name, call.query))
    yield get("/milestones", lambda call: live.milestones(call.query))
    yield get("/milestones/{}", lambda call: live.milestone(call.name))
    yield get("/live_data/batch", lambda call: live.live_batch(call.query))
    yield get("/live_data/milestone/{}", lambda call: live.live(call.name))
    yield get("/live_data/{}/milestone/{}", lambda call: live.live(call.names[1], call.names[0]))
    yield get("/live_data/milestone/{}/game_stats", lambda call: live.game_stats(call.name))
    yield get("/live_data/events/{}", lambda call: live.event_live(call.name))
    yield get("/structured_targets", lambda call: live.targets(call.query))
    yield get("/structured_targets/{}", lambda call: live.target(call.name))
    yield get("/search/tags_by_categories", lambda call: live.tags())
    yield get("/search/filters_by_sport", lambda call: live.sports())
    yield get("/account/endpoint_costs", _endpoint_costs)
    yield get("/incentive_programs", lambda call: {"incentive_programs": []})
    yield get("/multivariate_event_collections", lambda call: {"multivariate_contracts": [], "cursor": ""})
    yield get("/historical/cutoff", lambda call: archive.cutoff())
    yield get("/historical/markets", lambda call: archive.markets(call.query))
    yield get("/historical/markets/{}", lambda call: archive.market(call.name))
    yield get("/historical/markets/{}/candlesticks", lambda call: archive.candlesticks(call.name, call.query))
    yield get("/historical/trades", lambda call: archive.trades(call.query))


def _endpoint_costs(call: Call) -> Row:
    rows = [{"method": method, "path": path, "cost": cost} for method, path, cost in ENDPOINT_COSTS]
    return {"default_cost": DEFAULT_COST, "endpoint_costs": rows}
