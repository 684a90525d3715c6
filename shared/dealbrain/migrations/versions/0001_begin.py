"""Begin: people, the catalog, listings, collections with their items, and imports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("export_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("sub", name=op.f("uq_accounts_sub")),
        sa.UniqueConstraint("username", name=op.f("uq_accounts_username")),
    )
    op.create_table(
        "cpus",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("family", sa.Text(), nullable=True),
        sa.Column("manufacturer", sa.Text(), nullable=False),
        sa.Column("cpu_mark_multi", sa.BigInteger(), nullable=True),
        sa.Column("cpu_mark_single", sa.BigInteger(), nullable=True),
        sa.Column("tdp_w", sa.BigInteger(), nullable=True),
        sa.Column("cores", sa.BigInteger(), nullable=True),
        sa.Column("threads", sa.BigInteger(), nullable=True),
        sa.Column("release_year", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cpus")),
        sa.UniqueConstraint("name", name=op.f("uq_cpus_name")),
    )
    op.create_index(op.f("ix_cpus_cpu_mark_multi"), "cpus", ["cpu_mark_multi"], unique=False)
    op.create_index(op.f("ix_cpus_cpu_mark_single"), "cpus", ["cpu_mark_single"], unique=False)
    op.create_index(op.f("ix_cpus_family"), "cpus", ["family"], unique=False)
    op.create_index(op.f("ix_cpus_key"), "cpus", ["key"], unique=False)
    op.create_table(
        "collections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("views", sa.BigInteger(), nullable=False),
        sa.Column("copies", sa.BigInteger(), nullable=False),
        sa.Column("exports", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_collections_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collections")),
    )
    op.create_index(
        op.f("ix_collections_owner_id_created_at"), "collections", ["owner_id", "created_at"], unique=False
    )
    op.create_index(
        op.f("ix_collections_visibility_published_at_id"),
        "collections",
        ["visibility", "published_at", "id"],
        unique=False,
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("reply", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_imports_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index(
        op.f("ix_imports_owner_id_created_at"), "imports", ["owner_id", "created_at"], unique=False
    )
    op.create_table(
        "listings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("listing_url", sa.Text(), nullable=True),
        sa.Column("other_urls", sa.JSON(), nullable=False),
        sa.Column("seller", sa.Text(), nullable=True),
        sa.Column("price_usd", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("price_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("device_model", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("custom_fields", sa.JSON(), nullable=False),
        sa.Column("performance", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("metadata", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cpu_name", sa.Text(), nullable=True),
        sa.Column("cpu_estimate", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("adjusted_price_usd", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("valuation_breakdown", sa.JSON(), nullable=False),
        sa.Column("ruleset_name", sa.Text(), nullable=False),
        sa.Column("fair_value_usd", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("fair_value_breakdown", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("url_key", sa.Text(), nullable=True),
        sa.Column("title_key", sa.Text(), nullable=False),
        sa.Column("seller_key", sa.Text(), nullable=True),
        sa.Column("tokens", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_listings_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listings")),
    )
    op.create_index(op.f("ix_listings_created_at_id"), "listings", ["created_at", "id"], unique=False)
    op.create_index(op.f("ix_listings_owner_id"), "listings", ["owner_id"], unique=False)
    op.create_index(op.f("ix_listings_price_usd_id"), "listings", ["price_usd", "id"], unique=False)
    op.create_index(op.f("ix_listings_score_id"), "listings", ["score", "id"], unique=False)
    op.create_index(
        op.f("ix_listings_title_key_seller_key"), "listings", ["title_key", "seller_key"], unique=False
    )
    op.create_index("ix_listings_tokens", "listings", ["tokens"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_listings_url_key"), "listings", ["url_key"], unique=False)
    op.create_table(
        "items",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        sa.Column("listing_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("private_notes", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price_when_added_usd", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name=op.f("fk_items_collection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name=op.f("fk_items_listing_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sa.UniqueConstraint("collection_id", "listing_id", name=op.f("uq_items_collection_id_listing_id")),
    )
    op.create_index(
        op.f("ix_items_collection_id_position_id"), "items", ["collection_id", "position", "id"], unique=False
    )
    op.create_index(op.f("ix_items_listing_id"), "items", ["listing_id"], unique=False)
