"""Who trades on the simulated Kalshi: each member's primary account and its numbered subaccounts (kalshi.md 7.6).

accounts is one mapping by owner name ("alice", "alice/1"), shared with the desk, so that a subaccount made while the venue runs
trades, settles and is swept like any other. What a key may touch is decided here too: a locked key has one subaccount.
"""

from collections.abc import Iterable, Sequence

from trading.sim.kalshi_auth import Caller
from trading.sim.kalshi_data import ApiError, KalshiAccount
from trading.sim.kalshi_money import Account, owner_name
from trading.units import Money

__all__ = ["MOST_SUBACCOUNTS", "Members"]

MOST_SUBACCOUNTS = 63


class Members:
    """Every account of the venue. attested_until may be moved while it runs (unix seconds, None = never attested)."""

    def __init__(self, members: Iterable[KalshiAccount]) -> None:
        rows = tuple(members)
        self.accounts: dict[str, Account] = {row.user_id: Account(row) for row in rows}
        self.attested_until: dict[str, int | None] = {row.user_id: row.attested_until for row in rows}
        self.netting: dict[str, bool] = {}
        """Collateral return per owner, off by default (kalshi.md 12)."""

    def of_user(self, user_id: str) -> list[Account]:
        """A member's accounts, the primary one first."""
        return [account for account in self.accounts.values() if account.member.user_id == user_id]

    def account(self, caller: Caller, subaccount: object) -> Account:
        """The account a request names; None means the locked one or the primary. Raises ApiError 400, 403."""
        number = self.number(caller, subaccount)
        return self.primary(caller) if number is None else self._existing(caller, number)

    def scope(self, caller: Caller, subaccount: object) -> Sequence[Account]:
        """The accounts a list read covers: the named or locked one, else all of them. Raises ApiError 400, 403."""
        number = self.number(caller, subaccount)
        return self.of_user(caller.user_id) if number is None else [self._existing(caller, number)]

    def primary(self, caller: Caller) -> Account:
        return self.accounts[caller.user_id]

    def number(self, caller: Caller, subaccount: object) -> int | None:
        """The subaccount number that holds for a request, None when neither the request nor the key says one."""
        if subaccount is None:
            return caller.locked
        if isinstance(subaccount, bool) or not isinstance(subaccount, int) or not 0 <= subaccount <= MOST_SUBACCOUNTS:
            raise ApiError(400, "invalid_parameters", details="subaccount: must be 0 to 63")
        if caller.locked is not None and subaccount != caller.locked:
            raise ApiError(403, "subaccount_restricted", details=f"the key is locked to subaccount {caller.locked}")
        return subaccount

    def _existing(self, caller: Caller, number: int) -> Account:
        account = self.accounts.get(owner_name(caller.user_id, number))
        if account is None:
            raise ApiError(400, "invalid_parameters", details=f"subaccount: {number} does not exist")
        return account

    def create(self, user_id: str, shard: int) -> Account:
        """Open the next subaccount with a profile on one shard. Raises ApiError 400 past the 63rd."""
        taken = len(self.of_user(user_id))
        if taken > MOST_SUBACCOUNTS:
            raise ApiError(400, "subaccount_limit_reached", details=f"at most {MOST_SUBACCOUNTS} subaccounts")
        primary = self.accounts[user_id]
        account = Account(primary.member, taken, used_ids=primary.used_ids)
        self.accounts[account.owner] = account
        account.cash[shard] = Money(0)
        return account
