"""The traces of agents that took a call over, for erasures to list."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add("calls", "later_trace_ids")
    _add("erased_calls", "trace_ids")
    op.execute("UPDATE erased_calls SET trace_ids = ARRAY[trace_id] WHERE trace_id IS NOT NULL")
    op.drop_column("erased_calls", "trace_id")


def downgrade() -> None:
    op.add_column("erased_calls", sa.Column("trace_id", sa.Text(), nullable=True))
    op.execute("UPDATE erased_calls SET trace_id = trace_ids[1]")
    op.drop_column("erased_calls", "trace_ids")
    op.drop_column("calls", "later_trace_ids")


def _add(table: str, column: str) -> None:
    op.add_column(table, sa.Column(column, sa.ARRAY(sa.Text()), server_default="{}", nullable=False))
