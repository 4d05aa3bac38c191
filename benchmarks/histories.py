"""How long the histories of a stack's workflows are."""

from __future__ import annotations

from collections.abc import Iterable

from temporalio.client import Client, WorkflowExecution

from workflows.policy import agent_workflow_id

SYSTEM = "TemporalNamespaceDivision IS NOT NULL"
"""Workflows of Temporal's own, such as those behind schedules, which a plain list leaves out."""


class Histories:
    """The lengths at one moment, by workflow and run. Closed runs count as well: they were written."""

    def __init__(self, lengths: dict[tuple[str, str], int]) -> None:
        self.lengths = lengths

    @classmethod
    async def read(cls, client: Client) -> Histories:
        """Look at every run that there is."""
        found: list[WorkflowExecution] = []
        for query in ("", SYSTEM):
            found += [execution async for execution in client.list_workflows(query or None)]
        lengths = {}
        for execution in found:
            handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
            lengths[execution.id, execution.run_id] = (await handle.describe()).history_length
        return cls(lengths)

    def grown(self, before: Histories) -> dict[str, int]:
        """By workflow, how many events were added since; only where there were any."""
        grown: dict[str, int] = {}
        for (workflow, run), length in self.lengths.items():
            more = length - before.lengths.get((workflow, run), 0)
            if more:
                grown[workflow] = grown.get(workflow, 0) + more
        return grown


def of_agents(events: dict[str, int], agents: Iterable[str]) -> dict[str, int]:
    """By agent, the events of its own workflow and of its replicas'."""
    ids = {agent: agent_workflow_id(agent) for agent in agents}
    return {
        agent: sum(
            count for workflow, count in events.items() if workflow == own or workflow.startswith(f"{own}-v")
        )
        for agent, own in ids.items()
    }
