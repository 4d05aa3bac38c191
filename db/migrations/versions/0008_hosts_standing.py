"""Operators cordon and drain hosts; hosts say how many calls they take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hosts", sa.Column("max_calls", sa.Integer(), nullable=True))
    op.add_column("hosts", sa.Column("full", sa.Text(), nullable=True))
    op.add_column("hosts", sa.Column("standing", sa.Text(), server_default="open", nullable=False))
    op.add_column("hosts", sa.Column("heeds", sa.Text(), server_default="open", nullable=False))
    op.add_column("hosts", sa.Column("ordered_by", sa.Text(), nullable=True))
    op.add_column("hosts", sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for column in ("ordered_at", "ordered_by", "heeds", "standing", "full", "max_calls"):
        op.drop_column("hosts", column)
