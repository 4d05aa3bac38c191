"""The reconciler finds what runs without reading what is over, and tells what it put right."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NOT_OVER = "status NOT IN ('stopped', 'failed')"


def upgrade() -> None:
    op.create_table(
        "repairs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repairs")),
    )
    op.create_index(op.f("ix_repairs_created_at_id"), "repairs", ["created_at", "id"])
    op.create_index(op.f("ix_repairs_agent_id_created_at"), "repairs", ["agent_id", "created_at"])
    op.create_index("ix_deployments_open", "deployments", ["agent_id"], postgresql_where=sa.text(NOT_OVER))
    op.create_index("ix_replicas_open", "replicas", ["agent_id"], postgresql_where=sa.text(NOT_OVER))


def downgrade() -> None:
    op.drop_index("ix_replicas_open", "replicas")
    op.drop_index("ix_deployments_open", "deployments")
    op.drop_table("repairs")
