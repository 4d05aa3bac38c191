"""Calls that one host holds at the same time, of two agents: each has its own words and ids, and no others.

Their processes come from one forkserver. One of them is killed amid a sentence, and the agent that goes on is
told what was said in that call alone.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import psutil
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.caller import Caller, calling
from tests.support.jobs import call_processes
from tests.support.openai import OpenAIServer, openai_server
from tests.support.otlp import Receiver, attributes, langfuse, receiving
from tests.support.platform import Json, Platform
from tests.support.recoveries import COMEBACK, call_of
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

DESKS = ("north", "south")
THINGS = ("heron", "badger", "otter", "walrus")


@dataclass
class Conversation:
    """A caller who asks an agent for a thing that nobody else asks for."""

    desk: str
    thing: str
    agent: Json
    token: Json
    caller: Caller
    drafts: list[str] = field(default_factory=list)
    """What the API said was being said, whenever somebody asked."""
    call: Json = field(default_factory=dict)
    """As it is when it is over."""

    @property
    def traces(self) -> set[str]:
        """Of all its agents."""
        noted = {each["data"]["traceId"] for each in self.call["events"] if each["event"] == "joined"}
        return noted | {self.call["traceId"]}

    @property
    def marks(self) -> set[str]:
        """What only this call may say, or say of it."""
        return {self.thing, self.token["callId"], self.token["identity"], *self.traces}

    @property
    def marks_of_agent(self) -> set[str]:
        """What only calls of its agent may."""
        return {f"{self.desk} desk", _key(self.desk), self.agent["id"], self.agent["slug"]}


def _key(desk: str) -> str:
    return f"sk-of-the-{desk}"


def _greeting(desk: str) -> str:
    return f"This is the {desk} desk."


def _question(thing: str) -> str:
    return f"where is my {thing}"


def _answer(thing: str) -> str:
    return (
        f"Your {thing} has left, and whoever carries the {thing} looks for you and the {thing} at every door."
    )


def _answered(asked: dict[str, Any]) -> list[str]:
    """The model: it answers what was asked last."""
    last = next(each for each in reversed(asked["messages"]) if each["role"] == "user")
    (thing,) = [each for each in THINGS if each in str(last["content"])]
    return re.findall(
        r"\S+\s*", f"Yes, the {thing} is near." if "near" in str(last["content"]) else _answer(thing)
    )


@asynccontextmanager
async def _talking(platform: Platform, desk: str, thing: str, agent: Json) -> AsyncIterator[Conversation]:
    """Somebody who was greeted."""
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"], quiet=True) as caller:
        await caller.hears(_greeting(desk))

        async def written() -> bool:
            return bool((await call_of(platform, token["callId"]))["turns"])

        await eventually(written, "the greeting in the record")
        yield Conversation(desk, thing, agent, token, caller)


async def _deployed(platform: Platform, openai: OpenAIServer, desk: str) -> Json:
    model = {"provider": "openai", "options": {"baseUrl": openai.url, "apiKey": _key(desk)}}
    instructions = f"You answer for the {desk} desk."
    return await platform.deployed(desk, greeting=_greeting(desk), instructions=instructions, llm=model)


async def _all_amid_their_answers(platform: Platform, talks: list[Conversation]) -> None:
    async def look() -> bool:
        for each in talks:
            speaking = (await call_of(platform, each.token["callId"]))["speaking"]
            each.drafts += [said["text"] for said in speaking]
        return all(any(each.thing in draft for draft in each.drafts) for each in talks)

    await eventually(look, "every agent amid its answer")


async def _is_lost(platform: Platform, talks: list[Conversation]) -> Conversation:
    """Kill the process of any of the calls; whose agent it was, shows when another one comes."""

    async def all_there() -> list[psutil.Process] | None:
        found = call_processes(platform.stack)
        return found if len(found) == len(talks) else None

    processes = await eventually(all_there, "a process for each call")
    (forkserver,) = {process.ppid() for process in processes}
    assert forkserver != platform.stack.process("runtime").pid
    processes[0].kill()

    async def another() -> Conversation | None:
        return next((each for each in talks if len(each.caller.met) > 1), None)

    return await eventually(another, "another agent")


async def _over(platform: Platform, talk: Conversation) -> None:
    async def ended() -> Json | None:
        call = await call_of(platform, talk.token["callId"])
        return call if call["status"] == "ended" else None

    talk.call = await eventually(ended, "the end of the call", seconds=30)


async def _traced(receiver: Receiver, talks: list[Conversation]) -> None:
    rooms = {each.token["room"] for each in talks}

    async def all_there() -> bool:
        roots = receiver.named("job_entrypoint")
        return {attributes(span)["langfuse.session.id"] for span in roots} == rooms

    await eventually(all_there, "the root span of every call")


async def test_calls_beside_each_other_keep_to_themselves(platform: Platform) -> None:
    async with openai_server() as openai, receiving() as receiver, langfuse(platform, receiver.url):
        openai.answer = _answered
        agents = {desk: await _deployed(platform, openai, desk) for desk in DESKS}
        async with AsyncExitStack() as stack:
            pairs = [(DESKS[number % 2], thing) for number, thing in enumerate(THINGS)]
            begun = [stack.enter_async_context(_talking(platform, *pair, agents[pair[0]])) for pair in pairs]
            talks = [await each for each in begun]
            await asyncio.gather(*(each.caller.types(_question(each.thing)) for each in talks))
            await _all_amid_their_answers(platform, talks)
            victim = await _is_lost(platform, talks)
            await victim.caller.hears(COMEBACK)
            await asyncio.gather(*(each.caller.hears("at every door.", seconds=30) for each in talks))
            await victim.caller.types(f"is the {victim.thing} near")
            await victim.caller.hears(f"Yes, the {victim.thing} is near.")
        for each in talks:
            await _over(platform, each)
        await _traced(receiver, talks)
    for agent in agents.values():
        await platform.stop(agent["id"])

    _were_asked_apart(openai, talks)
    _goes_on_with_its_own(openai, victim)
    for each in talks:
        _is_said(each, lost=each is victim)
        others = _marks_of_others(each, talks)
        places = {"drafts": json.dumps(each.drafts), "answer": json.dumps(each.call)}
        places |= await _in_postgres(platform, each)
        assert [(place, mark) for place, text in places.items() for mark in others if mark in text] == []
    _are_traced_apart(receiver.spans, talks)
    await _are_logged_apart(platform, talks)


def _marks_of_others(own: Conversation, talks: Iterable[Conversation]) -> set[str]:
    others = [each for each in talks if each is not own]
    marks = set().union(*(each.marks for each in others))
    return marks | set().union(*(each.marks_of_agent for each in others)) - own.marks_of_agent


def _whose(text: str, talks: Iterable[Conversation]) -> list[Conversation]:
    """The calls that a text is about."""
    return [each for each in talks if any(mark in text for mark in each.marks)]


def _is_said(talk: Conversation, *, lost: bool) -> None:
    """The call's own turns, and all of them."""
    said = [(turn["role"], turn["text"]) for turn in talk.call["turns"]]
    begin = [("agent", _greeting(talk.desk)), ("user", _question(talk.thing))]
    if not lost:
        assert said == [*begin, ("agent", _answer(talk.thing))]
        assert talk.call["recoveries"] == 0
        return
    role, cut = said.pop(2)
    assert (role, _answer(talk.thing).startswith(cut.strip())) == ("agent", True)
    assert said == [
        *begin,
        ("agent", COMEBACK),
        ("agent", _answer(talk.thing)),
        ("user", f"is the {talk.thing} near"),
        ("agent", f"Yes, the {talk.thing} is near."),
    ]


