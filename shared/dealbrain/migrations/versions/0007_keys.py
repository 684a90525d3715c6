"""Similar titles: a row for each key, so that a search reads an index in order and not a table at random.

What stands in no posting yet is put there behind the migrations.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("title_postings")
    op.create_table(
        "title_words",
        sa.Column("listing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("words", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name="fk_title_words_listing_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listing_id", name="pk_title_words"),
    )
    op.create_table(
        "title_postings",
        sa.Column("listing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("reach", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("words", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"],
            ["title_words.listing_id"],
            name="fk_title_postings_listing_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("listing_id", "key", name="pk_title_postings"),
    )
    op.create_index(
        "ix_title_postings_key",
        "title_postings",
        ["key", "weight"],
        postgresql_include=["reach", "lost", "words", "listing_id"],
    )
