"""Which orders the venue takes in: body, owner, wallet, signature, amounts, grid, minimums, expiry (polymarket.md 5 to 7.4).

Everything here is decided before the book is looked at. A refusal is OrderRefused with the venue's own words.
"""

from typing import Any

from trading.clock import SECOND
from trading.sim.polymarket_auth import SignedFields, exchange_domain, order_digest, verify_order
from trading.sim.polymarket_data import Json, SimMarket, decimal, price_text
from trading.sim.polymarket_state import ApiKey, ClobOrder, SimState
from trading.sim.polymarket_wallets import verify_session_order
from trading.units import ONE, Money, Price, Size

__all__ = ["OrderRefused", "draft_order"]

_GTD_LEAST_S = 180
_AMOUNT_DECIMALS = {1000: 3, 100: 4, 50: 5, 25: 6, 10: 5, 1: 6}  # 6.2: tick in 1/10,000 -> decimals of the other amount
_CENTS = 10_000  # 2 decimals of a 6-decimal amount


class OrderRefused(Exception):
    """A definite refusal: text is the venue's, status the HTTP status of a single order."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


def _bad_payload() -> OrderRefused:
    return OrderRefused("Invalid order payload")


def _uint(value: Any) -> int:
    """A whole number as the wire has it: a number, or a string of digits."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _bad_payload()
    if isinstance(value, str) and not (len(value) <= 78 and value.isascii() and value.isdecimal()):
        raise _bad_payload()
    number = int(value)
    if not 0 <= number < 1 << 256:
        raise _bad_payload()
    return number


def _hex(value: Any, length: int | None = None) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise _bad_payload()
    try:
        raw = bytes.fromhex(value[2:])
    except ValueError as exc:
        raise _bad_payload() from exc
    if length is not None and len(raw) != length:
        raise _bad_payload()
    return raw


def _signed(order: Json) -> SignedFields:
    side = order.get("side")
    if side not in ("BUY", "SELL") or not isinstance(order.get("salt"), int) or _uint(order["salt"]) >= 1 << 53:
        raise _bad_payload()
    for name in ("maker", "signer"):
        _hex(order.get(name), 20)
    return SignedFields(
        salt=_uint(order["salt"]),
        maker=order["maker"],
        signer=order["signer"],
        token=_uint(order.get("tokenId")),
        maker_amount=_uint(order.get("makerAmount")),
        taker_amount=_uint(order.get("takerAmount")),
        side=0 if side == "BUY" else 1,
        signature_type=_uint(order.get("signatureType")),
        timestamp=_uint(order.get("timestamp")),
        metadata=_hex(order.get("metadata"), 32),
        builder=_hex(order.get("builder"), 32),
    )


def _check_wallet(fields: SignedFields, key: ApiKey) -> None:
    """The maker must be the key's own wallet in its own signature type; the signer rule follows the type (4.3)."""
    account = key.wallet.account
    if key.wallet.banned:
        raise OrderRefused(f"'{account.owner}' address banned")
    if fields.signature_type != account.signature_type or fields.maker.lower() != account.funder.lower():
        raise OrderRefused("maker address not allowed, please use the deposit wallet flow")
    signer = account.funder if fields.signature_type == 3 else account.owner
    if fields.signer.lower() != signer.lower():
        raise OrderRefused("the order signer address has to be the address of the API KEY")


def _price(market: SimMarket, fields: SignedFields) -> Price | None:
    """The tick price the two amounts stand for, None when they stand for none.

    A client rounds one amount down to the tick's decimals (6.2), so the ratio may miss the tick by less than one such unit.
    """
    buy = fields.side == 0
    shares, cash = (fields.taker_amount, fields.maker_amount) if buy else (fields.maker_amount, fields.taker_amount)
    steps = (2 * cash * ONE + shares * market.tick) // (2 * shares * market.tick)
    price = Price(steps * market.tick)
    unit: int = 10 ** (6 - _AMOUNT_DECIMALS.get(market.tick, 6))
    slack = max(price, market.tick) * unit if buy else ONE * unit
    if abs(cash * ONE - price * shares) > slack or not market.tick <= price <= ONE - market.tick:
        return None
    return price


