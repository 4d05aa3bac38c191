"""Flow 8: the widget gets its token from `livekit.getToken`, with the real `@trpc/client`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import jwt
import pytest

from stack import toolchain
from stack.config import PROJECT
from tests.support.platform import Json, Platform

pytestmark = pytest.mark.integration

CONSOLE = PROJECT / "web" / "console"


async def _with_trpc_client(platform: Platform, wishes: Json) -> Json:
    script = Path(__file__).with_name("trpc_client.mjs")
    npm = await toolchain.npm()
    process = await asyncio.create_subprocess_exec(
        "node",
        str(script),
        str(CONSOLE),
        platform.stack.api_url,
        json.dumps(wishes),
        env=npm.env,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    answers: Json = json.loads(output)
    return answers


async def test_query_mutation_and_batch(platform: Platform) -> None:
    agent = await platform.deployed("flow8")
    draft = await platform.create("flow8-draft")
    slug = agent["slug"]
    query = {"kind": "query", "input": {"agentId": slug}}
    answers = await _with_trpc_client(
        platform,
        {
            "query": {"link": "single", "calls": [query]},
            "mutation": {"link": "single", "calls": [{"kind": "mutate", "input": {"agentId": agent["id"]}}]},
            "batch": {
                "link": "batch",
                "calls": [
                    query,
                    {"kind": "query", "input": {"agentId": "nobody"}},
                    {"kind": "query", "input": {"agentId": draft["slug"]}},
                    {"kind": "query", "input": {"agentId": slug, "room": "mine"}},
                ],
            },
        },
    )

    data = answers["query"]["results"][0]["data"]
    assert set(data) == {"token", "url", "room", "callId", "identity", "expiresAt", "recordingNotice"}
    assert data["url"] == platform.stack.livekit_url
    claims = jwt.decode(data["token"], platform.stack.livekit_api_secret, algorithms=["HS256"])
    assert claims["video"]["room"] == data["room"]
    assert claims["roomConfig"]["agents"] == [
        {"agentName": f"{slug}@v1", "metadata": json.dumps({"callId": data["callId"]})}
    ]
    assert answers["mutation"]["results"][0]["data"]["room"] != data["room"]
    assert answers["mutation"]["requests"] == ["POST /api/trpc/livekit.getToken"]

    good, unknown, undeployed, greedy = answers["batch"]["results"]
    assert len(answers["batch"]["requests"]) == 1
    assert good["data"]["token"]
    assert (unknown["code"], unknown["status"]) == ("NOT_FOUND", 404)
    assert (undeployed["code"], undeployed["status"]) == ("PRECONDITION_FAILED", 412)
    assert (greedy["code"], greedy["status"]) == ("BAD_REQUEST", 400)
    await platform.stop(agent["id"])
