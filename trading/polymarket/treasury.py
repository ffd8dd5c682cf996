"""Polymarket's money: cash, permissions, and outcome tokens that are worth cash already (polymarket.md 7.1, 13).

Tokens of both outcomes are a dollar a pair at any time, and a resolved market's tokens are cash that nobody has asked for. Steps
are offered in the order in which they cost least: let the CLOB look again, permit, merge, redeem, and last what only a person can
do. Every movement goes through the relayer under a name of its own, so that asking twice does it once.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from trading.errors import Misuse, Rejected, VenueError
from trading.market import POLYMARKET, MarketId, Venue
from trading.polymarket.calls import Call, allow, merge, redeem
from trading.polymarket.contracts import CTF, EXCHANGE, EXCHANGE_V3, NEG_RISK_EXCHANGE, PERMISSIONS, PUSD, Permission
from trading.polymarket.holdings import Holdings, asset_type
from trading.polymarket.relayer import Relayed, Relayer
from trading.polymarket.wire import bad, has_v2_layout
from trading.treasury import Applied, Asset, Step
from trading.units import CONTRACT, DOLLAR, Money, Size, to_dollars

__all__ = ["PolymarketTreasury"]

_EXCHANGES = (EXCHANGE, NEG_RISK_EXCHANGE, EXCHANGE_V3)
_SHOWN = tuple(row for row in PERMISSIONS if row.token == PUSD and row.spender in _EXCHANGES)
"""The permissions that the CLOB shows."""
_NAMES = {PUSD: "pUSD", CTF: "outcome tokens"}
_UNLIMITED = 2**255


class _Set(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of one market, by outcome, and what a token of each pays (resolved markets only)."""

    market: MarketId
    tokens: tuple[str, str]
    held: tuple[Size, Size]
    pays: tuple[Money, Money]
    neg_risk: bool

    @property
    def version(self) -> str:
        return "v2" if has_v2_layout(next(token for token in self.tokens if token)) else "v1"

    @property
    def pairs(self) -> Size:
        return min(self.held)

    @property
    def worth(self) -> Money:
        return Money(sum(size * pay // CONTRACT for size, pay in zip(self.held, self.pays, strict=True)))


class PolymarketTreasury:
    """trading.treasury.Treasury of one wallet. relayer None: everything can be read, and only refreshing be done."""

    venue: Venue = POLYMARKET

    def __init__(self, holdings: Holdings, relayer: Relayer | None) -> None:
        self._holdings = holdings
        self._relayer = relayer
        self._before: dict[str, tuple[Size, Size]] = {}

    # ---- what stands where ---------------------------------------------------------------------------------------------

    async def assets(self) -> Sequence[Asset]:
        """Free cash, each exchange's allowance as the CLOB sees it, pairs to merge, resolved tokens to redeem."""
        holdings = self._holdings
        cash, held = await holdings.free_cash()
        seen = (await holdings.allowance()).spenders
        granted, why = await self._granted()
        found = [
            Asset(
                venue=POLYMARKET,
                kind="cash",
                place=holdings.wallet,
                amount=cash,
                detail=f"${to_dollars(held)} more is held back by open buys" if held else "",
            )
        ]
        for permission in _SHOWN:
            amount = seen.get(permission.spender.lower(), 0)
            stale = not amount and granted is not None and _pair(permission) in granted
            detail = "permitted on chain, but the CLOB's copy is stale; refresh it" if stale else why
            found.append(
                Asset(
                    venue=POLYMARKET,
                    kind="allowance",
                    place=f"{permission.name} {permission.spender}",
                    amount=None if amount >= _UNLIMITED else Money(amount),
                    detail=detail,
                )
            )
        for one in await self._sets("MERGEABLE"):
            if one.pairs:
                found.append(_asset("mergeable", one, Money(one.pairs), one.pairs, "both outcomes, a dollar a pair"))
        for one in await self._sets("REDEEMABLE"):
            if one.worth:
                found.append(_asset("redeemable", one, one.worth, Size(sum(one.held)), "resolved and not redeemed"))
        return tuple(found)

    async def _granted(self) -> tuple[frozenset[tuple[str, str]] | None, str]:
        """Permissions as the index shows them, or None and why it cannot say."""
        try:
            return await self._holdings.approvals(), ""
        except VenueError as exc:
            return None, f"the index of permissions did not answer: {exc}"

    async def _sets(self, status: str) -> list[_Set]:
        """Markets of the index with this status, worth most first."""
        by_market: dict[MarketId, list[Mapping[str, Any]]] = {}
        async for row in self._holdings.positions(status):
            by_market.setdefault(MarketId(str(row.get("condition_id"))), []).append(row)
        found = [_set_of(market, rows) for market, rows in by_market.items()]
        return sorted(found, key=lambda one: (-one.pairs if status == "MERGEABLE" else -one.worth, one.market))

    # ---- what to do ----------------------------------------------------------------------------------------------------

    async def steps(self, wanted: Mapping[int, Money]) -> Sequence[Step]:
        """What is missing for wanted[0] of free cash: refresh, approve, merge, redeem, deposit. Raises Misuse for shards."""
        if set(wanted) - {0}:
            raise Misuse(f"Polymarket has no shards, wanted names {sorted(wanted)}")
        cash, _ = await self._holdings.free_cash()
        missing = int(wanted.get(0, 0)) - cash
        seen = (await self._holdings.allowance()).spenders
        granted, _ = await self._granted()
        unseen = any(not seen.get(spender.lower()) for spender in _EXCHANGES)
        if any(not seen.get(row.spender.lower()) and _pair(row) in (granted or ()) for row in _SHOWN):
            missing = 0  # the CLOB's copy is stale: what it says of cash is told anew after the refresh
        found: list[Step] = []
        if missing > 0 or unseen:
            found.append(_step("refresh", "Let the CLOB read balance and allowances from the chain again"))
        if granted is not None:
            found += _approvals([permission for permission in PERMISSIONS if _pair(permission) not in granted])
        elif unseen:
            found += _approvals([permission for permission in PERMISSIONS if not seen.get(permission.spender.lower(), 0)])
        if missing > 0:
            for one in await self._sets("MERGEABLE"):
                if missing > 0 and one.pairs:
                    found.append(_merge_step(one))
                    missing -= one.pairs
            for one in await self._sets("REDEEMABLE"):
                if missing > 0 and one.worth:
                    found.append(_redeem_step(one))
                    missing -= one.worth
        if missing > 0:
            text = f"Deposit ${to_dollars(Money(missing))} of pUSD to wallet {self._holdings.wallet}; nothing here can do that"
            found.append(_step("transfer", text, amount=Money(missing)))
        return tuple(found)

    async def apply(self, step: Step) -> Applied:
        """Do one step. Raises Rejected where nothing here can do it; a lost answer is looked up when it is asked for again."""
        if step.kind == "refresh":
            return await self._refresh(step)
        if step.kind == "transfer":
            return Applied(step=step, done=False, detail="a deposit is made from outside; refresh afterwards")
        if self._relayer is None:
            raise Rejected(POLYMARKET, "no_relayer", f"{step.what}: no relayer key is set; set one, or do it in the wallet")
        if step.kind == "approve":
            return await self._approve(step, self._relayer)
        return await self._convert(step, self._relayer)

    async def _refresh(self, step: Step) -> Applied:
        await self._holdings.refresh()
        now = await self._holdings.allowance()
        blind = [spender for spender in _EXCHANGES if not now.spenders.get(spender.lower())]
        cash = f"the CLOB sees ${to_dollars(Money(now.balance))}"
        if blind:
            return Applied(step=step, done=True, detail=f"{cash}, but no allowance for {', '.join(blind)}: approve")
        return Applied(step=step, done=True, detail=f"{cash} and an allowance for every exchange")

    async def _approve(self, step: Step, relayer: Relayer) -> Applied:
        token = str(step.fields["token"])
        asked = str(step.fields["spenders"]).split(",")
        known = {_pair(permission) for permission in PERMISSIONS}
        for spender in asked:
            if (token.lower(), spender.lower()) not in known:
                raise Misuse(f"{spender} is none of the venue's contracts that may move {token}")
        granted, _ = await self._granted()
        missing = [spender for spender in asked if granted is None or (token.lower(), spender.lower()) not in granted]
        if not missing:
            return Applied(step=step, done=True, detail="permitted already")
        made = await relayer.deploy()
        if made.state != "done":
            return Applied(step=step, done=False, pending=made.state != "failed", detail=f"wallet not made yet: {made.detail}")
        ended = await relayer.run(f"approve {token} {','.join(sorted(asked))}", [allow(token, spender) for spender in missing])
        if ended.state in ("done", "moved"):
            await self._holdings.refresh()
            if ended.state == "moved":
                granted, why = await self._granted()
                there = granted is not None and all((token.lower(), spender.lower()) in granted for spender in missing)
                return Applied(step=step, done=there, pending=not there, detail=why or ended.detail)  # the index is late
        return _applied(step, ended)

    async def _convert(self, step: Step, relayer: Relayer) -> Applied:
        """Merge or redeem what the CLOB says is settled now; the index that offered the step is seconds late."""
        held = await self._held(step)
        calls, amount = _calls_of(step, held)
        name = f"{step.kind} {step.market} {step.fields['size']}"
        if not calls:
            self._before.pop(name, None)
            return Applied(step=step, done=True, detail=f"nothing of {step.market} is left to {step.kind}")
        before = self._before.setdefault(name, held)
        ended = await relayer.run(name, calls)
        if ended.state in ("done", "failed", "moved"):
            self._before.pop(name, None)
        if ended.state == "moved":  # our lost envelope, or another of this wallet: the balances tell
            gone = sum(before) - sum(await self._held(step))
            return Applied(step=step, done=gone > 0, detail=f"{ended.detail}; {to_dollars(Size(gone))} tokens went")
        if ended.state == "done":
            await self._holdings.refresh()
            return Applied(step=step, done=True, detail=f"{to_dollars(amount)} tokens, transaction {ended.chain_hash}")
        return _applied(step, ended)

    async def _held(self, step: Step) -> tuple[Size, Size]:
        asset = asset_type(str(step.fields["version"]))
        sizes = []
        for token in (str(step.fields["yes"]), str(step.fields["no"])):
            if token:
                await self._holdings.refresh(asset, token)
            sizes.append(Size((await self._holdings.allowance(asset, token)).balance if token else 0))
        return sizes[0], sizes[1]


def _pair(permission: Permission) -> tuple[str, str]:
    return permission.token.lower(), permission.spender.lower()


def _asset(kind: Any, one: _Set, amount: Money, size: Size, detail: str) -> Asset:
    place = "neg-risk" if one.neg_risk else "standard"
    return Asset(venue=POLYMARKET, kind=kind, place=place, amount=amount, market=one.market, size=size, detail=detail)


def _step(kind: Any, what: str, **more: Any) -> Step:
    return Step(venue=POLYMARKET, kind=kind, what=what, **more)


def _approvals(missing: Sequence[Permission]) -> list[Step]:
    """One step per token: all its missing permissions go in one transaction."""
    found = []
    for token in dict.fromkeys(permission.token for permission in missing):
        rows = [permission for permission in missing if permission.token == token]
        names = ", ".join(f"{row.name} {row.spender}" for row in rows)
        what = f"Let {names} move the wallet's {_NAMES.get(token, 'v2 outcome tokens')} without limit"
        found.append(_step("approve", what, fields={"token": token, "spenders": ",".join(row.spender for row in rows)}))
    return found


def _fields(one: _Set, size: int) -> dict[str, str | int]:
    yes, no = one.tokens
    return {"version": one.version, "neg_risk": int(one.neg_risk), "yes": yes, "no": no, "size": size}


def _merge_step(one: _Set) -> Step:
    what = f"Merge {to_dollars(one.pairs)} pairs of {one.market} into ${to_dollars(Money(one.pairs))}"
    return _step("merge", what, amount=Money(one.pairs), market=one.market, fields=_fields(one, one.pairs))


def _redeem_step(one: _Set) -> Step:
    what = f"Redeem {to_dollars(Size(sum(one.held)))} tokens of resolved {one.market} for ${to_dollars(one.worth)}"
    return _step("redeem", what, amount=one.worth, market=one.market, fields=_fields(one, sum(one.held)))


def _calls_of(step: Step, held: tuple[Size, Size]) -> tuple[Sequence[Call], Size]:
    """The calls for what is really held, and how many tokens they take; none when nothing is left."""
    version, neg_risk = str(step.fields["version"]), bool(step.fields["neg_risk"])
    market = str(step.market)
    if step.kind == "merge":
        pairs = min(*held, int(step.fields["size"]))
        return ((merge(market, pairs, version=version, neg_risk=neg_risk),) if pairs else ()), Size(2 * pairs)
    if step.kind != "redeem":
        raise Misuse(f"{step.kind} is no step of Polymarket's")
    if not any(held):
        return (), Size(0)
    return redeem(market, held, version=version, neg_risk=neg_risk), Size(sum(held))


def _applied(step: Step, ended: Relayed) -> Applied:
    detail = f"{ended.detail} {ended.transaction}".strip()
    return Applied(step=step, done=ended.state == "done", pending=ended.state in ("pending", "unknown"), detail=detail)


def _set_of(market: MarketId, rows: Sequence[Mapping[str, Any]]) -> _Set:
    """Rows of one market as one value. Raises BadAnswer on rows that do not agree or cannot be read."""
    tokens, held, pays = ["", ""], [0, 0], [0, 0]
    for row in rows:
        index, token = row.get("outcome_index"), str(row.get("token_id") or "")
        if index not in (0, 1) or not token or tokens[index] not in ("", token):
            raise bad("bad_position", f"{market}: outcome_index {index!r} of token {token!r}")
        tokens[index], tokens[1 - index] = token, str(row.get("opposite_token_id") or tokens[1 - index])
        held[index] += _units(row.get("current_size"))
        price = _units(row.get("current_price"))
        pays[index] = price if 0 <= price <= DOLLAR else 0
    if len({bool(row.get("negative_risk")) for row in rows}) > 1:
        raise bad("bad_position", f"{market}: both with and without neg risk")
    return _Set(
        market=market,
        tokens=(tokens[0], tokens[1]),
        held=(Size(held[0]), Size(held[1])),
        pays=(Money(pays[0]), Money(pays[1])),
        neg_risk=bool(rows[0].get("negative_risk")),
    )


def _units(value: object) -> int:
    """A number of the index in 1/1,000,000, cut."""
    try:
        number = int(Decimal(str(value if value is not None else 0)) * 1_000_000)
    except (InvalidOperation, ValueError, OverflowError) as exc:
        raise bad("bad_number", f"{value!r} is no number") from exc
    if number < 0:
        raise bad("bad_number", f"{value!r} is below zero")
    return number
