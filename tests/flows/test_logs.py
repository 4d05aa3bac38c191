"""What an agent and its calls log can be read while it happens, of the right agent and the right call."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from tests.support.caller import calling
from tests.support.jobs import call_processes
from tests.support.platform import Json, Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

NOWHERE = {
    "url": "ws://127.0.0.1:9",
    "apiKey": "key",
    "apiSecret": "secret-of-thirty-two-characters-and-more",
}

BUSY = ("event loop blocked", "inference is slower than realtime")
"""What livekit-agents says on a busy machine: true, and not what is looked for."""


async def _log(platform: Platform, agent: Json) -> list[Json]:
    page = await platform.call("GET", f"/api/agents/{agent['slug']}/logs")
    lines: list[Json] = page["items"]
    return lines


async def _logged(platform: Platform, agent: Json, text: str) -> list[Json]:
    """The agent's lines, once `text` is in one of them."""

    async def there() -> list[Json] | None:
        lines = await _log(platform, agent)
        return lines if any(text in line["text"] for line in lines) else None

    return await eventually(there, f"“{text}” in the log")


async def _bionic(platform: Platform, *arguments: str) -> Json:
    """What the command line says, as JSON."""
    access = ("--api", platform.stack.api_url, "--key", platform.stack.api_key)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", *arguments, "--json", *access, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    document: Json = json.loads(out)
    return document


async def test_the_log_of_a_call_from_its_deployment_to_its_crash(platform: Platform) -> None:
    agent, broken = await platform.deployed("logs"), await platform.create("broken", livekitConfig=NOWHERE)
    await platform.call("POST", f"/api/agents/{broken['id']}/deploy", {}, expect=202)
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        await _logged(platform, agent, "in the call")
        (job,) = call_processes(platform.stack)
        job.kill()
        await _logged(platform, agent, "number 2")
        lines = await _logged(platform, agent, "takes up the conversation")

    lines = [line for line in lines if not any(busy in line["text"] for busy in BUSY)]
    (host,) = {line["source"] for line in lines} - {"control"}
    call = token["callId"]
    assert [(line["text"], line["source"], line["callId"]) for line in lines] == [
        ("version 1 is starting", "control", None),
        (f"registered with LiveKit at {token['url']} as {agent['slug']}@v1 and {agent['slug']}", host, None),
        ("version 1 is running", "control", None),
        ("a call begins", host, call),
        ("in the call", host, call),
        ("process exited with non-zero exit code -9", host, call),
        ("a call's process crashed", host, call),
        ("a call gets another agent, number 2: The agent's process crashed.", "control", call),
        ("a call begins", host, call),
        ("takes up the conversation", host, call),
    ]
    assert (await _bionic(platform, "logs", agent["slug"], "--level", "error"))["items"] == lines[5:7]

    failed = await _logged(platform, broken, "version 1 is failed: LiveKit at ws://127.0.0.1:9 can't be")
    assert {(line["level"], line["callId"]) for line in failed} == {("error", None)}
    await platform.stop(agent["id"])
    for text in ("left this host", "version 1 is stopped"):
        assert (await _logged(platform, agent, text))[-1]["callId"] is None
