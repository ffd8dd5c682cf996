"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "arbitrage_opportunities",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("opportunity", sa.Text(), nullable=False),
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("basket", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("quotes", sa.Text(), nullable=False),
        sa.Column("edge", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("payout", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("executed", sa.Boolean(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("seen", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("finished", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("matched", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unhedged", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("profit", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("naked", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("world", "opportunity"),
    )
    with op.batch_alter_table("arbitrage_opportunities", schema=None) as batch_op:
        batch_op.create_index("opportunities_by_end", ["world", "finished"], unique=False)
        batch_op.create_index("opportunities_by_time", ["world", "at"], unique=False)

    op.create_table(
        "days",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("executions", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("locked", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("provisional", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("naked", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("basis", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fees", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("differences", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("closed", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("world", "day"),
    )
    op.create_table(
        "events",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("venue_event", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("yes", sa.Text(), nullable=False),
        sa.Column("no", sa.Text(), nullable=False),
        sa.Column("shard", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("starts_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("closes_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("settles_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("updated", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("world", "venue", "market"),
    )
    op.create_table(
        "fills",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("leg", sa.Text(), nullable=False),
        sa.Column("fill", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cost", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fee", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fee_is_final", sa.Boolean(), nullable=False),
        sa.Column("maker", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("world", "leg", "fill"),
    )
    op.create_table(
        "ledger_meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "orders",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("leg", sa.Text(), nullable=False),
        sa.Column("arb", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("tif", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("venue_order_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("filled", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cost", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fee", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("fee_terms", sa.Text(), nullable=False),
        sa.Column("rules_hash", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("updated", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("result_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("world", "leg"),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index("orders_by_arb", ["world", "arb"], unique=False)
        batch_op.create_index("orders_by_market", ["world", "venue", "market"], unique=False)
        batch_op.create_index("orders_by_time", ["world", "at"], unique=False)

    op.create_table(
        "positions",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("net", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cost", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("realised", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fees", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("opened", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("updated", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("closed", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("world", "venue", "market"),
    )
    op.create_table(
        "price_cache",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bid_size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ask", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ask_size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("world", "venue", "market", "at"),
    )
    op.create_table(
        "reconciliations",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("differences", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("world", "at"),
    )
    op.create_table(
        "settlements",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("payout", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("booked", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("world", "venue", "market"),
    )
    op.create_table(
        "transfers",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("transfer", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("world", "transfer"),
    )
    op.create_table(
        "verified_pairs",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("league", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("first", sa.Text(), nullable=False),
        sa.Column("second", sa.Text(), nullable=False),
        sa.Column("outcome_index", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("settlement_charge", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("updated", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("world", "pair"),
    )
