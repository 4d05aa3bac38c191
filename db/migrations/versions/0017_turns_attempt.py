"""Which of a call's agents noted a turn: what it said is in order, whenever it is written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("attempt", sa.SmallInteger(), server_default="1", nullable=False))


def downgrade() -> None:
    op.drop_column("turns", "attempt")
