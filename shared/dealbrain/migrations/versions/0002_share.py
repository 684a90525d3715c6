"""Share: tokens, hits, what public collections are found by, and the keys of copies asked for twice."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hits",
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("of_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("folded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("what", "of_id", "day", "by", name=op.f("pk_hits")),
    )
    op.create_index(op.f("ix_hits_day"), "hits", ["day"], unique=False)
    op.create_index(
        "ix_hits_unfolded", "hits", ["what", "of_id"], unique=False, postgresql_where=sa.text("NOT folded")
    )
    op.create_table(
        "viewer_keys",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_viewer_keys")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("reply", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_idempotency_keys_account_id")),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name=op.f("fk_idempotency_keys_collection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "collection_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "ranks",
        sa.Column("collection_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recent", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trending", sa.Double(), nullable=False),
        sa.Column("popular", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name=op.f("fk_ranks_collection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("collection_id", name=op.f("pk_ranks")),
    )
    op.create_index(
        op.f("ix_ranks_popular_collection_id"), "ranks", ["popular", "collection_id"], unique=False
    )
    op.create_index(op.f("ix_ranks_recent_collection_id"), "ranks", ["recent", "collection_id"], unique=False)
    op.create_index(
        op.f("ix_ranks_trending_collection_id"), "ranks", ["trending", "collection_id"], unique=False
    )
    op.create_table(
        "search_documents",
        sa.Column("collection_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("cpus", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("prices", postgresql.ARRAY(sa.Numeric(12, 2)), nullable=False),
        sa.Column("words", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("wares", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name=op.f("fk_search_documents_collection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection_id", name=op.f("pk_search_documents")),
    )
    # What is looked at stays in the row; only the index ever reads the terms.
    for column, storage in (
        ("text", "MAIN"),
        ("cpus", "MAIN"),
        ("prices", "MAIN"),
        ("words", "EXTERNAL"),
        ("wares", "EXTERNAL"),
    ):
        op.execute(f"ALTER TABLE search_documents ALTER {column} SET STORAGE {storage}")
    op.create_index(
        "ix_search_documents_found_by",
        "search_documents",
        ["words", "wares"],
        unique=False,
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_table(
        "share_tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=True),
        sa.Column("listing_id", sa.BigInteger(), nullable=True),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("views", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("num_nonnulls(collection_id, listing_id) = 1", name="one_thing"),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name=op.f("fk_share_tokens_collection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name=op.f("fk_share_tokens_listing_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_share_tokens_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_tokens")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_share_tokens_secret_hash")),
    )
    op.create_index(
        op.f("ix_share_tokens_collection_id_id"), "share_tokens", ["collection_id", "id"], unique=False
    )
    op.create_index(op.f("ix_share_tokens_listing_id"), "share_tokens", ["listing_id"], unique=False)
    op.create_index(op.f("ix_share_tokens_owner_id"), "share_tokens", ["owner_id"], unique=False)
    op.add_column("collections", sa.Column("copied_from_id", sa.BigInteger(), nullable=True))
    op.add_column("collections", sa.Column("trending", sa.Double(), nullable=False, server_default="0"))
    op.alter_column("collections", "trending", server_default=None)
    op.add_column("collections", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index(op.f("ix_collections_visibility_published_at_id"), table_name="collections")
    op.create_index(op.f("ix_collections_copied_from_id"), "collections", ["copied_from_id"], unique=False)
    op.create_index(
        op.f("ix_collections_deleted_at"),
        "collections",
        ["deleted_at"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_collections_copied_from_id"),
        "collections",
        "collections",
        ["copied_from_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.add_column(
        "listings", sa.Column("wares", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}")
    )
    op.alter_column("listings", "wares", server_default=None)
