"""The Data API of the simulated Polymarket: positions, trades, activity, value, permissions, past prices (polymarket.md 13).

Rows come from the index, seconds behind the chain; permissions and past prices are of now. Numbers are JSON numbers here, in
dollars and shares, and every list pages as {"data", "pagination": {"has_more", "next_cursor"}}.
"""

from collections.abc import Iterable

from trading.sim.core import Request, Response
from trading.sim.polymarket_books import reply
from trading.sim.polymarket_contracts import MAX_UINT256, PUSD, operators, spenders
from trading.sim.polymarket_data import Json, SimMarket, decimal, own_price, price_text
from trading.sim.polymarket_history import points
from trading.sim.polymarket_index import Holding, Index, moment
from trading.sim.polymarket_public import END_CURSOR, page, query_one
from trading.sim.polymarket_state import Effect, SimState, Wallet
from trading.units import ONE, Price

__all__ = ["Portfolio", "payout_of"]

_SECOND = 1_000_000_000


def payout_of(market: SimMarket, outcome: int) -> Price | None:
    """What one share of an outcome pays, None before resolution."""
    return None if market.payout is None else Price(market.payout if outcome == 0 else ONE - market.payout)


def _number(value: int) -> float:
    return float(decimal(value))


class Portfolio:
    """Answers /v2/... of the Data API's host."""

    def __init__(self, state: SimState, index: Index) -> None:
        self._state = state
        self._index = index

    def handle(self, request: Request, path: str) -> Response:
        """path is that of the Data API's own host."""
        if path == "/v2/prices-history":
            return self._prices(request)
        user = query_one(request, "user")
        if not user:
            return reply({"error": "required query param 'user' not provided"}, 400)
        wallet = self._state.wallet_of(user)
        if path == "/v2/positions":
            return _paged(request, self._wanted(request, self._positions(wallet, request)))
        if path in ("/v2/trades", "/v2/activity"):
            rows = self._wanted(request, self._moves(wallet, trades=path.endswith("trades")))
            return _paged(request, [row for row in rows if query_one(request, "side") in (None, row.get("side"))])
        if path == "/v2/value":
            rows = self._wanted(request, self._positions(wallet, request))
            return reply({"data": {"proxy_wallet": user, "value": sum(row["current_value"] for row in rows)}})
        if path == "/v2/approvals":
            return reply({"data": self._approvals(user, wallet)})
        return reply({"error": "not found"}, 404)

    def _wanted(self, request: Request, rows: Iterable[Json]) -> list[Json]:
        """Rows of the named markets, all without a name."""
        named = [value for name, value in request.query if name in ("condition_id", "market")]
        wanted = {part.lower() for value in named for part in value.split(",")}
        return [row for row in rows if not wanted or str(row["condition_id"]).lower() in wanted]

    def _about(self, wallet: Wallet, token: str) -> tuple[SimMarket, int, Json]:
        market = self._state.by_token[token]
        outcome = market.index(token)
        about: Json = {
            "proxy_wallet": wallet.account.funder,
            "token_id": token,
            "condition_id": market.id,
            "title": market.raw.get("question") or "",
            "slug": market.raw.get("slug") or "",
            "icon": "",
            "event_slug": market.event.get("slug") or "",
            "outcome": market.outcomes[outcome],
            "outcome_index": outcome,
        }
        return market, outcome, about

    # --- positions ---------------------------------------------------------------------------------------------------------

    def _positions(self, wallet: Wallet | None, request: Request) -> list[Json]:
        status = (query_one(request, "status") or "OPEN").upper()
        held = {} if wallet is None else self._index.held(wallet)
        found = []
        for token, holding in held.items():
            if wallet is not None:
                row, states = self._position(wallet, token, holding, held)
                if states.get(status, False):
                    found.append(row)
        return found

    def _position(self, wallet: Wallet, token: str, holding: Holding, held: dict[str, Holding]) -> tuple[Json, dict[str, bool]]:
        """A row, and which status filters keep it."""
        market, outcome, about = self._about(wallet, token)
        pays = payout_of(market, outcome)
        last = market.last_price
        price = pays if pays is not None else Price(ONE // 2) if last is None else own_price(outcome, last)
        both = held.get(market.tokens[1 - outcome], Holding()).shares > 0
        shares, value = holding.shares, holding.shares * price // ONE
        states = {
            "OPEN": shares > 0,
            "CLOSED": shares == 0,
            "REDEEMABLE": shares > 0 and pays is not None,
            "REDEEMABLE_LOST": shares > 0 and pays == 0,
            "MERGEABLE": shares > 0 and both and pays is None,
        }
        unrealized = value - holding.cost
        row: Json = {
            **about,
            "current_size": _number(shares),
            "avg_price": holding.spent / holding.bought if holding.bought else 0.0,
            "entry_cost_usdc": _number(holding.cost),
            "entry_fees_usdc": _number(holding.fees),
            "total_cost_usdc": _number(holding.spent),
            "current_price": float(price_text(price)),
            "current_value": _number(value),
            "total_size": _number(holding.bought),
            "realized_pnl": _number(holding.realized),
            "unrealized_pnl": _number(unrealized),
            "total_pnl": _number(unrealized + holding.realized),
            "percent_pnl": 100 * unrealized / holding.cost if holding.cost else 0.0,
            "percent_realized_pnl": 100 * holding.realized / holding.spent if holding.spent else 0.0,
            "status": "CLOSED" if not shares else "OPEN" if pays is None else "REDEEMABLE",
            "redeemable": states["REDEEMABLE"],
            "mergeable": states["MERGEABLE"],
            "negative_risk": market.neg_risk,
            "archived": bool(market.raw.get("archived")),
            "verified": True,
            "event_id": str(market.event.get("id") or ""),
            "opposite_outcome": market.outcomes[1 - outcome],
            "opposite_token_id": market.tokens[1 - outcome],
            "end_date": str(market.raw.get("endDate") or "")[:10],
            "first_entry_at": holding.first_at // _SECOND,
            "last_event_at": holding.last_at // _SECOND,
        }
        return row, states

    # --- what happened -----------------------------------------------------------------------------------------------------

    def _moves(self, wallet: Wallet | None, *, trades: bool) -> list[Json]:
        """Trades, or every movement of the wallet, newest first."""
        if wallet is None:
            return []
        found = []
        for effect in reversed(self._index.seen(wallet)):
            pair = effect.kind in ("SPLIT", "MERGE")  # one movement of two tokens, listed once
            if effect.trade is not None or not (trades or (pair and self._about(wallet, effect.token)[1])):
                found.append(self._move(wallet, effect, trades=trades))
        return found

    def _move(self, wallet: Wallet, effect: Effect, *, trades: bool) -> Json:
        _, _, about = self._about(wallet, effect.token)
        row: Json = {
            **about,
            "timestamp": moment(effect) // _SECOND,
            "transaction_hash": effect.chain_hash if effect.trade is None else effect.trade.hash,
        }
        pair = effect.kind in ("SPLIT", "MERGE")
        value = abs(effect.shares if pair else effect.cash + effect.fee)
        if effect.trade is not None:
            row["side"] = "BUY" if effect.shares > 0 else "SELL"
            row["size"] = _number(abs(effect.shares))
            row["price"] = value / abs(effect.shares)
        if not trades:
            row.update(type=effect.kind, usdc_size=_number(value), is_combo=False)
        return row

    def _prices(self, request: Request) -> Response:
        token = query_one(request, "token_id") or ""
        market = self._state.by_token.get(token)
        if market is None:
            return reply({"error": "token not found"}, 404)
        bucket = query_one(request, "bucket_seconds") or "60"
        window = (query_one(request, "interval"), query_one(request, "start"), query_one(request, "end"))
        fidelity = max(1, int(bucket) // 60) if bucket.isdecimal() else 1
        rows = [
            {"timestamp": second, "price": float(price_text(price)), "resolution_seconds": fidelity * 60}
            for second, price in points(market, market.index(token), self._state.seconds(), window, fidelity)
        ]
        return _paged(request, rows)

    def _approvals(self, user: str, wallet: Wallet | None) -> Json:
        """Every pair of token and contract the venue knows, as the chain has it."""
        chain_id, rows = self._state.chain_id, []
        allowances = {} if wallet is None else wallet.allowances
        allowed = set() if wallet is None else wallet.operators
        for spender in spenders(chain_id):
            amount = allowances.get(spender.lower(), 0)
            text = "max" if amount == MAX_UINT256 else str(amount)
            rows.append({"token": PUSD, "spender": spender, "standard": "ERC20", "approved": amount > 0, "amount": text})
        for token, operator in operators(chain_id):
            approved = (token.lower(), operator.lower()) in allowed
            rows.append({"token": token, "spender": operator, "standard": "ERC1155", "approved": approved, "amount": None})
        return {"address": user, "chain_id": chain_id, "contracts": rows}


def _paged(request: Request, rows: list[Json]) -> Response:
    limit = query_one(request, "limit") or ""
    size = max(1, min(int(limit), 1000)) if limit.isdecimal() and len(limit) < 9 else 100
    block = page(rows, query_one(request, "cursor"), size)
    more = block["next_cursor"] != END_CURSOR
    pages = {"has_more": more, "next_cursor": block["next_cursor"] if more else None}
    return reply({"data": block["data"], "pagination": pages})
