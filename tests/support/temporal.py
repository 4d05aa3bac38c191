"""What Temporal's UI shows of a workflow, read as the UI does."""

from __future__ import annotations

import json
from typing import Any

from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle

from workflows.policy import AGENT_SLUG, AGENT_STATUS, AGENT_VERSION, DEPLOYMENT_ID
from workflows.types import HostDetails

Handle = WorkflowHandle[Any, Any]


async def details(workflow: Handle) -> str:
    """The text at the top of the workflow's page."""
    metadata = await workflow.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)


async def found_as(workflow: Handle) -> dict[str, object]:
    """The search attributes that we set, by their names."""
    ours = {key.name for key in (AGENT_SLUG, AGENT_STATUS, AGENT_VERSION, DEPLOYMENT_ID)}
    pairs = (await workflow.describe()).typed_search_attributes
    return {pair.key.name: pair.value for pair in pairs if pair.key.name in ours}


async def search(client: Client, query: str) -> list[str]:
    """The ids of the workflows that a visibility query finds."""
    return [workflow.id async for workflow in client.list_workflows(query)]


async def summaries(workflow: Handle) -> list[str]:
    """What the history's events are said to be about, in their order."""
    convert = workflow._client.data_converter.payload_converter.from_payload
    return [
        str(convert(event.user_metadata.summary, str))
        for event in (await workflow.fetch_history()).events
        if event.user_metadata.HasField("summary")
    ]


async def story(workflow: Handle) -> list[str]:
    """What the workflow was told and what it had done, by the names of signals and activities, in order."""
    found = []
    for event in (await workflow.fetch_history()).events:
        if event.HasField("workflow_execution_signaled_event_attributes"):
            found.append(event.workflow_execution_signaled_event_attributes.signal_name)
        elif event.HasField("activity_task_scheduled_event_attributes"):
            found.append(event.activity_task_scheduled_event_attributes.activity_type.name)
        elif event.HasField("marker_recorded_event_attributes"):
            about = event.marker_recorded_event_attributes.details["data"].payloads[0].data
            found.append(json.loads(about)["activity_type"])
    return found


async def heartbeat(workflow: Handle) -> HostDetails | None:
    """What the hosted agent said of itself last; None when it said nothing, or is not hosted now."""
    described = await workflow.describe()
    for pending in described.raw_description.pending_activities:
        if pending.activity_type.name == "host_agent" and pending.HasField("heartbeat_details"):
            (said,) = await described.data_converter.decode(pending.heartbeat_details.payloads, [HostDetails])
            assert isinstance(said, HostDetails)
            return said
    return None
