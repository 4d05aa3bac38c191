"""Secrets of an agent that is deployed, called, refused and stopped can be read nowhere."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from temporalio.client import Client

from common.discretion import BLOT
from stack import Stack
from tests.support.caller import Caller, calling
from tests.support.canaries import Canary, heard
from tests.support.exposure import Places, in_answers, in_files, in_postgres, in_temporal
from tests.support.openai import OpenAIServer, openai_server
from tests.support.other_livekit import other_livekit
from tests.support.otlp import receiving
from tests.support.platform import ANSWER, ORDER, Json, Platform, offline_config
from tests.support.receiver import receiving as receiver_of_webhooks
from tests.support.temporal import heartbeat
from tests.support.waiting import eventually
from workflows.policy import HEARTBEAT, agent_workflow_id, replica_workflow_id

pytestmark = pytest.mark.integration

LIVEKIT, WRONG, LLM, STT, TTS, LANGFUSE = (
    Canary(name) for name in ("livekit", "wrong-livekit", "llm", "stt", "tts", "langfuse")
)
CANARIES = (LIVEKIT, WRONG, LLM, STT, TTS, LANGFUSE)
KEY = "canary-key"
REFUSAL = "Incorrect API key provided:"


def test_a_canary_is_heard_however_it_is_written() -> None:
    secret = LLM.secret
    for written in (
        secret,
        json.dumps(json.dumps({"apiKey": secret})),
        repr(secret.encode()),
        quote(secret),
        secret.encode().hex(),
        *(base64.b64encode(f"{'x' * before}{secret}".encode()).decode() for before in range(3)),
    ):
        places = {"here": f"before {written} after".encode(), "there": b"nothing"}
        assert heard(CANARIES, places) == ["llm in here"], written


@asynccontextmanager
async def _webhook(platform: Platform, url: str) -> AsyncIterator[tuple[Json, Json]]:
    """An endpoint that is told of events, and a delivery to it."""
    made: Json = await platform.call("POST", "/api/webhooks", {"url": url}, expect=201)
    sent: Json = await platform.call("POST", f"/api/webhooks/{made['id']}/test", expect=202)
    try:
        yield made, sent
    finally:
        await platform.call("DELETE", f"/api/webhooks/{made['id']}", expect=204)


@asynccontextmanager
async def _langfuse(platform: Platform, url: str) -> AsyncIterator[None]:
    keys = {"langfuseHost": url, "langfusePublicKey": "pk-canary", "langfuseSecretKey": LANGFUSE.secret}
    await platform.call("PUT", "/api/settings", keys)
    try:
        yield
    finally:
        await platform.call("PUT", "/api/settings", dict.fromkeys(keys))


def _config(openai: OpenAIServer, url: str, livekit: Canary = LIVEKIT) -> Json:
    def part(canary: Canary, **options: str) -> Json:
        options |= {"baseUrl": openai.url, "apiKey": canary.secret}
        return {"provider": "openai", "options": options}

    return offline_config(
        stt=part(STT),
        llm=part(LLM),
        tts=part(TTS, responseFormat="pcm"),
        livekitConfig={"url": url, "apiKey": KEY, "apiSecret": livekit.secret},
    )


async def _fails(platform: Platform, agent_id: str, config: Json, reason: str) -> None:
    """A deployment that fails with its reason while the first version goes on."""
    path = f"/api/agents/{agent_id}"
    await platform.call("PATCH", path, {"config": config})
    await platform.call("POST", f"{path}/deploy", {}, expect=202)

    async def told() -> bool:
        return reason in ((await platform.agent(agent_id))["lastError"] or "")

    await eventually(told, f"a failure with {reason!r}")


def _places_with(text: str, places: Places) -> set[str]:
    return {place for place, content in places.items() if text.encode() in content}


async def _parameters(platform: Platform, agent: Json, call_id: str) -> dict[str, str]:
    """Of all that can be asked for by them: with the receipt of a caller who never called, and steps that are
    done again for no call."""
    erase = {"identity": "nobody", "agent": agent["id"]}
    again = {"steps": ["cost"], "filter": {"to": "2020-01-01T00:00:00Z"}}
    return {
        "agent_id": agent["id"],
        "deployment_id": agent["deployment"]["id"],
        "call_id": call_id,
        "number": "1",
        "from": "1",
        "to": "draft",
        "erasure_id": (await platform.call("POST", "/api/callers/erase", erase))["id"],
        "reprocess_id": (await platform.call("POST", "/api/calls/reprocess", again, expect=202))["id"],
    }


async def _ended(platform: Platform, call_id: str) -> None:
    async def ended() -> bool:
        return bool((await platform.call("GET", f"/api/calls/{call_id}"))["status"] == "ended")

    await eventually(ended, "the call to end")


async def _is_refused_with_its_key(
    platform: Platform, agent_id: str, openai: OpenAIServer, caller: Caller
) -> None:
    """The provider repeats the key in what it answers, and that is logged; the agent's log has it as well."""
    openai.refusal = f"{REFUSAL} {{key}}"
    await caller.speaks(ORDER)

    async def logged() -> bool:
        logs = await in_files(platform.stack.config.state_dir / "logs")
        page = await platform.http.get(f"/api/agents/{agent_id}/logs")
        return f"{REFUSAL} {BLOT}".encode() in logs["file runtime.log"] and f"{REFUSAL} {BLOT}" in page.text

    await eventually(logged, "the refusal in the log", seconds=20)


