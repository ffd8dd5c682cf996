"""Tokens of both outcomes and cash, one into the other, for a market that is traded (execution.md B-436, polymarket.md 13).

A pair of tokens is a dollar at any time: buying the complement and merging leaves a position at its mirrored price without waiting
for a sale. ref is the caller's own name for the movement, an arb's id for instance: this process never does the same ref twice.
"""

from collections.abc import Sequence

from trading.errors import Rejected
from trading.market import POLYMARKET, Market
from trading.polymarket.calls import Call, merge, redeem, split
from trading.polymarket.relayer import Relayed, Relayer
from trading.units import Size, to_dollars

__all__ = ["Converter"]

_KEPT = 1_000


class Converter:
    """Split, merge and redeem through one relayer. Raises Rejected for a version that is not understood, else as Relayer.run."""

    def __init__(self, relayer: Relayer) -> None:
        self._relayer = relayer
        self._done: dict[str, Relayed] = {}

    async def split(self, market: Market, size: Size, *, ref: str) -> Relayed:
        """Cash into size tokens of each outcome."""
        _check(market, size)
        return await self._run(
            "split", market, size, ref, (split(market.id, size, version=market.version, neg_risk=market.neg_risk),)
        )

    async def merge(self, market: Market, size: Size, *, ref: str) -> Relayed:
        """size tokens of each outcome into cash. Both must be settled, CONFIRMED, and not held back by an open sale."""
        _check(market, size)
        return await self._run(
            "merge", market, size, ref, (merge(market.id, size, version=market.version, neg_risk=market.neg_risk),)
        )

    async def redeem(self, market: Market, held: tuple[Size, Size], *, ref: str) -> Relayed:
        """Every token of a resolved market into what it pays."""
        size = Size(sum(held))
        _check(market, size)
        return await self._run(
            "redeem", market, size, ref, redeem(market.id, held, version=market.version, neg_risk=market.neg_risk)
        )

    async def _run(self, kind: str, market: Market, size: Size, ref: str, calls: Sequence[Call]) -> Relayed:
        name = f"{kind} {to_dollars(size)} of {market.id} for {ref}"
        known = self._done.get(name)
        if known is not None:
            return known
        ended = await self._relayer.run(name, calls)
        if ended.state in ("done", "moved"):  # moved: something of this wallet used its nonce; balances tell what
            while len(self._done) >= _KEPT:
                self._done.pop(next(iter(self._done)))
            self._done[name] = ended
        return ended


def _check(market: Market, size: Size) -> None:
    if market.version not in ("v1", "v2"):
        text = f"{market.id}: version {market.version!r} is neither v1 nor v2 (B-423); its tokens are not touched"
        raise Rejected(POLYMARKET, "unknown_version", text)
    if size <= 0:
        raise Rejected(POLYMARKET, "no_size", f"{market.id}: {to_dollars(size)} tokens are nothing to convert")
