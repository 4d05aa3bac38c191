"""The short activities: check a version, and write what workflows tell."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass, field
from uuid import UUID

import aiohttp
from sqlalchemy.exc import IntegrityError
from temporalio import activity

from activities.errors import told_to_temporal
from agents.config import join_secrets, missing_secrets
from agents.providers.check import check_providers
from common.errors import InvalidInput, LiveKitError
from common.livekit import LiveKitCredentials
from common.livekit_server import check_livekit
from common.settings import Settings
from common.status import Status
from db.credentials import LangFuseCredentials, resolve_langfuse, resolve_livekit
from db.engine import Database
from db.repositories.agents import AgentRepository
from db.repositories.deployments import AgentView, DeploymentRepository, NewTransition, ReplicaState
from db.repositories.placements import PlacementRepository
from db.repositories.settings import SettingRepository
from workflows.record_types import RecordInput
from workflows.types import ValidateInput, ValidateResult

logger = logging.getLogger(__name__)

_LEVELS = {Status.FAILED: logging.ERROR, Status.DEGRADED: logging.WARNING}

LIVEKIT_GOOD_SECONDS = 5.0
"""How long a LiveKit server and key that were found good need not be asked again: many agents share them."""


def fingerprint(livekit: LiveKitCredentials, langfuse: LangFuseCredentials | None) -> str:
    """A digest of the servers and keys that a replica was started with, safe to keep in a history."""
    parts = [livekit.url, livekit.api_key, livekit.api_secret]
    if langfuse:
        parts += [langfuse.host, langfuse.public_key, langfuse.secret_key]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@dataclass
class ControlActivities:
    """What the control worker does for workflows."""

    database: Database
    settings: Settings
    http: aiohttp.ClientSession
    _checks: dict[LiveKitCredentials, asyncio.Task[None]] = field(default_factory=dict)
    """The servers and keys that are asked just now, or were found good a moment ago."""

    async def _check_livekit(self, credentials: LiveKitCredentials) -> None:
        check = self._checks.get(credentials)
        if check is None:
            check = self._checks[credentials] = asyncio.create_task(check_livekit(credentials, self.http))
            asyncio.get_running_loop().call_later(LIVEKIT_GOOD_SECONDS, self._forget, credentials, check)
        try:
            await asyncio.shield(check)
        except LiveKitError:
            self._forget(credentials, check)
            raise

    def _forget(self, credentials: LiveKitCredentials, check: asyncio.Task[None]) -> None:
        if self._checks.get(credentials) is check:
            del self._checks[credentials]

    @activity.defn
    async def validate_config(self, request: ValidateInput) -> ValidateResult:
        """Check that a version can run: its config, its providers, and LiveKit with its key; note which."""
        with told_to_temporal():
            async with self.database.begin() as db_session:
                agents = AgentRepository(db_session, self.database.box)
                stored = agents.version_config(await agents.version(UUID(request.agent_id), request.version))
                settings = await SettingRepository(db_session, self.database.box).all()
            config = join_secrets(stored.public, stored.secrets)
            errors = missing_secrets(config) or await asyncio.to_thread(check_providers, config)
            if errors:
                raise InvalidInput("The config can't run.", errors)
            credentials = resolve_livekit(stored, settings, self.settings)
            langfuse = resolve_langfuse(settings, self.settings)
            await self._check_livekit(credentials)
            async with self.database.begin() as db_session:
                placements = PlacementRepository(db_session, self.database.box)
                await placements.place(UUID(request.deployment_id), credentials)
        return ValidateResult(credentials.url, fingerprint(credentials, langfuse))

    @activity.defn
    async def record_transitions(self, request: RecordInput) -> None:
        """Write what changed to Postgres; the same again changes nothing."""
        new = [
            NewTransition(
                sequence=item.sequence,
                at=item.at,
                status=item.status,
                actor=item.actor,
                reason=item.reason,
                attempt=item.attempt,
            )
            for item in request.transitions
        ]
        agent, agent_id, share = request.agent, UUID(request.agent_id), request.agent.canary
        view = AgentView(
            sequence=agent.sequence,
            status=agent.status,
            live_version=agent.live_version,
            live_deployment_id=UUID(agent.live_deployment_id) if agent.live_deployment_id else None,
            deployment_id=UUID(agent.deployment_id),
            last_error=agent.last_error,
            canary_version=share.version if share else None,
            canary_deployment_id=UUID(share.deployment_id) if share else None,
            canary_percent=share.percent if share else None,
        )
        replicas = [
            ReplicaState(**vars(replica) | {"deployment_id": UUID(replica.deployment_id)})
            for replica in request.replicas
        ]
        with told_to_temporal():
            try:
                async with self.database.begin() as db_session:
                    deployments = DeploymentRepository(db_session)
                    version = await deployments.record(UUID(request.deployment_id), new)
                    await deployments.show_agent(agent_id, view)
                    await deployments.show_replicas(agent_id, replicas)
            except IntegrityError:
                logger.info("deployment %s was deleted: nothing to record", request.deployment_id)
                return
        if version is not None:
            _log_transitions(request, version)


def _log_transitions(request: RecordInput, version: int) -> None:
    """The agent's log tells why it is how it is, also when no host ever had it."""
    for each in request.transitions:
        level = _LEVELS.get(each.status, logging.INFO)
        text = f"version {version} is {each.status}" + (f": {each.reason}" if each.reason else "")
        extra = {"agent": request.agent_id}
        line = logger.makeRecord(logger.name, level, __file__, 0, text, (), None, extra=extra)
        line.created = each.at.timestamp()  # when it was, not when Postgres took it
        logger.handle(line)
