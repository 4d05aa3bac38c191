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
    # Of calls that had several agents: who was sent last before the turn noted it; what was cut off tells.
    op.execute(
        """
        UPDATE turns SET attempt = CASE
            WHEN item_id LIKE 'cut-%' THEN split_part(item_id, '-', 2)::smallint
            ELSE coalesce((SELECT max(event.attempt) FROM call_events AS event
                           WHERE event.call_id = turns.call_id AND event.number = 0
                           AND event.at <= turns.at), 1)
        END
        FROM calls WHERE calls.id = turns.call_id AND calls.attempt > 1
        """
    )


def downgrade() -> None:
    op.drop_column("turns", "attempt")
