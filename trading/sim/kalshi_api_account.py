"""Routes of the simulated Kalshi about the account itself: limits, keys, balances, lists, transfers, subaccounts (7.5, 7.6, 8)."""

import random
import uuid
from collections.abc import Iterable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from trading.clock import SECOND, Clock
from trading.sim.core import Response
from trading.sim.kalshi_auth import Caller, Gatekeeper
from trading.sim.kalshi_call import Call, Route, Row, get, write
from trading.sim.kalshi_data import ALL_SCOPES, ApiError, json_response
from trading.sim.kalshi_history import Archive
from trading.sim.kalshi_limits import DEFAULT_COST, TIERS, RateLimits
from trading.sim.kalshi_members import Members
from trading.sim.kalshi_money import Account
from trading.sim.kalshi_portfolio import Portfolio
from trading.sim.kalshi_statements import Statements
from trading.sim.kalshi_transfers import Transfers
from trading.units import CONTRACT, Size, format_size

__all__ = ["AccountApi"]

_SCOPES = frozenset(
    {
        *("read", "read::block_trade_accept", "read::portfolio_balance"),
        *("write", "write::trade", "write::transfer", "write::block_trade_accept"),
    }
)


class AccountApi:
    """routes() is the table. Accounts are chosen per endpoint as the venue does: some lists cover all, some subaccount 0."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        gate: Gatekeeper,
        limits: RateLimits,
        members: Members,
        portfolio: Portfolio,
        statements: Statements,
        transfers: Transfers,
        archive: Archive,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._gate = gate
        self._limits = limits
        self._members = members
        self._portfolio = portfolio
        self._statements = statements
        self._transfers = transfers
        self._archive = archive

    def routes(self) -> Iterable[Route]:
        reads, moves = self._portfolio, self._transfers
        yield get("/account/limits", self._account_limits, "read")
        yield write("POST", "/account/api_usage_level/upgrade", self._upgrade, "write")
        yield get("/account/api_usage_level/volume_progress", self._progress, "read")
        yield get("/api_keys", self._api_keys, "read")
        yield write("POST", "/api_keys", self._create_key, "write")
        yield write("POST", "/api_keys/generate", self._generate_key, "write")
        yield write("DELETE", "/api_keys/{}", self._delete_key, "write")
        yield get("/portfolio/balance", self._balance, "read", "read::portfolio_balance", cost=None)
        yield get("/portfolio/positions", lambda call: reads.positions(self._one(call), call.query), "read")
        yield get("/portfolio/orders", lambda call: reads.orders(self._all(call), call.query), "read")
        yield get("/portfolio/orders/queue_positions", self._queue, "read")
        yield get("/portfolio/orders/{}", self._order, "read", cost=2)
        yield get("/portfolio/orders/{}/queue_position", self._queue_one, "read")
        yield get("/portfolio/fills", lambda call: reads.fills(self._all(call), call.query), "read")
        yield get("/portfolio/settlements", lambda call: reads.settlements(self._all(call), call.query), "read")
        yield get("/portfolio/summary/total_resting_order_value", self._resting_value, "read")
        yield get("/portfolio/deposits", self._deposits, "read")
        yield get("/portfolio/withdrawals", self._withdrawals, "read")
        yield get("/historical/fills", lambda call: self._archive.fills(self._all(call), call.query), "read")
        yield get("/historical/orders", lambda call: self._archive.orders(self._all(call), call.query), "read")
        yield get("/historical/positions", lambda call: self._archive.positions(self._one(call), call.query), "read")
        yield write("POST", "/portfolio/intra_exchange_instance_transfer", self._transfer, "write::transfer")
        yield get("/portfolio/intra_exchange_instance_transfers", lambda call: moves.listed(call.caller, call.query), "read")
        yield get("/portfolio/intra_exchange_instance_transfers/{}", lambda call: moves.one(call.caller, call.name), "read")
        yield get("/portfolio/target_balance_allocation", lambda call: moves.target(call.caller), "read")
        yield write("POST", "/portfolio/target_balance_allocation", self._set_target, "write::transfer")
        yield write("POST", "/portfolio/subaccounts", self._open_subaccount, "write::transfer")
        yield write("POST", "/portfolio/subaccounts/transfer", self._apply, "write::transfer")
        yield get("/portfolio/subaccounts/balances", lambda call: moves.balances(call.caller), "read")
        yield get("/portfolio/subaccounts/transfers", lambda call: moves.applied(call.caller, call.query), "read")
        yield get("/portfolio/subaccounts/netting", lambda call: moves.netting(call.caller), "read")
        yield write("PUT", "/portfolio/subaccounts/netting", self._set_netting, "write::transfer")

    # ── which accounts a request means (kalshi.md 7.5) ───────────────────────────────────────────────────────────────

    def _one(self, call: Call) -> Account:
        return self._members.account(call.caller, call.query.number("subaccount"))

    def _all(self, call: Call) -> Sequence[Account]:
        return self._members.scope(call.caller, call.query.number("subaccount"))

    # ── limits, tiers and keys ───────────────────────────────────────────────────────────────────────────────────────

    def _account_limits(self, call: Call) -> Row:
        user = call.caller.user_id
        (read, held), (wrote, burst) = self._limits.read_terms(user), self._limits.write_terms(user)
        tier = self._limits.tier(user)
        grant = {"exchange_instance": "event_contract", "level": tier, "source": "manual"}
        return {
            "usage_tier": tier,
            "read": {"refill_rate": read, "bucket_capacity": held},
            "write": {"refill_rate": wrote, "bucket_capacity": burst},
            "grants": [] if tier == "basic" else [grant],
        }

    def _upgrade(self, call: Call) -> Response:
        """Advanced for whoever placed an order through the API; 30 write tokens."""
        user = call.caller.user_id
        self._limits.write(user, 30)
        if not any(account.orders for account in self._members.of_user(user)):
            raise ApiError(403, "upgrade_criteria_not_met", "no order of the last 100 was created via API")
        if not self._limits.at_least(user, "advanced"):
            self._limits.tiers[user] = "advanced"
        return Response(201, b"{}", {"content-type": "application/json"})

    def _progress(self, call: Call) -> Row:
        """Own volume of the run against an exchange of 100 million contracts a month."""
        volume = sum(fill.size for account in self._members.of_user(call.caller.user_id) for fill in account.fills)
        shares = {
            "expert": (75, 50),
            "premier": (125, 100),
            "paragon": (250, 200),
            "prime": (500, 400),
            "prestige": (1000, 800),
        }
        month = 2 * 100_000_000 * CONTRACT
        goals = [
            {
                "level": level,
                "earn_volume_goal_fp": format_size(Size(month * earn // 100_000)),
                "keep_volume_goal_fp": format_size(Size(month * keep // 100_000)),
            }
            for level, (earn, keep) in shares.items()
        ]
        now = self._clock.wall_ns() // SECOND
        return {"volume_progress": [{"computed_ts": now, "trailing_30d_volume_fp": format_size(Size(volume)), "goals": goals}]}

    def _api_keys(self, call: Call) -> Row:
        rows: list[Row] = []
        for key in self._gate.keys_of(call.caller.user_id):
            row: Row = {"api_key_id": key.key_id, "name": key.name or key.key_id, "scopes": sorted(key.scopes)}
            rows.append(row if key.locked is None else row | {"subaccount": key.locked})
        answer: Row = {"api_keys": rows}
        until = self._members.attested_until[call.caller.user_id]
        if until is not None:
            answer["api_key_region_expiration_ts"] = until
        return answer

    def _create_key(self, call: Call) -> Response:
        """A key of the member's own; Premier and above."""
        body = call.body()
        self._limits.write(call.caller.user_id, DEFAULT_COST)
        if not self._limits.at_least(call.caller.user_id, "premier"):
            raise ApiError(403, "insufficient_usage_level", "needs the Premier level", f"levels: {', '.join(TIERS)}")
        key = self._new_key(call, body)
        try:
            self._gate.add(key, str(body.get("public_key") or "").encode())
        except ValueError as exc:
            raise ApiError(400, "invalid_parameters", details="public_key: must be an RSA or Ed25519 key in PEM") from exc
        return json_response(201, {"api_key_id": key.key_id})

    def _generate_key(self, call: Call) -> Response:
        body = call.body()
        self._limits.write(call.caller.user_id, DEFAULT_COST)
        kind = body.get("key_type") or "rsa"
        if kind not in ("rsa", "ed25519"):
            raise ApiError(400, "invalid_parameters", details="key_type: must be rsa or ed25519")
        key = self._new_key(call, body)
        private: RSAPrivateKey | Ed25519PrivateKey
        private = Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65537, 2048)
        self._gate.add(key, private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return json_response(201, {"api_key_id": key.key_id, "key_type": kind, "private_key": pem})

    def _new_key(self, call: Call, body: Row) -> Caller:
        """Scopes default to everything; the parent write needs read, and no key grants more than the one that asks."""
        name, scopes, number = body.get("name"), body.get("scopes"), body.get("subaccount")
        if not isinstance(name, str) or not name:
            raise ApiError(400, "invalid_parameters", details="name: is required")
        if scopes is not None and (not isinstance(scopes, list) or not scopes or set(map(str, scopes)) - _SCOPES):
            raise ApiError(400, "invalid_parameters", details="scopes: unknown scope")
        granted = ALL_SCOPES if scopes is None else frozenset(map(str, scopes))
        if "write" in granted and "read" not in granted:
            raise ApiError(400, "invalid_parameters", details="scopes: write needs read")
        locked = self._members.account(call.caller, number).subaccount if number is not None else call.caller.locked
        key_id = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        return Caller(call.caller.user_id, key_id, granted, locked, name)

    def _delete_key(self, call: Call) -> Response:
        self._limits.write(call.caller.user_id, DEFAULT_COST)
        if not self._gate.remove(call.caller.user_id, call.name):
            raise ApiError(404, "api_key_not_found", details=call.name)
        return Response(204, b"")

    # ── portfolio ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _balance(self, call: Call) -> Row:
        self._limits.balance(call.caller.user_id)
        return self._portfolio.balance(self._one(call), call.query)

    def _order(self, call: Call) -> Row:
        order = self._portfolio.order(self._members.scope(call.caller, None), call.name)
        if order is None:
            raise ApiError(404, "order_not_found", details=call.name)
        return {"order": order}

    def _queue(self, call: Call) -> Row:
        return self._statements.queue_positions(self._one(call), call.query)

    def _queue_one(self, call: Call) -> Row:
        return self._statements.queue_position(self._members.scope(call.caller, None), call.name)

    def _resting_value(self, call: Call) -> Row:
        return self._statements.resting_value(self._members.scope(call.caller, None))

    def _deposits(self, call: Call) -> Row:
        return self._statements.bank("deposits", self._statements.deposits.get(call.caller.user_id, []), call.query)

    def _withdrawals(self, call: Call) -> Row:
        return self._statements.bank("withdrawals", self._statements.withdrawals.get(call.caller.user_id, []), call.query)

    # ── money ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _billed(self, call: Call) -> Row:
        body = call.body_or_empty()
        self._limits.write(call.caller.user_id, DEFAULT_COST)
        return body

    def _transfer(self, call: Call) -> Row:
        return self._transfers.move(call.caller, self._billed(call))

    def _set_target(self, call: Call) -> Row:
        return self._transfers.set_target(call.caller, self._billed(call))

    def _open_subaccount(self, call: Call) -> Response:
        body = self._billed(call)
        if not self._limits.at_least(call.caller.user_id, "advanced"):
            raise ApiError(403, "insufficient_usage_level", "subaccounts need the Advanced level")
        return json_response(201, self._transfers.create(call.caller, body))

    def _apply(self, call: Call) -> Row:
        return self._transfers.apply(call.caller, self._billed(call))

    def _set_netting(self, call: Call) -> Row:
        self._transfers.set_netting(call.caller, self._billed(call))
        return {}
