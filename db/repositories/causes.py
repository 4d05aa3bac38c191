"""Queries on why no agent comes to a call."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from common.causes import Cause
from db.models import AgentRow, CallRow, DeploymentRow
from db.repositories.hosts import HostRepository
from db.repositories.placements import made_with

THERE = timedelta(seconds=10)
"""A host that has been silent for longer is not there: it speaks every two seconds."""


class CauseRepository:
    """Reads why calls are in trouble."""

    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def of_want(self, call: CallRow, *, finishing: bool) -> Cause | None:
        """What is wanting for an agent to come; None where a host could send one. `finishing`: whether a
        version that was stopped has the call among its last ones."""
        agent = await self._db_session.get_one(AgentRow, call.agent_id)
        version = agent.live_version
        if call.version is not None and call.version == agent.canary_version:
            version = call.version
        elif await self._moved(call, agent.live_deployment_id):
            return Cause.NOT_DEPLOYED
        if version is None:
            return None if finishing else Cause.NOT_DEPLOYED
        hosts = HostRepository(self._db_session)
        if not await hosts.carriers(agent.id, version, THERE):
            return Cause.NO_HOST
        roomy = await hosts.carriers(agent.id, version, THERE, with_room=True)
        return None if roomy else Cause.FULL

    async def _moved(self, call: CallRow, live: UUID | None) -> bool:
        """Whether the live version takes calls on another LiveKit server than the call is on."""
        there = await self._server(select(DeploymentRow.id).where(DeploymentRow.id == live))
        here = await self._server(made_with(call))
        return there is not None and here is not None and there != here

    async def _server(self, deployment: Select[UUID]) -> tuple[str, str] | None:
        """The address and key of LiveKit by which a deployment is registered."""
        place = DeploymentRow.livekit
        statement = select(place["url"].astext, place["apiKey"].astext).where(
            DeploymentRow.id.in_(deployment), place.is_not(None)
        )
        row = (await self._db_session.execute(statement)).one_or_none()
        return (row[0], row[1]) if row else None
