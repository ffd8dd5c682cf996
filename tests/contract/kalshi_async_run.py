"""kalshi-python-async 3.2, the newest official client for Python 3.11, unmodified, on the simulated Kalshi.

It signs with RSA and reads accounts, events, series and milestones. Its models of a market and a book name fields the venue took
away in 2026, and its order writes go to a path that is gone: so they must fail here as they do there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import kalshi_python_async as kalshi
from checks import Checks, fetch, run_checks
from kalshi_python_async.exceptions import ApiException
from pydantic import ValidationError


class _Runner:
    """The client lives in one loop; checks come one after the other."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks
        self._loop = asyncio.new_event_loop()

    def run(self, name: str, work: Callable[[], Awaitable[object]], holds: Callable[[object], object]) -> object:
        return self._checks.run(name, lambda: self._loop.run_until_complete(work()), holds)

    def client(self) -> kalshi.KalshiClient:
        async def make() -> kalshi.KalshiClient:
            card = self._checks.card
            settings = kalshi.Configuration(host=card["kalshi_rest"])
            settings.api_key_id = card["kalshi_key_id"]
            settings.private_key_pem = Path(card["kalshi_private_key_path"]).read_text()
            return kalshi.KalshiClient(settings)

        return self._loop.run_until_complete(make())

    def close(self, client: kalshi.KalshiClient) -> None:
        self._loop.run_until_complete(client.close())
        self._loop.close()


async def _error(kind: type[Exception], work: Awaitable[object]) -> Exception:
    try:
        await work
    except kind as exc:
        return exc
    raise AssertionError("nothing was raised")


def main(checks: Checks) -> None:
    runner = _Runner(checks)
    client, run = runner.client(), runner.run
    exchange, portfolio, events = kalshi.ExchangeApi(client), kalshi.PortfolioApi(client), kalshi.EventsApi(client)
    markets, orders = kalshi.MarketApi(client), kalshi.OrdersApi(client)
    listed = fetch(f"{checks.card['kalshi_rest']}/markets?limit=100&status=open&mve_filter=exclude")["markets"]
    ticker = listed[0]["ticker"]
    run("status", exchange.get_exchange_status, lambda row: row.exchange_active is True)
    run("schedule", exchange.get_exchange_schedule, lambda row: row.schedule.standard_hours)
    run("data time", exchange.get_user_data_timestamp, lambda row: row.as_of_time)
    run("fee changes", exchange.get_series_fee_changes, lambda row: row.series_fee_change_arr is not None)
    run("balance", portfolio.get_balance, lambda row: row.balance > 0)
    run("positions", portfolio.get_positions, lambda row: row.market_positions == [])
    run("fills", portfolio.get_fills, lambda row: row.fills == [])
    run("settlements", portfolio.get_settlements, lambda row: row.settlements == [])
    run("orders", orders.get_orders, lambda row: row.orders == [])
    run("events", lambda: events.get_events(limit=5), lambda page: len(page.events) == 5 and page.cursor)
    run("series", lambda: markets.get_series(ticker.split("-")[0]), lambda row: row.series.fee_multiplier > 0)
    run("all series", markets.get_series_list, lambda row: row.series)
    run("milestones", lambda: kalshi.MilestoneApi(client).get_milestones(limit=5), lambda page: page.milestones[0].start_date)
    run("keys", kalshi.ApiKeysApi(client).get_api_keys, lambda row: len(row.api_keys) == 2)
    run("trades", lambda: markets.get_trades(limit=5), lambda page: page.trades is not None)
    run("no cents", lambda: _error(ValidationError, markets.get_market(ticker)), lambda exc: "yes_bid" in str(exc))
    run(
        "no cent books",
        lambda: _error(ValidationError, markets.get_market_orderbook(ticker)),
        lambda exc: "orderbook" in str(exc),
    )
    old = {"ticker": ticker, "side": "yes", "action": "buy", "count": 1, "yes_price": 5, "type": "limit"}
    run("old orders gone", lambda: _error(ApiException, orders.create_order(**old)), lambda exc: exc.status == 410)
    runner.close(client)


if __name__ == "__main__":
    run_checks(main)