def _check_decimals(market: SimMarket, fields: SignedFields) -> None:
    """FAK and FOK amounts: what is given has at most 2 decimals, what is wanted those of the tick (6.2)."""
    unit: int = 10 ** (6 - max(4, _AMOUNT_DECIMALS.get(market.tick, 6)))
    if fields.maker_amount % _CENTS or fields.taker_amount % unit:
        word = "buy" if fields.side == 0 else "sell"
        raise OrderRefused(
            f"invalid amounts, the market {word} orders maker amount supports a max accuracy of 2 decimals, "
            f"taker amount a max of {max(4, _AMOUNT_DECIMALS.get(market.tick, 6))} decimals"
        )


def draft_order(state: SimState, key: ApiKey, body: Any) -> ClobOrder:
    """Read and judge one body of POST /order; the order has not met the book. Raises OrderRefused."""
    if not isinstance(body, dict) or not isinstance(body.get("order"), dict):
        raise _bad_payload()
    order: Json = body["order"]
    kind = body.get("orderType")
    post_only = body.get("postOnly", False)
    if kind not in ("GTC", "GTD", "FOK", "FAK") or not isinstance(post_only, bool) or body.get("deferExec", False) is not False:
        raise _bad_payload()
    if post_only and kind in ("FOK", "FAK"):
        raise _bad_payload()
    if "feeRateBps" in order or "nonce" in order:  # the order form before 2026-04-28
        raise OrderRefused("order_version_mismatch")
    if body.get("owner") != key.key:
        raise OrderRefused("the order owner has to be the owner of the API KEY")
    fields = _signed(order)
    expiration = _uint(order.get("expiration", "0"))
    signature = _hex(order.get("signature"))
    _check_wallet(fields, key)
    market = state.by_token.get(str(fields.token))
    if market is None:
        raise OrderRefused("market not found", 404)
    if fields.maker_amount == 0 or fields.taker_amount == 0:
        raise _bad_payload()
    domain = exchange_domain(market.version, market.neg_risk, state.chain_id)
    if key.signer:
        proven = verify_session_order(fields, signature, domain, state.chain_id, key.signer)
    else:
        proven = verify_order(fields, signature, domain, state.chain_id, key.wallet.account.owner)
    if not proven:
        raise OrderRefused("invalid signature")
    order_id = "0x" + order_digest(fields, domain).hex()
    if not market.accepting or market.payout is not None:
        raise OrderRefused("the market is not yet ready to process new orders")
    if order_id in state.orders:
        raise OrderRefused(f"order {order_id} is invalid. Duplicated.")

    buy = fields.side == 0
    taking = kind in ("FOK", "FAK")
    shares = Size(fields.taker_amount if buy else fields.maker_amount)
    cash = Money(fields.maker_amount if buy else fields.taker_amount)
    price = _price(market, fields)
    if price is None:
        ratio = decimal(cash * 1_000_000 // shares)
        raise OrderRefused(
            f"order {order_id} is invalid. Price ({ratio}) breaks minimum tick size rule: {price_text(market.tick)}"
        )
    if taking:
        _check_decimals(market, fields)
    elif shares < market.min_size:
        raise OrderRefused(
            f"order {order_id} is invalid. Size ({decimal(shares)}) lower than the minimum: {decimal(market.min_size)}"
        )
    now_s = state.clock.wall_ns() // SECOND
    if (kind == "GTD") != (expiration != 0) or (kind == "GTD" and expiration < now_s + _GTD_LEAST_S):
        raise OrderRefused("invalid expiration")
    if buy and key.wallet.closed_only:
        raise OrderRefused(f"'{key.wallet.account.owner}' address in closed only mode")
    return ClobOrder(
        id=order_id,
        wallet=key.wallet,
        api_key=key.key,
        market=market,
        outcome=market.index(str(fields.token)),
        buy=buy,
        type=kind,
        price=price,
        shares=shares,
        budget=cash if taking and buy else Money(0),
        post_only=post_only,
        expiration=expiration,
        created_at=state.clock.wall_ns(),
        builder="0x" + fields.builder.hex() if any(fields.builder) else "",
    )
