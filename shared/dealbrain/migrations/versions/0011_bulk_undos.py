"""What items were before several of them were changed at once."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bulk_undos",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        sa.Column("moved_to_id", sa.BigInteger(), nullable=True),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_bulk_undos_collection_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["moved_to_id"], ["collections.id"], name="fk_bulk_undos_moved_to_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_undos"),
    )
    op.create_index("ix_bulk_undos_created_at", "bulk_undos", ["created_at"])
