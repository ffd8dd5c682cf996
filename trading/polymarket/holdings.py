"""What a wallet holds, as three of the venue's services say it (polymarket.md 7.1, 13).

    CLOB  /balance-allowance   decides whether an order is taken; a cache that can be stale until it is told to look again
    CLOB  /data/orders         what open buys hold back
    Data  /v2/positions, /v2/approvals   an index of the chain, some seconds late

Sizes and money are 6-decimal integers. Reading changes nothing; refresh() only makes the CLOB look at the chain.
"""

from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

import msgspec

from trading.errors import Throttled
from trading.http import Http
from trading.market import POLYMARKET, Market
from trading.patience import patiently
from trading.polymarket.account import base_units, data_rows, listed, reserved
from trading.polymarket.calls import MAX_UINT256
from trading.polymarket.paging import pages
from trading.polymarket.rest import PolymarketRest, Query, Sleep, read_json
from trading.polymarket.sign import Account
from trading.polymarket.wire import bad
from trading.units import Money, Size
from trading.venue import Position

__all__ = ["Allowance", "Holdings", "asset_type"]

_MOST_PAGES = 1_000
_PAGE = 100


class Allowance(msgspec.Struct, frozen=True):
    """The CLOB's copy of a balance, and what each spender (lower case) may move of it."""

    balance: int
    spenders: Mapping[str, int]


def asset_type(version: str) -> str:
    """The CLOB's word for the outcome tokens of a market (polymarket.md 0.1)."""
    return "CONDITIONAL-V2" if version == "v2" else "CONDITIONAL"


def _spenders(answer: object) -> dict[str, int]:
    rows = answer.get("allowances") if isinstance(answer, Mapping) else None
    if rows is None:
        return {}
    if not isinstance(rows, Mapping):
        raise bad("bad_allowance", f"allowances {rows!r} are no object")
    found = {}
    for spender, text in rows.items():
        if not (str(text).isascii() and str(text).isdecimal()):
            raise bad("bad_allowance", f"allowance {text!r} of {spender} is no integer of base units")
        found[str(spender).lower()] = int(str(text))
    return found


class Holdings:
    """Reads of one wallet. account is the wallet, rest signs for it."""

    def __init__(self, rest: PolymarketRest, http: Http, data_url: str, account: Account, sleep: Sleep) -> None:
        self._rest = rest
        self._http = http
        self._data_url = data_url.rstrip("/")
        self._account = account
        self._sleep = sleep

    @property
    def wallet(self) -> str:
        return self._account.maker

    # ---- the CLOB's copy -----------------------------------------------------------------------------------------------

    async def allowance(self, asset: str = "COLLATERAL", token: str = "") -> Allowance:
        """Balance and allowances of pUSD, or of one outcome token. Raises BadAnswer."""
        answer = await self._rest.read("/balance-allowance", self._asked(asset, token), signed=True)
        return Allowance(base_units(answer), _spenders(answer))

    async def refresh(self, asset: str = "COLLATERAL", token: str = "") -> None:
        """Make the CLOB read the chain again: once after funding or approving, else orders fail with balance 0."""
        await self._rest.read("/balance-allowance/update", self._asked(asset, token), signed=True)

    def _asked(self, asset: str, token: str) -> Query:
        chosen = (("asset_type", asset), *((("token_id", token),) if token else ()))
        return (*chosen, ("signature_type", str(self._account.signature_type)))

    async def free_cash(self) -> tuple[Money, Money]:
        """(cash that may be spent, cash that open buys hold back)."""

        async def read(cursor: str) -> tuple[Money, str]:
            query = (("next_cursor", cursor),) if cursor else ()
            rows, following = listed(await self._rest.read("/data/orders", query, signed=True))
            return reserved(rows), following

        held = Money(sum([page async for page in pages(read, "/data/orders", most=_MOST_PAGES)]))
        balance = (await self.allowance()).balance
        return Money(max(0, balance - held)), held

    async def shares(self, market: Market) -> tuple[Size, Size]:
        """Settled tokens of both outcomes."""
        asset = asset_type(market.version)
        yes, no = [(await self.allowance(asset, token)).balance for token in market.tokens]
        return Size(yes), Size(no)

    async def exact_positions(self, market: Market) -> tuple[Position, ...]:
        """One row per token held of a market: outcome 0 positive, outcome 1 negative."""
        yes, no = await self.shares(market)
        rows = (Position(market=market.id, size=yes), Position(market=market.id, size=Size(-no)))
        return tuple(row for row in rows if row.size)

    # ---- the index of the chain ----------------------------------------------------------------------------------------

    async def position_page(self, status: str, cursor: str = "") -> tuple[list[Mapping[str, Any]], str]:
        """Rows of one page and the next cursor. status is OPEN, CLOSED, REDEEMABLE or MERGEABLE."""
        query = [("user", self.wallet), ("status", status), ("limit", str(_PAGE))]
        query += [("cursor", cursor)] if cursor else []
        return data_rows(await self._data("/v2/positions", query))

    async def positions(self, status: str) -> AsyncIterator[Mapping[str, Any]]:
        """Every row of every page."""
        async for rows in pages(partial(self.position_page, status), "/v2/positions", most=_MOST_PAGES):
            for row in rows:
                yield row

    async def approvals(self) -> frozenset[tuple[str, str]]:
        """(token, spender), lower case, of every permission the chain shows without limit. Raises BadAnswer.

        Rows of ERC-20 tokens carry an amount; one below the maximum is a permission that will run out, and counts as none.
        """
        granted = set()
        for row in await self._permissions():
            if row.get("approved") is True and _unlimited(row.get("amount")):
                granted.add(_named(row))
        return frozenset(granted)

    async def forbidden(self) -> frozenset[tuple[str, str]]:
        """(token, spender), lower case, of every permission the chain is said to lack; what is not listed is not known. Raises
        BadAnswer."""
        return frozenset(_named(row) for row in await self._permissions() if row.get("approved") is False)

    async def _permissions(self) -> list[Mapping[str, Any]]:
        answer = await self._data("/v2/approvals", [("user", self.wallet)])
        data = answer.get("data") if isinstance(answer, Mapping) else None
        rows = data.get("contracts") if isinstance(data, Mapping) else None
        if not isinstance(data, Mapping) or not isinstance(rows, list):
            raise bad("bad_approvals", "the index lists no contracts")
        if str(data.get("address", "")).lower() != self.wallet.lower():
            raise bad("bad_approvals", f"asked for wallet {self.wallet}, got {data.get('address')!r}")
        return [row for row in rows if isinstance(row, Mapping)]

    async def _data(self, path: str, query: Query) -> Any:
        url = f"{self._data_url}{path}?{urlencode(query)}"

        async def once() -> Any:
            wait = self._rest.windows.take("data", f"data {path.split('/')[-1]}")
            if wait:
                raise Throttled(POLYMARKET, "throttled", f"Data API {path}: our own limit", retry_after=wait)
            return await read_json(self._http, "GET", url, {}, None)

        return await patiently(once, self._sleep)


def _named(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row.get("token")).lower(), str(row.get("spender")).lower()


def _unlimited(amount: object) -> bool:
    """Whether an approval does not run out; half of the maximum is beyond every pUSD there is."""
    if amount is None or amount == "max":
        return True
    text = str(amount)
    return text.isascii() and text.isdecimal() and int(text) >= MAX_UINT256 // 2
