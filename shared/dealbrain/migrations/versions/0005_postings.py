"""Similar titles: postings in a table of their own take the place of the array of words.

What stands in no posting yet is put there behind the migrations, as behind any that empties the table because
the weights of words are others.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A trusted extension: who may create in the database may create it.
    op.execute("CREATE EXTENSION IF NOT EXISTS intarray")
    op.create_table(
        "title_postings",
        sa.Column("listing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("grams", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("keys", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name="fk_title_postings_listing_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listing_id", name="pk_title_postings"),
    )
    op.create_index(
        "ix_title_postings_keys",
        "title_postings",
        ["keys"],
        postgresql_using="gin",
        postgresql_ops={"keys": "gin__int_ops"},
        postgresql_with={"fastupdate": "off"},
    )
    op.drop_index("ix_listings_tokens", "listings", postgresql_using="gin")
    op.drop_column("listings", "tokens")
