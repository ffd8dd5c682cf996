"""The contracts behind the simulated Polymarket: calls of a wallet change its pUSD, tokens and permissions, all or nothing.

    pUSD approve, transfer · tokens setApprovalForAll · adapters and router split, merge, redeem · wallet session signers

Calldata is decoded here by hand and from the contract alone (polymarket.md 13), so a client that encodes a call wrongly has it
reverted. Whatever moved is on chain at once; the Data API sees it later, the CLOB's copy when it looks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from trading.sim.polymarket_auth import keccak
from trading.sim.polymarket_contracts import CTF, POSITION_MANAGER, PUSD, ROUTER, adapter_of
from trading.sim.polymarket_data import SimMarket, own_price
from trading.sim.polymarket_state import Effect, SessionSigner, SimState, Wallet
from trading.sim.wallets import checksum as eip55
from trading.units import Money, Size, cost_of

__all__ = ["Call", "Chain", "Reverted", "checksum", "selector", "words"]

_BOTH = (1, 2)
T = TypeVar("T")


class Reverted(Exception):
    """The chain refused a call; nothing of its transaction happened."""


@dataclass(frozen=True, slots=True)
class Call:
    """One contract call: target as given, data with its selector."""

    target: str
    value: int
    data: bytes


def selector(signature: str) -> bytes:
    """The first four bytes of a call."""
    return keccak(signature.encode())[:4]


def words(data: bytes, least: int) -> list[int]:
    """Arguments as 32-byte numbers. Raises Reverted when they are too few or cut short."""
    if len(data) % 32 or len(data) < 32 * least:
        raise Reverted("calldata is too short")
    return [int.from_bytes(data[at : at + 32]) for at in range(0, len(data), 32)]


def checksum(number: int) -> str:
    """An address out of a word of calldata. Raises Reverted for a number that is none."""
    if number >> 160:
        raise Reverted("not an address")
    return eip55(f"{number:040x}")


class Chain:
    """Executes calls. settled is told of every wallet whose money moved."""

    def __init__(self, state: SimState, settled: Callable[[Wallet], None]) -> None:
        self._state = state
        self._settled = settled
        self._known: dict[bytes, Callable[[Wallet, Call, bytes], None]] = {
            selector("approve(address,uint256)"): self._approve,
            selector("transfer(address,uint256)"): self._transfer,
            selector("setApprovalForAll(address,bool)"): self._approve_all,
            selector("splitPosition(address,bytes32,bytes32,uint256[],uint256)"): self._ctf_split,
            selector("mergePositions(address,bytes32,bytes32,uint256[],uint256)"): self._ctf_merge,
            selector("redeemPositions(address,bytes32,bytes32,uint256[])"): self._ctf_redeem,
            selector("split(bytes31,uint256)"): self._router_split,
            selector("merge(bytes31,uint256)"): self._router_merge,
            selector("redeem(bytes31,uint256,uint256)"): self._router_redeem,
            selector("authorizeSessionSigner(address,uint256)"): self._authorize,
            selector("revokeSessionSigner(address)"): self._revoke,
        }

    def execute(self, wallet: Wallet, calls: Sequence[Call]) -> str:
        """Do all calls or none; returns the transaction's hash. Raises Reverted with the reason."""

        def all_calls() -> None:
            for call in calls:
                known = self._known.get(call.data[:4])
                if known is None or call.value:
                    raise Reverted("execution reverted: unknown function or value sent")
                known(wallet, call, call.data[4:])

        return self.atomically(wallet, all_calls)[1]

    def atomically(self, wallet: Wallet, work: Callable[[], T]) -> tuple[T, str]:
        """Do work as one transaction; returns what it returned and the hash. Raises Reverted, then nothing has happened."""
        if not self._state.settings.cache_follows_chain:
            wallet.remember()
        before = (wallet.cash, dict(wallet.tokens), dict(wallet.allowances), set(wallet.operators), dict(wallet.sessions))
        kept, chain_hash = len(wallet.effects), self._state.chain_hash()
        try:
            done = work()
        except Reverted:
            wallet.cash, wallet.tokens, wallet.allowances, wallet.operators, wallet.sessions = before
            del wallet.effects[kept:]
            raise
        now = self._state.clock.wall_ns()
        wallet.effects[kept:] = [replace(effect, at=now, chain_hash=chain_hash) for effect in wallet.effects[kept:]]
        if len(wallet.effects) > kept:
            self._settled(wallet)
        return done, chain_hash

    # --- movements ---------------------------------------------------------------------------------------------------------

    def split(self, wallet: Wallet, market: SimMarket, size: int, *, spender: str = "") -> None:
        """Turn pUSD into as many tokens of both outcomes. spender is whose allowance pays. Raises Reverted."""
        if size <= 0 or wallet.cash < size:
            raise Reverted("ERC20: transfer amount exceeds balance")
        if spender and wallet.allowances.get(spender.lower(), 0) < size:
            raise Reverted("ERC20: insufficient allowance")
        if market.payout is not None:
            raise Reverted("condition is resolved")
        for outcome, token in enumerate(market.tokens):
            part = size // 2 if outcome else size - size // 2
            self._book(wallet, Effect(None, token, size, -part, 0, spender.lower(), "SPLIT"))

    def merge(self, wallet: Wallet, market: SimMarket, size: int) -> Money:
        """Turn settled tokens of both outcomes into pUSD, one for one. Raises Reverted."""
        if size <= 0 or any(wallet.settled(token) < size for token in market.tokens):
            raise Reverted("ERC1155: insufficient balance for transfer")
        for outcome, token in enumerate(market.tokens):
            self._book(wallet, Effect(None, token, -size, 0 if outcome else size, 0, kind="MERGE"))
        return Money(size)

    def redeem(self, wallet: Wallet, market: SimMarket, most: tuple[int | None, int | None] = (None, None)) -> Money:
        """Burn settled tokens of a resolved market for what they pay; most caps each outcome. Raises Reverted."""
        if market.payout is None:
            raise Reverted("result for condition not received yet")
        paid = 0
        for outcome, (token, cap) in enumerate(zip(market.tokens, most, strict=True)):
            held = wallet.settled(token)
            if cap is not None and cap > held:
                raise Reverted("ERC1155: insufficient balance for transfer")
            shares = held if cap is None else cap
            if shares <= 0:
                continue
            value = cost_of(own_price(outcome, market.payout), Size(shares), up=False)
            self._book(wallet, Effect(None, token, -shares, value, 0, kind="REDEEM"))
            paid += value
        return Money(paid)

    def _book(self, wallet: Wallet, effect: Effect) -> None:
        wallet.apply(effect)
        wallet.effects.append(effect)

    # --- calls -------------------------------------------------------------------------------------------------------------

    def _approve(self, wallet: Wallet, call: Call, data: bytes) -> None:
        self._is(call, PUSD)
        spender, amount = words(data, 2)[:2]
        wallet.allowances[checksum(spender).lower()] = amount

    def _transfer(self, wallet: Wallet, call: Call, data: bytes) -> None:
        self._is(call, PUSD)
        to, amount = words(data, 2)[:2]
        if amount > wallet.cash:
            raise Reverted("ERC20: transfer amount exceeds balance")
        other = self._state.wallet_of(checksum(to))
        wallet.cash = Money(wallet.cash - amount)
        if other is not None:
            other.cash = Money(other.cash + amount)

    def _approve_all(self, wallet: Wallet, call: Call, data: bytes) -> None:
        self._is(call, CTF, POSITION_MANAGER)
        operator, approved = words(data, 2)[:2]
        pair = (call.target.lower(), checksum(operator).lower())
        wallet.operators.discard(pair)
        if approved:
            wallet.operators.add(pair)

    def _ctf_split(self, wallet: Wallet, call: Call, data: bytes) -> None:
        market, amount = self._ctf_market(call, data, amount=True)
        self.split(wallet, market, amount, spender=call.target)

    def _ctf_merge(self, wallet: Wallet, call: Call, data: bytes) -> None:
        market, amount = self._ctf_market(call, data, amount=True)
        self._moves(wallet, market, call)
        self.merge(wallet, market, amount)

    def _ctf_redeem(self, wallet: Wallet, call: Call, data: bytes) -> None:
        market, _ = self._ctf_market(call, data, amount=False)
        self._moves(wallet, market, call)
        self.redeem(wallet, market)

    def _ctf_market(self, call: Call, data: bytes, *, amount: bool) -> tuple[SimMarket, int]:
        """Market and amount of an adapter's call: pUSD, root collection 0, condition, both outcomes. Raises Reverted."""
        head = 5 if amount else 4
        args = words(data, head + 3)
        sets = args[head + 1 : head + 1 + args[head]] if args[3] == 32 * head else []
        if args[0] != int(PUSD, 16) or args[1] != 0 or tuple(sets) != _BOTH:
            raise Reverted("execution reverted: collateral, collection or partition is not the adapter's")
        market = self._state.markets.get(f"0x{args[2]:064x}")
        if market is None or market.version != "v1":
            raise Reverted("execution reverted: condition is not prepared")
        self._is(call, adapter_of("v1", market.neg_risk))
        return market, args[4] if amount else 0

    def _router_split(self, wallet: Wallet, call: Call, data: bytes) -> None:
        market, args = self._router_market(call, data, 2)
        self.split(wallet, market, args[1], spender=call.target)

    def _router_merge(self, wallet: Wallet, call: Call, data: bytes) -> None:
        market, args = self._router_market(call, data, 2)
        self._moves(wallet, market, call)
        self.merge(wallet, market, args[1])

    def _router_redeem(self, wallet: Wallet, call: Call, data: bytes) -> None:
        market, args = self._router_market(call, data, 3)
        self._moves(wallet, market, call)
        if args[1] not in (0, 1):
            raise Reverted("execution reverted: no such outcome")
        self.redeem(wallet, market, (args[2], 0) if args[1] == 0 else (0, args[2]))

    def _router_market(self, call: Call, data: bytes, count: int) -> tuple[SimMarket, list[int]]:
        self._is(call, ROUTER)
        args = words(data, count)
        wanted = data[:31].hex()  # bytes31 stands at the left of its word; the 32nd byte of an id is padding
        found = (m for m in self._state.markets.values() if m.version == "v2" and m.id.lower()[2:64] == wanted)
        market = next(found, None)
        if market is None or data[31]:
            raise Reverted("execution reverted: condition is not prepared")
        return market, args

    def _authorize(self, wallet: Wallet, call: Call, data: bytes) -> None:
        self._is(call, wallet.account.funder)
        address, until = words(data, 2)[:2]
        signer = checksum(address)
        wallet.sessions[signer.lower()] = SessionSigner(signer, ("ALL",), until)

    def _revoke(self, wallet: Wallet, call: Call, data: bytes) -> None:
        self._is(call, wallet.account.funder)
        wallet.sessions.pop(checksum(words(data, 1)[0]).lower(), None)

    def _is(self, call: Call, *targets: str) -> None:
        if call.target.lower() not in (target.lower() for target in targets):
            raise Reverted(f"execution reverted: {call.target} has no such function")

    def _moves(self, wallet: Wallet, market: SimMarket, call: Call) -> None:
        if not wallet.may_move(market, call.target):
            raise Reverted("ERC1155: caller is not token owner or approved")
