"""Every price seen of a listing; what is known of those that are there is the one they have."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "price_points",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("listing_id", sa.BigInteger(), nullable=False),
        sa.Column("price_usd", sa.Numeric(12, 2), nullable=False),
        sa.Column("price_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name="fk_price_points_listing_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_price_points"),
    )
    op.create_index("ix_price_points_listing_id_id", "price_points", ["listing_id", "id"])
    op.execute("""
        INSERT INTO price_points (listing_id, price_usd, price_date, seen_at)
        SELECT id, price_usd, price_date, updated_at FROM listings
        WHERE price_usd IS NOT NULL ORDER BY id""")
