"""Deploying, trying again and stopping: a row in Postgres first, then the agent's workflow."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from agents.config import join_secrets, missing_secrets
from api.postgres import Postgres
from api.schemas.deployments import DeployBody, DeploymentAnswer, DeploymentPage, StopAnswer, StopBody
from api.turns import Turns
from common.errors import Conflict, InvalidInput, Unavailable
from common.settings import Settings
from common.status import Status
from db.models import AgentRow, DeploymentKind, DeploymentRow, TransitionRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.deployments import FIRST, DeploymentRepository
from db.repositories.drifts import DriftRepository
from db.repositories.history import HistoryRepository
from db.repositories.pages import Cursor
from db.repositories.unstarted import AgentBefore, UnstartedRepository
from workflows.types import DeploymentState, DeployRequest, RetryRequest, StopRequest
from workflows.wishes import NoWorkflow, Unanswered, Workflows
from workflows.written import request_of, seen_of

_LOST = "Temporal knows nothing of this deployment."
_log = logging.getLogger("bionic.api")


@dataclass(frozen=True)
class Accepted:
    """A deployment that is committed and must reach the agent's workflow."""

    agent_id: UUID
    slug: str
    name: str
    deployment: DeploymentRow
    first: TransitionRow
    request: DeployRequest
    before: AgentBefore


