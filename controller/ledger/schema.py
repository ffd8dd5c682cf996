"""The tables of the ledger (B-248 to B-254): what was decided, ordered, filled, held and paid out, for people and reports.

    events ── verified_pairs ── arbitrage_opportunities ── orders ── fills
                                                             └──► positions ◄── settlements,     transfers, price_cache,
                                                                           adjustments           reconciliations, days, ledger_meta

Every row carries its world: paper, simulated and live money never meet in one figure. Integers only: money and sizes in
1/1,000,000, prices in 1/10,000 dollar, stamps in nanoseconds UTC. The journal is the truth about orders; these tables are built
from it again when they are lost.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text

__all__ = [
    "adjustments",
    "days",
    "events",
    "fills",
    "ledger_meta",
    "metadata",
    "opportunities",
    "orders",
    "positions",
    "price_cache",
    "reconciliations",
    "settlements",
    "transfers",
    "verified_pairs",
]

metadata = MetaData()


def _number(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


def _text(name: str, *, key: bool = False) -> Column[str]:
    # without a length: a venue's longer name must never keep a fill out of the books
    return Column(name, Text, primary_key=key, nullable=False)


events = Table(
    "events",
    metadata,
    _text("world", key=True),
    _text("venue", key=True),
    _text("market", key=True),
    _text("event"),
    _text("venue_event"),
    _text("title"),
    _text("yes"),
    _text("no"),
    _number("shard"),
    _number("starts_at", null=True),
    _number("closes_at", null=True),
    _number("settles_at", null=True),
    Column("active", Boolean, nullable=False),
    Column("exclusive", Boolean, nullable=False),
    _number("first_seen"),
    _number("updated"),
)
"""One market of one venue (B-248); event is the real-world event it belongs to, "" when it was never paired."""

verified_pairs = Table(
    "verified_pairs",
    metadata,
    _text("world", key=True),
    _text("pair", key=True),
    _text("event"),
    _text("league"),
    _text("kind"),
    _text("description"),
    _text("first"),
    _text("second"),
    Column("outcome_index", Integer, nullable=False),
    _text("state"),
    _text("terms"),
    _number("starts_at", null=True),
    _number("settlement_charge"),
    _text("notes"),
    _number("updated"),
)
"""Pairs as they stood when last traded (B-249); who approved them and why stands in notes, the decisions in pairs.json."""

opportunities = Table(
    "arbitrage_opportunities",
    metadata,
    _text("world", key=True),
    _text("opportunity", key=True),
    _text("pair"),
    _text("basket"),
    _text("event"),
    _text("strategy"),
    _number("at"),
    _text("quotes"),
    _number("edge"),
    _number("size"),
    _number("payout"),
    Column("executed", Boolean, nullable=False),
    _text("code"),
    _text("detail"),
    _number("seen"),
    _number("finished", null=True),
    _text("outcome"),
    _number("matched"),
    _number("unhedged"),
    _number("profit"),
    _number("naked"),
    Index("opportunities_by_time", "world", "at"),
    Index("opportunities_by_end", "world", "finished"),
)
"""Approved arbs by arb id in hex, and refusals (B-250). quotes is JSON: each leg's market, outcome, limit and what it saw. edge is
mean Money per contract, payout the price one set pays. seen counts the same refusal again within a minute."""

orders = Table(
    "orders",
    metadata,
    _text("world", key=True),
    _text("leg", key=True),
    _text("arb"),
    _text("venue"),
    _text("market"),
    _text("outcome"),
    _text("action"),
    _text("purpose"),
    _text("tif"),
    _number("price"),
    _number("size"),
    _text("client_order_id"),
    _text("venue_order_id"),
    _text("status"),
    _number("filled"),
    _number("cost"),
    _number("fee"),
    Column("confirmed", Boolean, nullable=False),
    _text("code"),
    _text("detail"),
    _text("fee_terms"),
    _text("rules_hash"),
    _number("at"),
    _number("updated"),
    _number("result_no"),
    Index("orders_by_arb", "world", "arb"),
    Index("orders_by_market", "world", "venue", "market"),
    Index("orders_by_time", "world", "at"),
)
"""One row per leg (B-251). status is pending until a result came, then the leg's state; unsent when its
arb ended without it. price is its limit; fee_terms (JSON) and rules_hash are the market's as it was traded."""

fills = Table(
    "fills",
    metadata,
    _text("world", key=True),
    _text("leg", key=True),
    _text("fill", key=True),
    _number("price"),
    _number("size"),
    _number("cost"),
    _number("fee"),
    Column("fee_is_final", Boolean, nullable=False),
    Column("maker", Boolean, nullable=False),
    _number("at"),
    _text("status"),
)

positions = Table(
    "positions",
    metadata,
    _text("world", key=True),
    _text("venue", key=True),
    _text("market", key=True),
    _number("net"),
    _number("cost"),
    _number("realised"),
    _number("fees"),
    _number("opened"),
    _number("updated"),
    _number("closed", null=True),
)
"""What the orders of a market add up to (B-252): net contracts of YES less NO, the cash (fees in) for what is still held, and the
profit of what no longer is."""

settlements = Table(
    "settlements",
    metadata,
    _text("world", key=True),
    _text("venue", key=True),
    _text("market", key=True),
    _number("payout"),
    _number("at"),
    _number("booked"),
)
"""What one YES contract paid (B-242): a void or a 50/50 is a payout between 0 and 1. The key books each once. at is when, by the
venue where it tells; booked is when we learned of it, the day on which a report counts it."""

adjustments = Table(
    "adjustments",
    metadata,
    _text("world", key=True),
    _text("venue", key=True),
    _text("market", key=True),
    _number("at", key=True),
    _number("net"),
    _number("cash", null=True),
)
"""What a position became at its venue without an order of ours, as a person took it over: contracts of YES less NO, and the cash
out for them, fees in, where the venue's fills tell it."""

transfers = Table(
    "transfers",
    metadata,
    _text("world", key=True),
    _text("transfer", key=True),
    _text("venue"),
    _text("kind"),
    _text("what"),
    _number("amount"),
    _number("at"),
)
"""Money and tokens that the treasury moved: between shards, merged, redeemed. They change no profit."""

price_cache = Table(
    "price_cache",
    metadata,
    _text("world", key=True),
    _text("venue", key=True),
    _text("market", key=True),
    _number("at", key=True),
    _number("bid"),
    _number("bid_size"),
    _number("ask"),
    _number("ask_size"),
)
"""Best YES prices with their size, a sample a minute, pruned (B-253)."""

reconciliations = Table(
    "reconciliations",
    metadata,
    _text("world", key=True),
    _number("at", key=True),
    _number("differences"),
    _text("detail"),
)

days = Table(
    "days",
    metadata,
    _text("world", key=True),
    _text("day", key=True),
    _number("executions"),
    _number("locked"),
    _number("provisional"),
    _number("naked"),
    _number("basis"),
    _number("fees"),
    _number("differences"),
    _number("closed"),
)
"""Each UTC day as it was when it ended (B-243); later truths change the report, not this."""

ledger_meta = Table("ledger_meta", metadata, _text("name", key=True), _number("value"))
