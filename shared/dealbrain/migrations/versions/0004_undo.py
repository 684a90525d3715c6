"""Imports: what undoing them needs, their history, and the pairs a person told apart."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("imports", sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False))
    op.add_column("imports", sa.Column("title", sa.Text(), nullable=False, server_default=""))
    op.alter_column("imports", "title", server_default=None)
    op.add_column("imports", sa.Column("changes", sa.JSON(), nullable=True))
    op.add_column("imports", sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("imports", sa.Column("undone", sa.JSON(), nullable=True))
    op.drop_index("ix_imports_owner_id_created_at", "imports")
    op.create_index("ix_imports_owner_id_created_at_number", "imports", ["owner_id", "created_at", "number"])
    op.create_index(
        "ix_imports_undoable", "imports", ["created_at"], postgresql_where=sa.text("changes IS NOT NULL")
    )
    op.create_table(
        "not_same",
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("one", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name="fk_not_same_owner_id"),
        sa.PrimaryKeyConstraint("owner_id", "one", "other", name="pk_not_same"),
    )
