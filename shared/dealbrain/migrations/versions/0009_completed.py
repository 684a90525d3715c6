"""What the catalog added to a listing's hardware, told apart from what was said of it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of the listings there are nobody knows it any more: all that stands there counts as said.
    op.add_column("listings", sa.Column("completed", sa.JSON(), nullable=False, server_default="{}"))
    op.alter_column("listings", "completed", server_default=None)
