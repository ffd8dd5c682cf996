"""The venue's own record of an account, for tests that a client's ledger equals it to the unit."""

from collections.abc import Mapping
from dataclasses import dataclass

from trading.sim.polymarket_state import Wallet
from trading.units import Money, Size

__all__ = ["AccountView"]


@dataclass(frozen=True, slots=True)
class AccountView:
    """cash is pUSD owned, reserved part of it promised to open orders; tokens all shares by token id; pending: not MINED."""

    cash: Money
    reserved: Money
    tokens: Mapping[str, Size]
    pending: Mapping[str, Size]
    fees: Money
    open_orders: tuple[str, ...]

    @classmethod
    def of(cls, wallet: Wallet) -> "AccountView":
        return cls(
            cash=wallet.cash,
            reserved=Money(wallet.cash_reserved()),
            tokens={token: Size(shares) for token, shares in wallet.tokens.items() if shares},
            pending={token: Size(shares) for token, shares in wallet.pending.items() if shares},
            fees=wallet.fees,
            open_orders=tuple(wallet.orders),
        )
