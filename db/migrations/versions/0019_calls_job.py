"""Which job of LiveKit's speaks for a call: it may send two agents by one dispatch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("job_id", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("calls", "job_id")
