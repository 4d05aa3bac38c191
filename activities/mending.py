"""Puts right what differs still at the second look, one agent at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import aiohttp
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client

from activities.redeploying import Redeploying
from activities.watch import host_of, pending_stay
from common.errors import Conflict
from common.settings import Settings
from common.status import Status
from db.engine import Database
from db.models import AgentRow, DeploymentRow
from db.repositories.agents import AgentRepository
from db.repositories.deployments import DeploymentRepository, NewTransition
from db.repositories.drifts import DriftRepository
from workflows.absence import is_running
from workflows.policy import RECONCILER, agent_workflow_id
from workflows.reconcile_types import Account, Drift, Repair, Suspect
from workflows.types import ReplicaChanged, ReplicaReport, StopReplica, StopRequest
from workflows.wishes import NoWorkflow, Workflows

RPC_TIMEOUT = timedelta(seconds=5)
GONE = "Its workflow is gone."
UNKNOWN = "No workflow knew it any more."

_UNDER_WAY = {Status.VALIDATING, Status.STARTING}


@dataclass(frozen=True)
class Mender:
    """Looks at single agents: what Temporal and Postgres say now, and what the agent's workflow knows."""

    client: Client
    database: Database
    settings: Settings
    http: aiohttp.ClientSession

    async def mend(self, suspect: Suspect) -> list[Repair]:
        """What was put right; nothing where it was on its way only, or is somebody else's to put right."""
        ways: dict[Drift, Callable[[Suspect], Awaitable[list[Repair]]]] = {
            Drift.AGENT_LOST: self._lost,
            Drift.AGENT_DELETED: self._deleted,
            Drift.REPLICAS: self._replicas,
            Drift.SHORT: self._short,
            Drift.TOLD_OLD: self._told_old,
            Drift.UNHEARD: self._unheard,
        }
        return await ways[suspect.drift](suspect)

    @property
    def _wishes(self) -> Workflows:
        return Workflows(self.client)

    @property
    def _redeploying(self) -> Redeploying:
        return Redeploying(self._wishes, self.database, self.settings, self.http)

    async def _lost(self, suspect: Suspect) -> list[Repair]:
        if await self._runs(agent_workflow_id(suspect.subject)):
            return []
        return await self._redeploying.lost(UUID(suspect.subject))

    async def _deleted(self, suspect: Suspect) -> list[Repair]:
        agent_id = suspect.subject
        async with self.database.begin() as db_session:
            if await self._agent(db_session, agent_id):
                return []
        with suppress(Conflict):  # it may be that nothing of it runs
            await self._wishes.stop(agent_id, StopRequest(RECONCILER, self.settings.bionic_drain_seconds))
        try:
            await self._wishes.retire(agent_id)
        except NoWorkflow:
            return []
        what = "An agent that is deleted had a workflow still: it was told to stop and to end."
        return [Repair(Drift.AGENT_DELETED, agent_id, agent_id, what)]

    async def _short(self, suspect: Suspect) -> list[Repair]:
        account = await self._account(suspect.subject)
        if account is None or not (account.missing and account.settled):
            return []
        return await self._redeploying.short(UUID(suspect.subject))

    async def _replicas(self, suspect: Suspect) -> list[Repair]:
        agent_id = suspect.subject
        running = {each for each in suspect.signs if await self._runs(each)}
        account = await self._account(agent_id)  # only now: what ended meanwhile was told before it ended
        async with self.database.begin() as db_session:
            agent = await self._agent(db_session, agent_id)
            told = set(await DriftRepository(db_session).replicas(UUID(agent_id)))
        known = account.replicas if account else {}
        # Without its workflow, an agent that should run is started anew first: its replicas serve meanwhile.
        owned = bool(agent and _should_run(agent)) if account is None else not account.settled
        repairs: list[Repair] = []
        lost = []
        for each in suspect.signs:
            if each in running and each not in known and not owned:
                repairs += await self._send_away(agent_id, each)
            elif each not in running and each in known and known[each] is not Status.FAILED:
                lost.append(each)
            elif each not in running and each not in known and each in told and not owned:
                repairs += await self._forget(agent_id, each)
        if lost:
            repairs += await self._replace(agent_id, lost)
        return repairs

    async def _send_away(self, agent_id: str, replica_id: str) -> list[Repair]:
        """Have a replica that nobody knows take no more calls and end."""
        handle = self.client.get_workflow_handle(replica_id)
        described = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        pending = pending_stay(list(described.raw_description.pending_activities))
        host, attempt = (host_of(pending.last_worker_identity), pending.attempt) if pending else (None, 0)
        order = StopReplica(self.settings.bionic_drain_seconds, host, attempt)
        await handle.signal("stop", order, rpc_timeout=RPC_TIMEOUT)
        await self._end_row(replica_id)
        where = f" on host {host}" if host else ""
        what = f"A replica ran{where} that no agent's workflow knew: it drains and ends."
        return [Repair("replica unowned", agent_id, replica_id, what)]

    async def _forget(self, agent_id: str, replica_id: str) -> list[Repair]:
        await self._end_row(replica_id)
        what = "A replica was told of that Temporal does not run and nobody knows: it is shown as stopped."
        return [Repair("replica forgotten", agent_id, replica_id, what)]

    async def _end_row(self, replica_id: str) -> None:
        async with self.database.begin() as db_session:
            await DriftRepository(db_session).end_replica(replica_id, UNKNOWN)

    async def _replace(self, agent_id: str, lost: list[str]) -> list[Repair]:
        """Tell the agent's workflow which replicas are gone, then deploy the same version again."""
        agent = self.client.get_workflow_handle(agent_workflow_id(agent_id))
        repairs = []
        for each in lost:
            change = ReplicaChanged(each, ReplicaReport(Status.STOPPED, attempt=0, reason=GONE))
            await agent.signal("replica_changed", change, rpc_timeout=RPC_TIMEOUT)
            what = "A replica's workflow was gone and its agent's did not know: it does now."
            repairs.append(Repair("replica lost", agent_id, each, what))
        account = await self._account(agent_id)
        if account and account.missing and account.settled:
            repairs += await self._redeploying.short(UUID(agent_id))
        return repairs

    async def _told_old(self, suspect: Suspect) -> list[Repair]:
        account = await self._account(suspect.subject)
        if account is None or not account.told:
            return []
        async with self.database.begin() as db_session:
            agent = await self._agent(db_session, suspect.subject)
            if agent is None or str(agent.sequence) != suspect.signs[0]:
                return []  # something was told meanwhile
            if not await _behind(db_session, agent, account):
                return []
        handle = self.client.get_workflow_handle(agent_workflow_id(suspect.subject))
        await handle.signal("tell_again", agent.sequence, rpc_timeout=RPC_TIMEOUT)
        what = (
            f"Postgres showed “{agent.slug}” as {agent.status}, its workflow knows it as {account.status}: "
            "everything was told again."
        )
        return [Repair(Drift.TOLD_OLD, suspect.subject, suspect.subject, what)]

    async def _unheard(self, suspect: Suspect) -> list[Repair]:
        agent_id, deployment_id = suspect.subject, suspect.signs[0]
        account = await self._account(agent_id)
        if account and (deployment_id in account.deployments or not account.settled):
            return []
        async with self.database.begin() as db_session:
            agent = await self._agent(db_session, agent_id)
            row = await db_session.get(DeploymentRow, UUID(deployment_id))
            newest = await DriftRepository(db_session).newest_deployment(UUID(agent_id))
            if agent is None or row is None or Status(row.status).terminal:
                return []
            if account is None and _should_run(agent):
                return []  # it is started anew first
            waiting = newest is not None and newest.id == row.id and row.status in _UNDER_WAY
            if not waiting:
                return await self._close(db_session, row)
        return await self._redeploying.unheard(agent, row)

    async def _close(self, db_session: AsyncSession, row: DeploymentRow) -> list[Repair]:
        end = NewTransition(
            row.sequence + 1, datetime.now(UTC), Status.STOPPED, RECONCILER, UNKNOWN, row.attempt
        )
        await DeploymentRepository(db_session).record(row.id, [end])
        what = f"A deployment of version {row.version} was {row.status} for ever: it is shown as stopped."
        return [Repair("deployment forgotten", str(row.agent_id), str(row.id), what)]

    async def _agent(self, db_session: AsyncSession, agent_id: str) -> AgentRow | None:
        return await AgentRepository(db_session, self.database.box).find(agent_id)

    async def _runs(self, workflow_id: str) -> bool:
        return await is_running(self.client, workflow_id, RPC_TIMEOUT)

    async def _account(self, agent_id: str) -> Account | None:
        """What the agent's workflow knows; None when there is none that runs."""
        workflow_id = agent_workflow_id(agent_id)
        if not await self._runs(workflow_id):
            return None
        handle = self.client.get_workflow_handle(workflow_id)
        account: Account = await handle.query("account", result_type=Account, rpc_timeout=RPC_TIMEOUT)
        return account


def _should_run(agent: AgentRow) -> bool:
    return agent.live_deployment_id is not None or not Status(agent.status).terminal


async def _behind(db_session: AsyncSession, agent: AgentRow, account: Account) -> bool:
    """Whether what Postgres tells is not what the workflow knows, or so numbered that no news is taken."""
    told = (agent.status, _text(agent.deployment_id), _text(agent.live_deployment_id))
    if told != (account.status, account.deployment_id, account.live_deployment_id):
        return True
    if agent.sequence > account.sequence:
        return True
    rows = [(await db_session.get(DeploymentRow, UUID(each)), n) for each, n in account.deployments.items()]
    return any(row is not None and row.sequence < newest for row, newest in rows)


def _text(value: UUID | None) -> str | None:
    return str(value) if value else None
