"""Deployments say whether they go on or back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deployments", sa.Column("kind", sa.Text(), server_default="deploy", nullable=False))


def downgrade() -> None:
    op.drop_column("deployments", "kind")