def _were_asked_apart(openai: OpenAIServer, talks: list[Conversation]) -> None:
    """Every question to the model is of one call, of its agent's, and comes with that agent's key."""
    assert len(openai.asked) == len(talks) + 2
    for asked, key in zip(openai.asked, openai.keys, strict=True):
        (talk,) = _whose(json.dumps(asked), talks)
        assert asked["messages"][0]["content"] == f"You answer for the {talk.desk} desk."
        assert key == f"Bearer {_key(talk.desk)}"


def _goes_on_with_its_own(openai: OpenAIServer, victim: Conversation) -> None:
    """What the model was told of the call whose agent was lost: by the first agent, then by the second."""
    asked = [each["messages"] for each in openai.asked if victim.thing in json.dumps(each)]
    first, second, third = [[(each["role"], each["content"]) for each in messages] for messages in asked]
    instructions = ("system", f"You answer for the {victim.desk} desk.")
    begin = [instructions, ("assistant", _greeting(victim.desk)), ("user", _question(victim.thing))]
    assert first == begin
    *before, (role, cut) = second
    assert (before, role) == (begin, "assistant")
    assert _answer(victim.thing).startswith(cut)
    assert third == [
        *second,
        ("assistant", COMEBACK),
        ("assistant", _answer(victim.thing)),
        ("user", f"is the {victim.thing} near"),
    ]


async def _in_postgres(platform: Platform, talk: Conversation) -> dict[str, str]:
    """All that is kept of a call, by table."""
    rows: dict[str, str] = {}
    connection = await asyncpg.connect(platform.stack.database_url)
    try:
        columns = "SELECT table_name FROM information_schema.columns WHERE column_name = 'call_id'"
        for (table,) in await connection.fetch(columns):
            query = f'SELECT "{table}"::text FROM "{table}" WHERE call_id = $1'
            rows[table] = "\n".join(row[0] for row in await connection.fetch(query, talk.token["callId"]))
    finally:
        await connection.close()
    assert {table for table, text in rows.items() if talk.thing in text} >= {"turns"}
    return rows


def _are_traced_apart(spans: list[Span], talks: list[Conversation]) -> None:
    """Each trace is of one call, also by what its spans say."""
    traces: dict[str, str] = {}
    for span in spans:
        trace = span.trace_id.hex()
        traces[trace] = traces.get(trace, "") + str(span)
    by_trace = {trace: talk for talk in talks for trace in talk.traces}
    assert traces.keys() <= by_trace.keys()
    for trace, said in traces.items():
        others = _marks_of_others(by_trace[trace], talks)
        assert [mark for mark in others if mark in said] == []
    assert all(talk.thing in traces[talk.call["traceId"]] for talk in talks if len(talk.traces) == 1)


async def _are_logged_apart(platform: Platform, talks: list[Conversation]) -> None:
    """A line is about one call at most, and the log of an agent about its own."""
    path = platform.stack.config.state_dir / "logs" / "runtime.log"
    for line in (await asyncio.to_thread(path.read_text)).splitlines():
        assert len(_whose(line, talks)) <= 1, line
    for talk in talks:
        page = await platform.call("GET", f"/api/agents/{talk.agent['slug']}/logs")
        mine = [each for each in talks if each.agent is talk.agent]
        lines = page["items"]
        assert {line["callId"] for line in lines} == {None, *(each.token["callId"] for each in mine)}
        for line in lines:
            about = [each for each in mine if each.token["callId"] == line["callId"]]
            assert _whose(json.dumps(line), talks) == about, line