def _own(stack: Stack) -> list[Canary]:
    """What the platform itself must keep."""
    secrets = {"API key": stack.api_key, "master key": stack.keys.master}
    secrets |= {"the platform's livekit": stack.livekit_api_secret}
    return [Canary(name, secret) for name, secret in secrets.items()]


async def test_secrets_of_an_agent_in_a_call_can_be_read_nowhere(platform: Platform, tmp_path: Path) -> None:
    stack = platform.stack
    temporal = await Client.connect(stack.temporal_address)
    async with (
        openai_server() as openai,
        receiving() as receiver,
        receiver_of_webhooks() as webhooks,
        _webhook(platform, webhooks.url) as (hook, delivery),
        _langfuse(platform, receiver.url),
        other_livekit(tmp_path, KEY, LIVEKIT.secret, stack) as livekit,
    ):
        agent = await platform.deployed("canary", **_config(openai, livekit.livekit_url))
        slug, agent_id = agent["slug"], agent["id"]
        token = await platform.token(slug)
        needed = await _parameters(platform, agent, token["callId"])
        needed |= {"webhook_id": hook["id"], "delivery_id": delivery["id"]}

        async with calling(token["url"], token["token"]) as caller:
            await caller.hears("Hello, how can I help?")
            await caller.asks(ORDER, ANSWER)
            await _fails(platform, agent_id, _config(openai, "ws://127.0.0.1:9"), "can't be reached")
            wrong = _config(openai, livekit.livekit_url, WRONG)
            await _fails(platform, agent_id, wrong, "refused the API key")
            replica = temporal.get_workflow_handle(replica_workflow_id(agent_id, 1, 1))

            async def beats() -> bool:
                said = await heartbeat(replica)
                return bool(said and said.active_calls)

            await eventually(beats, "a heartbeat of the call", seconds=3 * HEARTBEAT.total_seconds())
            meanwhile = await in_temporal(temporal, slug) | await in_answers(platform, needed)
            await _is_refused_with_its_key(platform, agent_id, openai, caller)
        await _ended(platform, token["callId"])

        async def traced() -> bool:
            return bool(receiver.named("job_entrypoint"))

        await eventually(traced, "the call's root span")
        await platform.stop(agent_id)
        said = await in_temporal(temporal, slug) | await in_answers(platform, needed)
        said |= await in_postgres(stack.database_url)
        said |= {
            "spans": b"\n".join(receiver.bodies),
            "token": json.dumps(token).encode(),
            "webhooks": b"\n".join(each.body for each in webhooks.requests),
        }
    files = await in_files(stack.config.state_dir)
    logs = {place: text for place, text in files.items() if place.startswith("file logs/")}
    said |= logs | {f"other {place}": text for place, text in (await in_files(tmp_path / "logs")).items()}

    own = [*_own(stack), Canary("the webhook's", hook["signingSecret"])]
    assert heard([*CANARIES, *own], said) == []
    assert heard([*CANARIES, *own], meanwhile) == []
    assert heard(CANARIES, files) == []

    # What was looked at is all there, and every secret was in use.
    workflows = [agent_workflow_id(agent_id), replica_workflow_id(agent_id, 1, 1)]
    places = {f"{what} of {workflow}" for what in ("history", "description") for workflow in workflows}
    places |= {"/api/agents", "/api/agents/{agent_id}"}
    assert places <= _places_with(slug, meanwhile)
    assert places | {
        "table agents",
        "spans",
        "file logs/runtime.log",
        "other file livekit.log",
        "table events",
        "webhooks",
        "/api/webhooks/{webhook_id}/deliveries",
    } <= _places_with(slug, said)
    assert b"can't be reached" in said[f"history of {agent_workflow_id(agent_id)}"]
    assert ANSWER.encode() in said["table turns"]
    assert ANSWER.encode() in said["/api/calls/{call_id}"]
    assert b"langfuse_secret_key" in said["table settings"]
    # Nothing was blotted out but what the provider said: nobody else tries to tell a secret.
    for place in ("spans", *logs):
        assert said[place].count(BLOT.encode()) == said[place].count(f"{REFUSAL} {BLOT}".encode()), place
    assert {"spans", "table agent_logs", "/api/agents/{agent_id}/logs"} <= _places_with(
        f"{REFUSAL} {BLOT}", said
    )
    assert {sent.removeprefix("Bearer ") for sent in openai.keys} == {LLM.secret, STT.secret, TTS.secret}
    (basic,) = receiver.authorizations
    assert base64.b64decode(basic.removeprefix("Basic ")).decode() == f"pk-canary:{LANGFUSE.secret}"
