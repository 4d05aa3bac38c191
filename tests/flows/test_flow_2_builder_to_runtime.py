"""Flow 2: the builder registers an agent with the runtime by `POST /api/agents/register`."""

from __future__ import annotations

import uuid

import pytest

from tests.support.platform import Json, Platform, offline_config
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


async def test_register_saves_and_deploys_once(platform: Platform) -> None:
    stack = platform.stack
    own = {
        "url": stack.livekit_url,
        "apiKey": stack.livekit_api_key,
        "apiSecret": stack.livekit_api_secret,
    }
    body: Json = {"name": f"Flow two {uuid.uuid4().hex[:6]}", "config": offline_config(livekitConfig=own)}

    first = await platform.call("POST", "/api/agents/register", body, expect=202)
    again = await platform.call("POST", "/api/agents/register", body, expect=202)

    assert set(first) == {"agentId", "deploymentId", "status"}
    assert (again["agentId"], again["deploymentId"]) == (first["agentId"], first["deploymentId"])
    agent = await platform.reaches(first["agentId"], "running")
    assert agent["liveVersion"] == 1
    assert agent["replicas"] == {"desired": 1, "ready": 1}

    changed = {**body, "agentId": first["agentId"], "config": {**body["config"], "greeting": "Good day."}}
    third = await platform.call("POST", "/api/agents/register", changed, expect=202)
    assert third["deploymentId"] != first["deploymentId"]

    async def serves_version_two() -> bool:
        return bool((await platform.agent(first["agentId"]))["liveVersion"] == 2)

    await eventually(serves_version_two, "version 2 live")
    await platform.stop(first["agentId"])
