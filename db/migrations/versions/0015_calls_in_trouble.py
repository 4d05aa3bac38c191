"""What was told of steps after calls; an index of the events of calls in trouble."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("analyses", sa.Column("told", sa.Integer(), nullable=True))
    op.create_index(
        "ix_events_trouble",
        "events",
        ["kind", "at"],
        postgresql_where=sa.text("kind IN ('call.recovered', 'call.unanswered')"),
    )


def downgrade() -> None:
    op.drop_index("ix_events_trouble", "events")
    op.drop_column("analyses", "told")
