"""Calls are counted by the hour and the day; transcripts are deleted in time, callers erased on demand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("turn_count", sa.Integer(), nullable=True))
    for name in ("transcript_deleted_at", "erased_at"):
        op.add_column("calls", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.drop_index(op.f("ix_calls_agent_id_created_at"), "calls")
    for columns in (
        ["agent_id", "created_at", "id"],
        ["status", "created_at", "id"],
        ["agent_id", "status", "created_at", "id"],
    ):
        op.create_index(op.f(f"ix_calls_{'_'.join(columns)}"), "calls", columns)
    op.create_index(
        "ix_calls_uncounted", "calls", ["created_at"], postgresql_where=sa.text("turn_count IS NULL")
    )
    op.create_index(
        "ix_calls_with_transcript",
        "calls",
        ["agent_id", "created_at"],
        postgresql_where=sa.text("transcript_deleted_at IS NULL"),
    )
    # Its columns are the first of the unique index.
    op.drop_index(op.f("ix_turns_call_id"), "turns")
    op.create_table(
        "call_counts",
        *_key(),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("ended", "failed", "abandoned", "recovered", "recoveries", "crashes", "turns")
        ),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "span", "at", "version", name=op.f("pk_call_counts")),
    )
    op.create_table(
        "call_measures",
        *_key(),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("buckets", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("counts", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint(
            "agent_id", "span", "at", "version", "measure", name=op.f("pk_call_measures")
        ),
    )
    _create_erasures()


def _key() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("span", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _created_at() -> sa.Column:  # type: ignore[type-arg]
    return sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _create_erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        _created_at(),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("chosen_by", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("more", sa.Boolean(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_table(
        "erased_calls",
        sa.Column("erasure_id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        _created_at(),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("deleted", JSONB(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["erasure_id"],
            ["erasures.id"],
            name=op.f("fk_erased_calls_erasure_id_erasures"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("erasure_id", "call_id", name=op.f("pk_erased_calls")),
    )


def downgrade() -> None:
    for table in ("erased_calls", "erasures", "call_measures", "call_counts"):
        op.drop_table(table)
    op.create_index(op.f("ix_turns_call_id"), "turns", ["call_id"])
    for name in (
        "ix_calls_with_transcript",
        "ix_calls_uncounted",
        "ix_calls_agent_id_status_created_at_id",
        "ix_calls_status_created_at_id",
        "ix_calls_agent_id_created_at_id",
    ):
        op.drop_index(name, "calls")
    op.create_index(op.f("ix_calls_agent_id_created_at"), "calls", ["agent_id", "created_at"])
    for name in ("erased_at", "transcript_deleted_at", "turn_count"):
        op.drop_column("calls", name)