@dataclass(frozen=True)
class DeploymentService:
    """Brings versions of agents up and down."""

    postgres: Postgres
    workflows: Workflows
    settings: Settings
    turns: Turns = field(default_factory=lambda: Turns("deployments", at_once=16, most=2000, seconds=50))
    """As many as a small machine has work with. Callers' tokens need Postgres meanwhile, and a rollback waits
    for nobody."""

    async def deploy(
        self, ref: str, wanted: DeployBody, actor: str, kind: DeploymentKind = DeploymentKind.DEPLOY
    ) -> DeploymentAnswer:
        """Publish the draft if it changed, and deploy it; or deploy the version that is named.

        Raises:
            InvalidInput: the config is not fit to run; nothing was started.
            Unavailable: Temporal is away, and the deployment is marked failed. Or too many are asked for at
                once.
        """
        async with self.turns.take():
            async with self.postgres.begin() as db_session:
                agent = await AgentRepository(db_session, self.postgres.box).get(ref, lock=True)
                accepted = await self.accept(db_session, agent, wanted, actor, kind)
            return await self.start(accepted)

    async def accept(
        self,
        db_session: AsyncSession,
        agent: AgentRow,
        wanted: DeployBody,
        actor: str,
        kind: DeploymentKind = DeploymentKind.DEPLOY,
    ) -> Accepted:
        """Write the deployment. The agent must be locked; `start` comes after the commit."""
        agents = AgentRepository(db_session, self.postgres.box)
        if wanted.version is None:
            require_complete(agents.draft(agent))
            version = await agents.publish(agent, actor, wanted.note)
        else:
            version = await agents.version(agent.id, wanted.version)
            require_complete(agents.version_config(version))
        deployments = DeploymentRepository(db_session)
        before = AgentBefore.of(agent)
        replicas = wanted.replicas or await self._replicas_now(deployments, agent)
        drain_seconds = await self._drain_seconds(agents, agent, fallback=version.config)
        steps = [step.model_dump() for step in wanted.canary] if wanted.canary else None
        row, first = await deployments.create(
            agent, uuid4(), version.number, replicas, actor, kind, steps, drain_seconds, wanted.note
        )
        seen = seen_of(agent.sequence, *await deployments.replicas(agent.id))
        request = request_of(row, drain_seconds, seen, wanted.note)
        return Accepted(agent.id, agent.slug, agent.name, row, first, request, before)

    async def start(self, accepted: Accepted) -> DeploymentAnswer:
        """Hand a committed deployment to the agent's workflow."""
        try:
            state = await self.workflows.deploy(
                str(accepted.agent_id), accepted.slug, accepted.name, accepted.request
            )
        except Unanswered:
            # It is committed: who hands over what was left behind hands it over again until it is taken.
            state = None
        except (Unavailable, Conflict) as error:
            async with self.postgres.begin() as db_session:
                await UnstartedRepository(db_session).fail(
                    accepted.deployment.id, error.message, accepted.before
                )
            raise
        return DeploymentAnswer.of(accepted.deployment, [accepted.first], self.settings, state)

    async def retry(self, ref: str, actor: str, note: str | None = None) -> DeploymentAnswer:
        """Try a failed deployment again; `note` says why.

        Raises:
            Conflict: there is nothing to try again.
            Unavailable: Temporal is away.
        """
        agent, deployment, seen = await self._current(ref)
        if deployment is not None and _never_taken(deployment):
            # It failed before any workflow heard of it: a new deployment is what trying again means then.
            return await self._again(ref, deployment, actor, note)
        try:
            state = await self.workflows.retry(str(agent.id), RetryRequest(actor, note), seen)
        except NoWorkflow:
            if deployment is None or deployment.sequence > FIRST:
                raise
            return await self._again(ref, deployment, actor, note)
        return await self.show(_shown(state, deployment), state)

    async def _again(
        self, ref: str, deployment: DeploymentRow, actor: str, note: str | None
    ) -> DeploymentAnswer:
        """The same wish once more: a rollback stays one."""
        wanted = DeployBody(version=deployment.version, note=note)
        return await self.deploy(ref, wanted, actor, DeploymentKind(deployment.kind))

    async def stop(self, ref: str, actor: str, wanted: StopBody) -> StopAnswer:
        """Run no version of the agent any more.

        Where Temporal has lost the agent's workflow, nothing keeps it up: it is marked stopped at once.

        Raises:
            Conflict: the agent is not deployed.
            Unavailable: Temporal is away.
        """
        agent, deployment, seen = await self._current(ref)
        seconds = 0.0
        if wanted.drain:
            async with self.postgres.begin() as db_session:
                agents = AgentRepository(db_session, self.postgres.box)
                seconds = await self._drain_seconds(agents, agent, fallback=agent.draft)
        request = StopRequest(actor, seconds, wanted.note)
        try:
            state = await self.workflows.stop(str(agent.id), request, seen)
        except NoWorkflow:
            if not await self._give_up(agent.id, actor):
                raise
            state = None
        shown = await self.show(_shown(state, deployment), state)
        return StopAnswer(**dict(shown), drain_seconds=seconds)

    async def _give_up(self, agent_id: UUID, actor: str) -> bool:
        """Mark an agent stopped of which Temporal knows nothing; False when it is down or not up yet."""
        async with self.postgres.begin() as db_session:
            agent = await AgentRepository(db_session, self.postgres.box).get(str(agent_id), lock=True)
            if agent.deployment_id is None or (agent.live_version is None and Status(agent.status).terminal):
                return False
            deployment = await DeploymentRepository(db_session).get(agent.deployment_id)
            if deployment.sequence == FIRST and deployment.status == Status.VALIDATING:
                return False  # it is being handed over just now, or soon
            await UnstartedRepository(db_session).give_up(agent, actor, _LOST)
        _log.warning("the workflow of agent %s is lost: marked stopped", agent_id)
        return True

    async def show(self, deployment_id: UUID, state: DeploymentState | None = None) -> DeploymentAnswer:
        """A deployment with its transitions."""
        async with self.postgres.moment() as db_session:
            deployments = DeploymentRepository(db_session)
            row = await deployments.get(deployment_id)
            return DeploymentAnswer.of(row, await deployments.transitions(row.id), self.settings, state)

    async def history(self, ref: str, cursor: str | None, limit: int) -> DeploymentPage:
        """A page of an agent's deployments, newest first."""
        after = Cursor.decode(cursor)
        async with self.postgres.moment() as db_session:
            agent = await AgentRepository(db_session, self.postgres.box).get(ref)
            page = await HistoryRepository(db_session).deployments(agent.id, after, limit)
        items = [DeploymentAnswer.of(row, transitions, self.settings) for row, transitions in page.items]
        return DeploymentPage(items=items, next_cursor=page.next_cursor)

    async def _current(self, ref: str) -> tuple[AgentRow, DeploymentRow | None, str]:
        """An agent, the deployment that it shows, and a name for how far its story has come.

        The number alone would not do: it grows with what its workflow tells, which may come late, while a
        deployment is written before its workflow hears of it.
        """
        async with self.postgres.moment() as db_session:
            agent = await AgentRepository(db_session, self.postgres.box).get(ref)
            if agent.deployment_id is None:
                return agent, None, str(agent.sequence)
            shown = await DeploymentRepository(db_session).get(agent.deployment_id)
            newest = await DriftRepository(db_session).newest_deployment(agent.id)
        return agent, shown, f"{agent.sequence}-{newest.id if newest else shown.id}"

    async def _replicas_now(self, deployments: DeploymentRepository, agent: AgentRow) -> int:
        return (await deployments.get(agent.deployment_id)).replicas if agent.deployment_id else 1

    async def _drain_seconds(
        self, agents: AgentRepository, agent: AgentRow, *, fallback: dict[str, object]
    ) -> float:
        """How long the calls of the live version may go on: it is that version which ends."""
        config = fallback
        if agent.live_version is not None:
            config = (await agents.version(agent.id, agent.live_version)).config
        wished = config.get("drainSeconds")
        return float(wished) if isinstance(wished, int | float) else self.settings.bionic_drain_seconds


def require_complete(config: StoredConfig) -> None:
    """Check that a stored config can run.

    Raises:
        InvalidInput: with a pointer to each field that is wrong or missing.
    """
    if missing := missing_secrets(join_secrets(config.public, config.secrets)):
        raise InvalidInput("The agent's config lacks a secret.", missing)


def _never_taken(deployment: DeploymentRow) -> bool:
    return deployment.status == Status.FAILED and deployment.sequence == FIRST


def _shown(state: DeploymentState | None, deployment: DeploymentRow | None) -> UUID:
    if state is not None:
        return UUID(state.deployment_id)
    if deployment is None:
        raise Conflict("The agent is not deployed. Deploy it first.")
    return deployment.id
