"""Calls go on: which dispatch speaks for a call, who carries it, what happened in it, what is being said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("calls", sa.Column("crashes", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("calls", sa.Column("host", sa.Text(), nullable=True))
    op.add_column("calls", sa.Column("host_process", sa.Text(), nullable=True))
    op.add_column("calls", sa.Column("caller_left_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_calls_carried",
        "calls",
        ["host"],
        postgresql_where=sa.text("status IN ('waiting', 'active', 'recovering')"),
    )
    op.create_table(
        "call_events",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.id"], name=op.f("fk_call_events_call_id_calls"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_events")),
        sa.UniqueConstraint(
            "call_id", "attempt", "number", name=op.f("uq_call_events_call_id_attempt_number")
        ),
    )
    op.create_table(
        "drafts",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.id"], name=op.f("fk_drafts_call_id_calls"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("call_id", "role", name=op.f("pk_drafts")),
    )


def downgrade() -> None:
    op.drop_table("drafts")
    op.drop_table("call_events")
    op.drop_index("ix_calls_carried", "calls")
    op.drop_column("calls", "caller_left_at")
    op.drop_column("calls", "host_process")
    op.drop_column("calls", "host")
    op.drop_column("calls", "crashes")
    op.drop_column("calls", "attempt")
