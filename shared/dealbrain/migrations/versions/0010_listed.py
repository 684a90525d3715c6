"""The list of listings: what it looks at and what it is found by, in narrow tables of their own.

What stands in none of them yet is put there behind the migrations.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "listed",
        sa.Column("listing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("recent", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price", sa.Numeric(12, 2), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("cpu", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name="fk_listed_listing_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listing_id", name="pk_listed"),
    )
    for order in ("recent", "price", "score"):
        op.create_index(f"ix_listed_{order}_listing_id", "listed", [order, "listing_id"])
        column = {"recent": "created_at", "price": "price_usd", "score": "score"}[order]
        op.drop_index(f"ix_listings_{column}_id", "listings")
    op.create_table(
        "listed_terms",
        sa.Column("listing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("words", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("wares", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listed.listing_id"], name="fk_listed_terms_listing_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listing_id", name="pk_listed_terms"),
    )
    # Only the index ever reads the terms.
    for column in ("words", "wares"):
        op.execute(f"ALTER TABLE listed_terms ALTER {column} SET STORAGE EXTERNAL")
    op.create_index(
        "ix_listed_terms_found_by",
        "listed_terms",
        ["words", "wares"],
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 64},
    )
