"""On which LiveKit server a deployment runs, noted when it was validated.

The settings may change while an agent is registered. Its tokens, rooms and next attempt go on with the
server and key that it was deployed with, until it is deployed or retried again.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from common.errors import NotFound
from common.livekit import LiveKitCredentials
from common.settings import Settings
from db.credentials import resolve_livekit
from db.crypto import SecretBox
from db.models import CallRow, DeploymentRow
from db.repositories.settings import SettingRepository


class PlacementRepository:
    """Reads and writes placements; the secret is sealed to its deployment."""

    def __init__(self, db_session: AsyncSession, box: SecretBox) -> None:
        self._db_session = db_session
        self._box = box

    async def place(self, deployment_id: UUID, credentials: LiveKitCredentials) -> None:
        """Note where the deployment runs from now on."""
        statement = (
            update(DeploymentRow)
            .where(DeploymentRow.id == deployment_id)
            .values(
                livekit={
                    "url": credentials.url,
                    "apiKey": credentials.api_key,
                    "source": credentials.source,
                },
                livekit_secret=self._box.seal(credentials.api_secret, _row(deployment_id)),
            )
            .execution_options(synchronize_session=False)
        )
        await self._db_session.execute(statement)

    async def of_call(self, call: CallRow, settings: Settings) -> LiveKitCredentials:
        """The server that a call is on, though its agent may run elsewhere by now."""
        found = (await self._db_session.execute(made_with(call))).scalar_one_or_none()
        return await self.of(found, settings)

    async def of(self, deployment_id: UUID | None, settings: Settings) -> LiveKitCredentials:
        """Where the deployment runs; for None the platform's own server.

        Raises:
            NotFound: it was never validated.
        """
        if deployment_id is None:
            stored = await SettingRepository(self._db_session, self._box).all()
            return resolve_livekit(None, stored, settings)
        statement = select(DeploymentRow.livekit, DeploymentRow.livekit_secret).where(
            DeploymentRow.id == deployment_id
        )
        row = (await self._db_session.execute(statement)).one_or_none()
        if row is None or row[0] is None or row[1] is None:
            raise NotFound(f"Deployment {deployment_id} was never validated.")
        place, secret = row
        return LiveKitCredentials(
            url=place["url"],
            api_key=place["apiKey"],
            api_secret=self._box.open(secret, _row(deployment_id)),
            source=place["source"],
            internal_url=settings.livekit_internal_url if place["url"] == settings.livekit_url else None,
        )


def made_with(call: CallRow) -> Select[UUID]:
    """The deployment by which a call is on its server."""
    return (
        select(DeploymentRow.id)
        .where(
            DeploymentRow.agent_id == call.agent_id,
            DeploymentRow.version == call.version,
            DeploymentRow.livekit.is_not(None),
            DeploymentRow.created_at <= call.created_at,
        )
        .order_by(DeploymentRow.created_at.desc())
        .limit(1)
    )


def _row(deployment_id: UUID) -> str:
    return f"deployments/{deployment_id}"
