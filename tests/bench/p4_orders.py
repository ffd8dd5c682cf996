"""P4: a Polymarket order from its want to the bytes and headers of POST /order, over the official client in the same run.

Both build, sign, write the body and its headers; neither sends. Before anything is timed, every wallet type on every exchange
must give the same body byte for byte, signature included, and the same headers. The reference is py-clob-client-v2 with
coincurve, which makes it eight times faster than as it installs.
"""

import random
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from tests.bench.measure import Measure, take_turns
from trading.ids import ArbId, leg_id
from trading.market import POLYMARKET, Action, FeeTerms, Market, MarketId, Outcome
from trading.order import LegRequest, Tif, Want
from trading.polymarket.orders import body_of, prepare
from trading.polymarket.sign import Account, ApiCredentials, RequestSigner
from trading.secrets import Secret
from trading.units import CENT, CONTRACT, DOLLAR, ONE, Money, MonoNs, Price, Size

__all__ = ["SPEEDUP", "measure"]

SPEEDUP = 10.0
_KEY = "0x" + "5a" * 32
_WALLET = "0x" + "11" * 20
_API = ("00000000-0000-4000-8000-000000000000", "YmVuY2hiZW5jaGJlbmNoYmVuY2hiZW5jaGJlbmNoYmU=", "bench")
_TYPES = (0, 1, 2, 3)
_EXCHANGES = (("standard", "v1", False), ("neg-risk", "v1", True), ("v3", "v2", False))
_TOKENS = ("7" + "1" * 75, "7" + "2" * 75)
_ORDERS = 20
_HOW = "not measured: install the bench extra (pip install -e '.[bench]'; make bench does it)"
_CHECKED = ("POLY_ADDRESS", "POLY_API_KEY", "POLY_PASSPHRASE", "POLY_SIGNATURE", "POLY_TIMESTAMP")


def measure(*, quick: bool) -> list[Measure]:
    """The time of one order of ours over the official client's, type 3 on the standard exchange; without that client none."""
    if find_spec("py_clob_client_v2") is None:
        return [Measure(id="P4", value=None, target=1 / SPEEDUP, more={"missing": _HOW})]
    same = sum(_compare(wallet, *exchange) for wallet in _TYPES for exchange in _EXCHANGES)
    wants = _wants(random.Random(4), _ORDERS)
    more: dict[str, object] = {"identical_orders": same, "backend": _backend()}
    values = []
    for wallet in (1, 3):
        theirs, ours = _Official(wallet, "v1", False), _Ours(wallet, "v1", False)

        def prepared(theirs: "_Official" = theirs, ours: "_Ours" = ours) -> tuple[Callable[[], object], Callable[[], object]]:
            return lambda: [ours.order(want, 7, 1_790_000_000_000) for want in wants], lambda: [
                theirs.order(want) for want in wants
            ]

        turns = take_turns(3 if quick else 100, _ORDERS, prepared)
        values.append(turns.ratio)
        more |= {
            f"type{wallet}_us": round(min(turns.subject) / 1000, 1),
            f"type{wallet}_official_us": round(min(turns.reference) / 1000, 1),
            f"type{wallet}_times": round(1 / turns.ratio, 1),
        }
    return [Measure(id="P4", value=max(values), target=1 / SPEEDUP, more=more)]


def _wants(chance: random.Random, count: int) -> Sequence[Want]:
    """Resting orders at whole cents, so that both sides round alike."""
    return [
        Want(
            market=MarketId("0x" + "b" * 64),
            outcome=chance.choice((Outcome.YES, Outcome.NO)),
            action=chance.choice((Action.BUY, Action.SELL)),
            limit=Price(chance.randrange(1, 100) * CENT),
            size=Size(chance.randrange(5, 5_000) * CONTRACT),
            tif=Tif.GTC,
        )
        for _ in range(count)
    ]


