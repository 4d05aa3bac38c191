"""Hosts keep their names; a process of that name is told from the one before it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hosts", sa.Column("process", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_replicas_host", "replicas", ["host"])


def downgrade() -> None:
    op.drop_index("ix_replicas_host", "replicas")
    op.drop_column("hosts", "process")
