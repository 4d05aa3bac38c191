"""Flow 4: the runtime stores what is said, with latencies, and how its agents are."""

from __future__ import annotations

import pytest

from tests.support.caller import calling
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


async def test_turns_with_their_latencies_reach_the_database(platform: Platform) -> None:
    agent = await platform.deployed("flow4")
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        await caller.asks(ORDER, ANSWER)

        async def answered() -> Json | None:
            call: Json = await platform.call("GET", f"/api/calls/{token['callId']}")
            return call if call["turns"][-1]["text"] == ANSWER else None

        call = await eventually(answered, "the answer in the record while the call is going on")
        assert call["status"] == "active"
        assert call["traceId"] is None, "without LangFuse there is no trace to look at"

    said = [(turn["role"], turn["text"]) for turn in call["turns"]]
    assert said[0] == ("agent", "Hello, how can I help?")
    assert said[-2:] == [("user", ORDER), ("agent", ANSWER)]
    user, answer = (turn["latencies"] for turn in call["turns"][-2:])
    assert 0 <= user["transcriptionDelay"] < 3
    assert 0 < user["endOfTurnDelay"] < 4
    assert 0 <= answer["llmNodeTtft"] < 1
    assert 0 < answer["ttsNodeTtfb"] < 2
    assert 0 < answer["e2eLatency"] < 5

    async def ended() -> Json | None:
        call: Json = await platform.call("GET", f"/api/calls/{token['callId']}")
        return call if call["status"] == "ended" else None

    call = await eventually(ended, "the call to end")
    assert call["startedAt"] < call["endedAt"]
    await platform.stop(agent["id"])


async def test_the_state_of_a_deployment_is_in_the_database(platform: Platform) -> None:
    agent = await platform.deployed("flow4-state")
    deployment = agent["deployment"]
    assert [t["status"] for t in deployment["transitions"]] == ["validating", "starting", "running"]
    assert deployment["workflowUrl"].endswith(f"/workflows/agent-{agent['id']}")
    await platform.stop(agent["id"])
    stopped = await platform.agent(agent["id"])
    assert [t["status"] for t in stopped["deployment"]["transitions"]][-2:] == ["draining", "stopped"]
    assert stopped["liveVersion"] is None
    assert stopped["replicas"]["ready"] == 0
