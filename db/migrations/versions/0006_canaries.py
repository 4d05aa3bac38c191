"""New versions may get a share of the calls first; calls tell when their caller came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deployments", sa.Column("canary", postgresql.JSONB(), nullable=True))
    op.add_column("agents", sa.Column("canary_version", sa.Integer(), nullable=True))
    op.add_column("agents", sa.Column("canary_deployment_id", sa.Uuid(), nullable=True))
    op.add_column("agents", sa.Column("canary_percent", sa.Float(), nullable=True))
    op.add_column("calls", sa.Column("caller_joined_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("calls", "caller_joined_at")
    op.drop_column("agents", "canary_percent")
    op.drop_column("agents", "canary_deployment_id")
    op.drop_column("agents", "canary_version")
    op.drop_column("deployments", "canary")
