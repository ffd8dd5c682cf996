"""The memory of the simulated Polymarket: timers, wallets, orders, trades, markets. Values and sums only, no rules."""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from trading.clock import MS, SECOND, Clock
from trading.sim.exchange import MatchingBook, Order
from trading.sim.polymarket_contracts import MAX_UINT256, exchange_of, operators, spenders, token_contract
from trading.sim.polymarket_data import PolymarketAccount, PolymarketSettings, SimMarket, book_side, yes_price
from trading.sim.timers import Timers
from trading.units import Money, Price, Size, WallNs, cost_of

__all__ = ["ApiKey", "ClobOrder", "Effect", "MakerFill", "SessionSigner", "SimState", "Trade", "Wallet"]


@dataclass(frozen=True, slots=True)
class SessionSigner:
    """A key that may sign orders of a deposit wallet until valid_until (unix seconds)."""

    address: str
    scopes: tuple[str, ...]
    valid_until: int


@dataclass(slots=True, eq=False)
class ApiKey:
    """Credentials of one signer; nonce tells several apart. secret is base64url, signer "" means the wallet's owner."""

    key: str
    secret: str
    passphrase: str
    wallet: "Wallet"
    nonce: int = 0
    signer: str = ""

    @property
    def address(self) -> str:
        """Who must stand in POLY_ADDRESS, lower case."""
        return (self.signer or self.wallet.account.owner).lower()

    def sees(self, order: "ClobOrder") -> bool:
        """A session key sees and cancels its own orders only (polymarket.md 4.3)."""
        return order.wallet is self.wallet and (not self.signer or order.api_key == self.key)


@dataclass(slots=True, eq=False)
class ClobOrder:
    """An order as the venue keeps it. price and sizes are of its own token; budget is the pUSD of a FAK/FOK BUY, else 0."""

    id: str
    wallet: "Wallet"
    api_key: str
    market: SimMarket
    outcome: int
    buy: bool
    type: str
    price: Price
    shares: Size
    budget: Money
    post_only: bool
    expiration: int
    created_at: WallNs
    status: str = "NEW"
    matched: Size = Size(0)
    paid: Money = Money(0)
    """pUSD that changed hands in its fills, before fees."""
    reserved: Money = Money(0)
    """Cash set aside during a hold."""
    builder: str = ""
    """Builder code (0x + 64 hex) whose fees come on top, "" without one."""
    trades: list[str] = field(default_factory=list)

    @property
    def token(self) -> str:
        return self.market.tokens[self.outcome]

    @property
    def remaining(self) -> Size:
        return Size(self.shares - self.matched)

    @property
    def open(self) -> bool:
        return self.status in ("LIVE", "DELAYED", "UNMATCHED")

    @property
    def held(self) -> bool:
        return self.status == "DELAYED"

    def resting(self, remaining: Size) -> Order:
        """This order as the matching core sees it."""
        return Order(
            id=self.id,
            owner=self.wallet.account.owner,
            side=book_side(self.outcome, self.buy),
            price=yes_price(self.outcome, self.price),
            size=self.shares,
            remaining=remaining,
            placed_at=self.created_at,
            data={"order": self},
        )

    def cash_reserved(self) -> Money:
        if not self.buy or not self.open:
            return Money(0)
        return self.reserved if self.held else cost_of(self.price, self.remaining)

    def shares_reserved(self) -> Size:
        return self.remaining if self.open and not self.buy else Size(0)


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """What a trade, or without one a split, merge or redemption, did to a wallet: signed shares of token, signed cash.

    fee is inside that cash. spender is the contract that pulled the cash, whose allowance shrinks by it. at and chain_hash are
    those of the movement; a trade has its own.
    """

    trade: "Trade | None"
    token: str
    shares: int
    cash: int
    fee: int
    spender: str = ""
    kind: str = "TRADE"
    at: WallNs = WallNs(0)
    chain_hash: str = ""


@dataclass(slots=True, eq=False)
class Wallet:
    """One account's money. tokens counts all shares owned; pending those of buys not yet MINED, which cannot be sold."""

    account: PolymarketAccount
    cash: Money
    allowances: dict[str, int]
    """pUSD each spender (lower case) may still pull; MAX_UINT256 is never spent down."""
    operators: set[tuple[str, str]]
    """(token contract, operator), lower case: who may move outcome tokens."""
    fees: Money = Money(0)
    tokens: dict[str, int] = field(default_factory=dict)
    pending: dict[str, int] = field(default_factory=dict)
    orders: dict[str, ClobOrder] = field(default_factory=dict)
    """Open orders only."""
    effects: list[Effect] = field(default_factory=list)
    cache: dict[str, tuple[int, dict[str, int]]] = field(default_factory=dict)
    """The CLOB's stale copy, "" for pUSD or by token: (balance, allowances). Order checks see it instead of the truth."""
    phantom: Money = Money(0)
    """Cash the CLOB believes promised to orders that are long gone (polymarket.md 14)."""
    relay_nonce: int = 0
    deployed: bool = True
    sessions: dict[str, SessionSigner] = field(default_factory=dict)
    """By lower-case address."""
    notices: dict[int, dict[str, object]] = field(default_factory=dict)
    """Notifications not dropped yet, by id."""
    closed_only: bool = False
    banned: bool = False

    def visible_cash(self) -> tuple[int, dict[str, int]]:
        """pUSD and allowances as the order checks see them."""
        return self.cache.get("", (self.cash, self.allowances))

    def visible_shares(self, token: str) -> int:
        """Settled shares as the order checks see them."""
        copy = self.cache.get(token)
        return self.settled(token) if copy is None else copy[0]

    def may_move(self, market: SimMarket, operator: str) -> bool:
        """Whether a contract may move this wallet's tokens of a market."""
        return (token_contract(market.version).lower(), operator.lower()) in self.operators

    def remember(self) -> None:
        """Let the CLOB keep what it sees now, so that what follows on chain is not seen before an update."""
        self.cache.setdefault("", (self.cash, dict(self.allowances)))
        for token in self.tokens:
            self.cache.setdefault(token, (self.settled(token), {}))

    def cash_reserved(self) -> int:
        return self.phantom + sum(order.cash_reserved() for order in self.orders.values())

    def settled(self, token: str) -> int:
        """Shares visible on chain."""
        return self.tokens.get(token, 0) - self.pending.get(token, 0)

    def free_shares(self, token: str) -> int:
        """Visible settled shares not promised to an open SELL."""
        promised = sum(order.shares_reserved() for order in self.orders.values() if order.token == token)
        return self.visible_shares(token) - promised

    def apply(self, effect: Effect, *, sign: int = 1) -> None:
        """Book an effect (sign -1 takes it back); bought shares start pending while a trade stands behind them."""
        self.cash = Money(self.cash + sign * effect.cash)
        self.fees = Money(self.fees + sign * effect.fee)
        self.tokens[effect.token] = self.tokens.get(effect.token, 0) + sign * effect.shares
        left = self.allowances.get(effect.spender, MAX_UINT256)
        if effect.cash < 0 and left != MAX_UINT256:
            self.allowances[effect.spender] = max(0, left + sign * effect.cash)
        if effect.trade is not None and effect.shares > 0:
            self.pending[effect.token] = self.pending.get(effect.token, 0) + sign * effect.shares


