"""The catalog's graphics cards."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gpus",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("manufacturer", sa.Text(), nullable=False),
        sa.Column("gpu_mark", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_gpus"),
        sa.UniqueConstraint("name", name="uq_gpus_name"),
    )
    op.create_index("ix_gpus_key", "gpus", ["key"])
    op.create_index("ix_gpus_gpu_mark", "gpus", ["gpu_mark"])
