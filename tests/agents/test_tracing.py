"""LangFuse: each call is one trace, and a LangFuse that is away costs the caller nothing."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from agents.tracing import EXPORT_SECONDS
from tests.support.caller import calling
from tests.support.otlp import Receiver, attributes, blackhole, langfuse, receiving
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

GIVEN_UP_SECONDS = EXPORT_SECONDS + 3
"""Spans that ended as the call began are not tried any more."""


async def _conversation(platform: Platform, slug: str, seconds: float = 0) -> Json:
    """A call with a question, and more of them until it has lasted for so long; as it is stored when it is
    over."""
    token = await platform.token(slug)
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        until = asyncio.get_running_loop().time() + seconds
        await caller.asks(ORDER, ANSWER)
        while asyncio.get_running_loop().time() < until:
            caller.heard.clear()
            await caller.asks(ORDER, ANSWER)

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


@asynccontextmanager
async def _refusing() -> AsyncIterator[str]:
    """One that is broken."""
    async with receiving() as receiver:
        receiver.status = 500
        yield receiver.url


@pytest.mark.parametrize("broken", [blackhole, _refusing])
async def test_a_langfuse_that_takes_nothing_does_not_touch_the_call(
    platform: Platform, broken: Callable[[], AbstractAsyncContextManager[str]]
) -> None:
    async with broken() as url, langfuse(platform, url):
        agent = await platform.deployed("untraced")
        call = await _conversation(platform, agent["slug"], seconds=GIVEN_UP_SECONDS)
    said = [turn["text"] for turn in call["turns"]][1:]
    assert said == [ORDER, ANSWER] * (len(said) // 2)
    (lost,) = [event["data"]["spans"] for event in call["events"] if event["event"] == "untraced"]
    assert lost > 0
    await platform.stop(agent["id"])
