"""What positions became at a venue without an order of ours."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "adjustments",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("net", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cash", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("world", "venue", "market", "at"),
    )
