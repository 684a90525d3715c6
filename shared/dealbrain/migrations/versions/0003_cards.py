"""Cards: what the addresses of a collection's cards are known by until its visibility falls."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# 128 bits of a hash over 244 random ones, for each row its own.
RANDOM = "uuid_send(gen_random_uuid())"
NONCE = f"substr(encode(sha256(({RANDOM} || {RANDOM})), 'hex'::text), 1, 32)"


def upgrade() -> None:
    op.add_column(
        "collections", sa.Column("card_nonce", sa.Text(), nullable=False, server_default=sa.text(NONCE))
    )
