"""The Data API's view of the chain: what each wallet held settings.data_lag_ns ago (polymarket.md 13).

Only trades that are MINED or CONFIRMED count, beside splits, merges and redemptions; a ghost fill never shows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from trading.sim.polymarket_state import Effect, SimState, Wallet
from trading.units import WallNs

__all__ = ["Holding", "Index", "holdings", "moment"]


@dataclass(frozen=True, slots=True)
class Holding:
    """One token of one wallet. cost and fees belong to the shares still held; bought is every share ever received."""

    shares: int = 0
    cost: int = 0
    fees: int = 0
    bought: int = 0
    spent: int = 0
    realized: int = 0
    first_at: WallNs = WallNs(0)
    last_at: WallNs = WallNs(0)


def moment(effect: Effect) -> WallNs:
    return effect.at if effect.trade is None else effect.trade.matched_at


def _on_chain(effect: Effect) -> bool:
    return effect.trade is None or effect.trade.status in ("MINED", "CONFIRMED")


def holdings(effects: Iterable[Effect]) -> dict[str, Holding]:
    """Fold what is on chain by token: a sale takes its share of cost and fees away and leaves the rest as profit."""
    found: dict[str, Holding] = {}
    for effect in effects:
        had = found.get(effect.token, Holding(first_at=moment(effect)))
        if effect.shares >= 0:
            cost = -effect.cash - effect.fee
            now = replace(
                had,
                shares=had.shares + effect.shares,
                cost=had.cost + cost,
                fees=had.fees + effect.fee,
                bought=had.bought + effect.shares,
                spent=had.spent + cost,
            )
        elif had.shares > 0:
            left = max(0, had.shares + effect.shares)
            cost = had.cost * left // had.shares
            now = replace(
                had,
                shares=left,
                cost=cost,
                fees=had.fees * left // had.shares,
                realized=had.realized + effect.cash + effect.fee - (had.cost - cost),
            )
        else:
            continue
        found[effect.token] = replace(now, last_at=moment(effect))
    return found


class Index:
    """Copies wallets to the Data API late."""

    def __init__(self, state: SimState) -> None:
        self._state = state
        self._held: dict[str, dict[str, Holding]] = {}
        self._seen: dict[str, list[Effect]] = {}

    def later(self, wallet: Wallet) -> None:
        """Show the wallet as it is now, settings.data_lag_ns later."""
        effects = [effect for effect in wallet.effects if _on_chain(effect)]
        held, name = holdings(effects), wallet.account.owner

        def show() -> None:
            self._held[name], self._seen[name] = held, effects

        self._state.timers.after(self._state.settings.data_lag_ns, show)

    def held(self, wallet: Wallet) -> dict[str, Holding]:
        return self._held.get(wallet.account.owner, {})

    def seen(self, wallet: Wallet) -> list[Effect]:
        """Effects in the order in which they happened."""
        return self._seen.get(wallet.account.owner, [])
