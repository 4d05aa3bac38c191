"""LangFuse: each call is one trace, and a LangFuse that is away costs the caller nothing."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.caller import calling
from tests.support.otlp import Receiver, attributes, blackhole, receiving
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

KEYS = {"langfusePublicKey": "pk-lf-test", "langfuseSecretKey": "sk-lf-test-secret"}


@asynccontextmanager
async def langfuse(platform: Platform, url: str) -> AsyncIterator[None]:
    """LangFuse at `url` in the settings, for a while."""
    await platform.call("PUT", "/api/settings", {"langfuseHost": url, **KEYS})
    try:
        yield
    finally:
        nothing = {"langfuseHost": None, "langfusePublicKey": None, "langfuseSecretKey": None}
        await platform.call("PUT", "/api/settings", nothing)


async def _conversation(platform: Platform, slug: str) -> Json:
    """A call with one question; returns it as it is stored when it is over."""
    token = await platform.token(slug)
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        await caller.speaks(ORDER)
        await caller.hears(ANSWER)

    async def over() -> Json | None:
        call: Json = await platform.call("GET", f"/api/calls/{token['callId']}")
        return call if call["status"] == "ended" else None

    return await eventually(over, "the call to end")


async def test_a_call_is_one_trace_in_langfuse(platform: Platform) -> None:
    async with receiving() as receiver, langfuse(platform, receiver.url):
        agent = await platform.deployed("traced")
        call = await _conversation(platform, agent["slug"])

        async def root() -> Receiver | None:
            return receiver if receiver.named("job_entrypoint") else None

        await eventually(root, "the call's root span")

    assert {span.trace_id.hex() for span in receiver.spans} == {call["traceId"]}
    names = {span.name for span in receiver.spans}
    assert {"job_entrypoint", "agent_session", "user_turn", "agent_turn"} <= names, names
    root_span = receiver.named("job_entrypoint")[0]
    described = attributes(root_span)
    assert described["langfuse.session.id"] == f"call-{call['id']}"
    assert described["langfuse.trace.name"] == f"call {agent['slug']}"
    pair = base64.b64encode(b"pk-lf-test:sk-lf-test-secret").decode()
    assert receiver.authorizations == {f"Basic {pair}"}
    assert receiver.paths == {"/api/public/otel/v1/traces"}
    said = " ".join(str(attributes(span)) for span in receiver.spans)
    assert ORDER in said
    assert ANSWER in said
    await platform.stop(agent["id"])


async def test_a_langfuse_that_never_answers_does_not_touch_the_call(platform: Platform) -> None:
    async with blackhole() as url, langfuse(platform, url):
        agent = await platform.deployed("untraced")
        call = await _conversation(platform, agent["slug"])
    assert [turn["text"] for turn in call["turns"]][1:] == [ORDER, ANSWER]
    await platform.stop(agent["id"])
