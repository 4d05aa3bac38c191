"""A deployment keeps how long the calls that it replaces may go on: whoever hands it over says the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deployments", sa.Column("drain_seconds", sa.Float(), nullable=True))


def downgrade() -> None:
    op.drop_column("deployments", "drain_seconds")