def _compare(wallet: int, _name: str, version: str, neg_risk: bool) -> int:
    """How many orders came out alike. Raises AssertionError at the first that did not."""
    theirs, ours = _Official(wallet, version, neg_risk), _Ours(wallet, version, neg_risk)
    wants = _wants(random.Random(wallet), 8)
    for want in wants:
        signed, body, headers = theirs.order(want)
        our_body, our_headers = ours.order(want, int(signed.salt), int(signed.timestamp), int(headers["POLY_TIMESTAMP"]))
        assert our_body == body, f"type {wallet} {_name}: {our_body!r} is not {body!r}"
        assert {key: our_headers[key] for key in _CHECKED} == {key: headers[key] for key in _CHECKED}
    return len(wants)


class _Ours:
    """What the client does between a leg and the socket."""

    def __init__(self, wallet: int, version: str, neg_risk: bool) -> None:
        self._account = Account(Secret(_KEY), "" if wallet == 0 else _WALLET, wallet)
        self._signer = RequestSigner(ApiCredentials(_API[0], Secret(_API[1]), Secret(_API[2])), self._account.address)
        self._market = Market(
            id=MarketId("0x" + "b" * 64),
            venue=POLYMARKET,
            event_id="bench",
            question="bench",
            tokens=_TOKENS,
            grid=((Price(CENT), Price(ONE - CENT), Price(CENT)),),
            min_size=Size(CONTRACT // 100),
            size_step=Size(CONTRACT // 100),
            version=version,
            neg_risk=neg_risk,
            fees=FeeTerms(schedule="polymarket", taker=50_000),
        )
        self._leg = leg_id(ArbId(bytes(14)), 1, 1)

    def order(self, want: Want, salt: int, stamp_ms: int, seconds: int = 1_790_000_000) -> tuple[bytes, dict[str, str]]:
        leg = LegRequest(
            leg_id=self._leg,
            want=want,
            venue=POLYMARKET,
            purpose="open",
            max_cost=Money(10_000 * DOLLAR),
            world="sim",
            epoch=1,
            deadline=MonoNs(1),
        )
        order = prepare(leg, self._market, self._account, salt=salt, timestamp_ms=stamp_ms)
        body = body_of(order, self._account, _API[0])
        return body, self._signer.headers("POST", "/order", body, timestamp=seconds)


class _Official:
    """The official client as it is, except that its last step hands the request over instead of sending it."""

    def __init__(self, wallet: int, version: str, neg_risk: bool) -> None:
        from py_clob_client_v2.client import ClobClient
        from py_clob_client_v2.clob_types import ApiCreds, OrderArgsV2, OrderType, PartialCreateOrderOptions

        funder = None if wallet == 0 else _WALLET
        self._client = ClobClient("http://127.0.0.1:9", 137, _KEY, ApiCreds(*_API), wallet, funder)
        self._client._post = self._keep
        self._client._get = lambda *_, **__: {"minimum_tick_size": 0.01}  # asked once a token, then remembered
        self._args, self._gtc, self._v3 = OrderArgsV2, OrderType.GTC, version == "v2"
        self._options = PartialCreateOrderOptions(tick_size="0.01", neg_risk=neg_risk, version=2)
        self._sent: tuple[dict[str, str], str] = ({}, "")

    def _keep(self, _url: str, headers: dict[str, str], data: str) -> dict[str, Any]:
        self._sent = headers, data
        return {}

    def order(self, want: Want) -> tuple[Any, bytes, dict[str, str]]:
        token = _TOKENS[want.outcome]
        args = self._args(
            token_id=None if self._v3 else token,
            price=want.limit / 10_000,
            size=want.size / CONTRACT,
            side="BUY" if want.action is Action.BUY else "SELL",
            **({"position_id": token} if self._v3 else {}),
        )
        signed = self._client.create_order(args, self._options)
        self._client.post_order(signed, self._gtc)
        headers, body = self._sent
        return signed, body.encode(), headers


def _backend() -> str:
    """Which secp256k1 the official client signs with."""
    from eth_keys.backends import get_backend_class

    return str(get_backend_class().__name__)