@dataclass(frozen=True, slots=True)
class MakerFill:
    """One resting order's part of a trade; order is None for the venue's other customers. price is in its own token."""

    order_id: str
    order: ClobOrder | None
    outcome: int
    buy: bool
    price: Price
    size: Size


@dataclass(slots=True, eq=False)
class Trade:
    """A taker's match at one price against one or more makers. taker None: another customer took. price is in its own token."""

    id: str
    market: SimMarket
    taker_id: str
    taker: ClobOrder | None
    outcome: int
    buy: bool
    price: Price
    size: Size
    makers: list[MakerFill]
    matched_at: WallNs
    updated_at: WallNs
    bucket: int
    status: str = "MATCHED"
    hash: str = ""
    error: str = ""
    effects: list[tuple[Wallet, Effect]] = field(default_factory=list)

    def orders(self) -> list[ClobOrder]:
        """The accounts' orders in it, the taker's first."""
        made = [self.taker, *(maker.order for maker in self.makers)]
        return [order for order in made if order is not None]

    def wallets(self) -> list[Wallet]:
        """Accounts that took part, each once, taker first."""
        found = [self.taker.wallet] if self.taker is not None else []
        for maker in self.makers:
            if maker.order is not None and maker.order.wallet not in found:
                found.append(maker.order.wallet)
        return found


class SimState:
    """Everything the parts of the venue share."""

    def __init__(self, clock: Clock, rng: random.Random, accounts: Sequence[PolymarketAccount], chain_id: int) -> None:
        self.clock = clock
        self.rng = rng
        self.chain_id = chain_id
        self.settings = PolymarketSettings()
        self.timers = Timers(clock)
        self.markets: dict[str, SimMarket] = {}
        self.by_token: dict[str, SimMarket] = {}
        self.books: dict[str, MatchingBook] = {}
        self.wallets: dict[str, Wallet] = {}
        """By lower-case owner address."""
        self.keys: dict[str, ApiKey] = {}
        self.orders: dict[str, ClobOrder] = {}
        """Every accepted order by id."""
        self.trades: dict[str, Trade] = {}
        self.builder_keys: dict[str, ApiKey] = {}
        self.builders: dict[str, tuple[int, int]] = {}
        """Builder code -> (maker, taker) fee in basis points of notional."""
        for account in accounts:
            wallet = _opened(account, chain_id)
            self.wallets[account.owner.lower()] = wallet
            self.keys[account.api_key] = ApiKey(account.api_key, account.api_secret, account.api_passphrase, wallet)

    def seconds(self) -> int:
        return self.clock.wall_ns() // SECOND

    def millis(self) -> int:
        return self.clock.wall_ns() // MS

    def exchange(self, market: SimMarket) -> str:
        """The contract that settles a market."""
        return exchange_of(market.version, market.neg_risk, self.chain_id)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def until(self, wall: WallNs) -> int:
        """Nanoseconds from now to a wall-clock moment."""
        return wall - self.clock.wall_ns()

    def chain_hash(self) -> str:
        return "0x" + self.rng.randbytes(32).hex()

    def add_market(self, market: SimMarket) -> None:
        self.markets[market.id] = market
        self.books[market.id] = market.book
        for token in market.tokens:
            self.by_token[token] = market

    def wallet_of(self, address: str) -> Wallet | None:
        """Find an account by its owner or funder address."""
        wanted = address.lower()
        found = self.wallets.get(wanted)
        if found is not None:
            return found
        return next((w for w in self.wallets.values() if w.account.funder.lower() == wanted), None)


def _opened(account: PolymarketAccount, chain_id: int) -> Wallet:
    """The wallet of an account as it stands on chain at the start."""
    allowances = dict.fromkeys((each.lower() for each in spenders(chain_id)), int(account.allowance))
    allowed = {(token.lower(), operator.lower()) for token, operator in operators(chain_id)} if account.approved else set()
    return Wallet(account, account.balance, allowances, allowed)
