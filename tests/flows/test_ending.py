"""An operator ends a call: all are out of the room, nobody is sent there again, and it is told who did it."""

from __future__ import annotations

import pytest
from livekit import rtc
from temporalio.client import Client, WorkflowExecutionStatus

from tests.support.caller import calling
from tests.support.outages import GREETING
from tests.support.platform import Json, Platform
from tests.support.recoveries import call_of, settled
from tests.support.temporal import story
from tests.support.waiting import eventually
from workflows.policy import call_workflow_id

pytestmark = pytest.mark.integration


async def test_a_call_that_is_ended_by_an_operator_is_over_for_all(platform: Platform) -> None:
    agent = await platform.deployed("ended")
    token = await platform.token(agent["slug"])
    path = f"/api/calls/{token['callId']}/end"
    async with calling(token["url"], token["token"], quiet=True) as caller:
        await caller.hears(GREETING)
        await settled(platform, token["callId"])
        ended: Json = await platform.call("POST", path, expect=202)
        assert (ended["status"], ended["endReason"]) == ("ended", "ended by api-key")

        async def out() -> bool:
            return caller.room.connection_state == rtc.ConnectionState.CONN_DISCONNECTED

        await eventually(out, "the caller out of the room")
        assert len(caller.met) == 1
    assert (await platform.call("POST", path, expect=202))["endedAt"] == ended["endedAt"], "said again"

    temporal = await Client.connect(platform.stack.temporal_address)
    workflow = temporal.get_workflow_handle(call_workflow_id(token["callId"]))

    async def done() -> bool:
        return (await workflow.describe()).status is WorkflowExecutionStatus.COMPLETED

    await eventually(done, "its workflow over")
    assert "send_agent" not in await story(workflow)
    await _comes_back_in_vain(token)
    assert "send_agent" not in await story(workflow)
    call = await call_of(platform, token["callId"])
    assert (call["status"], call["endReason"], call["recoveries"]) == ("ended", "ended by api-key", 0)
    assert call["endedAt"] == ended["endedAt"]
    await platform.stop(agent["id"])


async def _comes_back_in_vain(token: Json) -> None:
    """The token is valid for minutes still, and LiveKit lets its caller in: not for long."""
    async with calling(token["url"], token["token"], quiet=True) as caller:

        async def out() -> bool:
            return caller.room.connection_state == rtc.ConnectionState.CONN_DISCONNECTED

        await eventually(out, "the caller out of the room again")
