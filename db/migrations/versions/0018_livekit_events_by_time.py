"""Webhooks of LiveKit's by time, so that those of rooms that are not ours are found when they are old."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_NAME, _TABLE = op.f("ix_livekit_events_created_at"), "livekit_events"


def upgrade() -> None:
    op.create_index(_NAME, _TABLE, ["created_at"])


def downgrade() -> None:
    op.drop_index(_NAME, table_name=_TABLE)
