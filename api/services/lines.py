"""Nobody is sent to a room to which no agent comes."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import NoCapacity
from db.models import AgentRow
from db.repositories.lines import LineRepository, Lines
from workflows.policy import HEARTBEAT_TIMEOUT

FEW = 20
"""Where no more lines are left, callers are let in one by one. More requests are not served at once."""


async def has_line(db_session: AsyncSession, agent: AgentRow, version: int) -> bool:
    """Whether a host is there that has room for one more call with that version.

    The transaction must go on to write the call: that keeps the line.
    """
    return (await _count(db_session, agent, version)).free >= 1


async def require_line(db_session: AsyncSession, agent: AgentRow, version: int) -> None:
    """As `has_line`.

    Raises:
        NoCapacity: there is none.
    """
    found = await _count(db_session, agent, version)
    if not found.hosts:
        raise NoCapacity(
            f"“{agent.slug}” can't be reached just now: no host that carries it is there. "
            "Try again in a moment."
        )
    if found.free < 1:
        raise NoCapacity(f"All lines of “{agent.slug}” are busy just now. Try again in a moment.")


async def _count(db_session: AsyncSession, agent: AgentRow, version: int) -> Lines:
    lines = LineRepository(db_session)
    found = await lines.of(agent.id, version, HEARTBEAT_TIMEOUT)
    if 1 <= found.free <= FEW:
        await lines.in_turn()
        found = await lines.of(agent.id, version, HEARTBEAT_TIMEOUT)
    return found
