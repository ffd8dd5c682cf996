"""Balances and positions as a read may see them: some time behind the writes, like the lists (kalshi.md 4, 14.7).

A shot is what an account looked like after a write, with the moment from which it may be read. While a write is not yet visible
reads answer from the last shot that is; once all are, from the account itself.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from trading.sim.kalshi_money import Account, PositionRow
from trading.units import Money, WallNs

__all__ = ["Shot", "Shots"]


@dataclass(frozen=True, slots=True)
class Shot:
    """Cash and free cash per shard, and positions, at one moment."""

    cash: dict[int, Money]
    spare: dict[int, Money]
    positions: dict[str, PositionRow]
    balance_changed: WallNs

    @classmethod
    def of(cls, account: Account) -> "Shot":
        return cls(
            cash=dict(account.cash),
            spare={shard: account.free(shard) for shard in account.cash},
            positions={ticker: replace(row) for ticker, row in account.positions.items()},
            balance_changed=account.balance_changed,
        )

    def free(self, shard: int) -> Money:
        return self.spare.get(shard, Money(0))


class Shots:
    """The last shots of every account by owner, taken after each write while on. Payouts and transfers show at once."""

    def __init__(self) -> None:
        self.on = False
        self._shots: dict[str, deque[tuple[int, Shot]]] = {}

    def start(self, accounts: Iterable[Account]) -> None:
        """Switch on: what accounts are now is what reads see until later writes become visible."""
        self.on = True
        self._shots = {account.owner: deque([(0, Shot.of(account))]) for account in accounts}

    def take(self, account: Account, visible: int) -> None:
        """Keep what a write left, to be seen from visible (MonoNs) on."""
        if self.on:
            self._shots.setdefault(account.owner, deque()).append((visible, Shot.of(account)))

    def seen(self, account: Account, now: int) -> Shot | Account:
        """What a read at now may show."""
        shots = self._shots.get(account.owner)
        if not self.on or not shots:
            return account
        while len(shots) > 1 and shots[1][0] <= now:
            shots.popleft()
        return account if len(shots) == 1 and shots[0][0] <= now else shots[0][1]
