"""Which agents differ between Temporal and Postgres, as far as can be told without asking each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from temporalio.client import Client, WorkflowExecution

from common.status import Status
from db.engine import Database
from db.repositories.drifts import DriftRepository, ToldAgent
from workflows.policy import AGENT_STATUS, DEPLOYMENT_ID, agent_workflow_id
from workflows.reconcile_types import Drift, Suspect

PAGE = 20_000
"""Agents that are compared at a time. Temporal looks through all that runs for each such page."""

LIST_PAGE = 1000
"""The most that Temporal lists at a time."""

_RUNNING = "WorkflowType IN ('AgentWorkflow', 'ReplicaWorkflow') AND ExecutionStatus = 'Running'"
_ID = slice(len(agent_workflow_id("")), len(agent_workflow_id("")) + 36)
"""Where an agent's id is in the ids of its workflows."""


@dataclass
class Running:
    """What Temporal runs, by the ids of agents."""

    agents: dict[str, tuple[object, object]] = field(default_factory=dict)
    """For searches, each agent's workflow tells the status, and the deployment that it is about."""
    replicas: dict[str, set[str]] = field(default_factory=dict)

    def add(self, found: WorkflowExecution) -> None:
        """One more workflow."""
        agent_id = found.id[_ID]
        if found.workflow_type == "AgentWorkflow":
            shown = found.typed_search_attributes
            self.agents[agent_id] = (shown.get(AGENT_STATUS), shown.get(DEPLOYMENT_ID))
        else:
            self.replicas.setdefault(agent_id, set()).add(found.id)

    def without(self, known: Iterable[str]) -> set[str]:
        """Agents that are not among `known`."""
        return (self.agents.keys() | self.replicas.keys()).difference(known)


async def running_workflows(
    client: Client, beat: Callable[[], None], begin: UUID | None = None, end: UUID | None = None
) -> Running:
    """The running workflows of agents from `begin` up to before `end`, and of their replicas."""
    query = _RUNNING
    if begin:
        query += f" AND WorkflowId >= '{agent_workflow_id(str(begin))}'"
    if end:
        query += f" AND WorkflowId < '{agent_workflow_id(str(end))}'"
    found, count = Running(), 0
    async for execution in client.list_workflows(query, page_size=LIST_PAGE):
        found.add(execution)
        count += 1
        if count % LIST_PAGE == 0:
            beat()
    return found


@dataclass
class Comparison:
    """Goes through all agents, a page at a time, so that memory and each query stay small."""

    client: Client
    database: Database
    beat: Callable[[], None]
    page: int = PAGE
    seen: int = 0
    """Agents in Postgres."""
    running: int = 0
    """Agents with a workflow."""

    async def suspects(self) -> list[Suspect]:
        """All that differs."""
        found: list[Suspect] = []
        after: UUID | None = None
        while True:
            async with self.database.begin() as db_session:
                told = await DriftRepository(db_session).agents(after, self.page)
            self.beat()
            last = len(told) < self.page
            begin, end = _next(after), None if last else _next(told[-1].id)
            running = await running_workflows(self.client, self.beat, begin, end)
            self.seen += len(told)
            self.running += len(running.agents)
            found += compare(told, running)
            if last:
                return found
            after = told[-1].id


def _next(agent_id: UUID | None) -> UUID | None:
    return None if agent_id is None else UUID(int=min(agent_id.int + 1, 2**128 - 1))


def compare(told: Iterable[ToldAgent], running: Running) -> list[Suspect]:
    """What differs between the same agents in Postgres and in Temporal. It may be on its way."""
    found: list[Suspect] = []
    known = set()
    for agent in told:
        known.add(str(agent.id))
        found += _differences(agent, running)
    for agent_id in sorted(running.without(known)):
        drift = Drift.AGENT_DELETED if agent_id in running.agents else Drift.REPLICAS
        found.append(Suspect(drift, agent_id, sorted(running.replicas.get(agent_id, ()))))
    return found


def _differences(agent: ToldAgent, running: Running) -> Iterator[Suspect]:
    agent_id = str(agent.id)
    shown, replicas = running.agents.get(agent_id), running.replicas.get(agent_id, set())
    if agent.should_run and shown is None:
        yield Suspect(Drift.AGENT_LOST, agent_id)
        return
    if odd := _odd_replicas(agent, replicas, up=shown is not None):
        yield Suspect(Drift.REPLICAS, agent_id, sorted(odd))
    if shown is not None and _told_old(agent, *shown):
        yield Suspect(Drift.TOLD_OLD, agent_id, [str(agent.sequence)])
    steady = _steady(agent)
    if agent.status == Status.DEGRADED and agent.live_deployment_id and steady < agent.wanted:
        yield Suspect(Drift.SHORT, agent_id)


def _odd_replicas(agent: ToldAgent, running: set[str], *, up: bool) -> set[str]:
    """Replicas that only one side knows; all of them, where there are others than there should be."""
    if odd := running.symmetric_difference(agent.replicas):
        return odd
    well = agent.status == Status.RUNNING and not agent.on_trial
    too_many = well and _steady(agent) != agent.wanted
    return running if too_many or not up else set()


def _steady(agent: ToldAgent) -> int:
    return sum(status != Status.DRAINING for status in agent.replicas.values())


def _told_old(agent: ToldAgent, status: object, deployment_id: object) -> bool:
    """Whether Postgres tells something else than searches find; those are not told of what passes at once."""
    if agent.deployment_status is not None and agent.deployment_status != agent.status:
        return True
    if status is None or agent.status in {Status.VALIDATING, Status.STARTING}:
        same = deployment_id == str(agent.deployment_id)
        return same and status not in {None, Status.FAILED, Status.STOPPED}
    return (status, deployment_id) != (agent.status, str(agent.deployment_id))
