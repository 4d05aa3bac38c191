"""S9 in live calls: LiveKit's webhooks come twice, late, in the wrong order, or from somebody else. A call's
workflow is there once and ends once, and nobody is sent to a caller who has an agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import psutil
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from api.services.webhooks import MAX_AGE_SECONDS
from tests.support.caller import Caller, calling
from tests.support.jobs import call_processes
from tests.support.livekit_hooks import Hooks, told
from tests.support.outages import GREETING
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.recoveries import COMEBACK, another_agent, call_of, settled
from tests.support.temporal import Handle, search, story
from tests.support.waiting import eventually
from workflows.policy import call_workflow_id

pytestmark = [pytest.mark.integration, pytest.mark.alone]

JOINED, LEFT, FINISHED = "participant_joined", "participant_left", "room_finished"


@dataclass
class Call:
    """A token, its call, and the workflow of that."""

    platform: Platform
    temporal: Client
    token: Json

    @property
    def hooks(self) -> Hooks:
        """What may go wrong with them, we do."""
        return Hooks(self.platform)

    @property
    def workflow(self) -> Handle:
        """The newest of its name."""
        return self.temporal.get_workflow_handle(call_workflow_id(self.token["callId"]))

    async def now(self) -> Json:
        """As the API shows it."""
        return await call_of(self.platform, self.token["callId"])

    async def runs(self) -> int:
        """How many workflows it had."""
        return len(await search(self.temporal, f'WorkflowId = "{self.workflow.id}"'))

    @asynccontextmanager
    async def greeted(self, words: str = GREETING) -> AsyncIterator[Caller]:
        """The caller, who has an agent."""
        async with calling(self.token["url"], self.token["token"], quiet=True) as caller:
            await caller.hears(words)
            await settled(self.platform, self.token["callId"])
            yield caller

    async def looked(self, signal: str, count: int) -> list[str]:
        """The workflow's story, once it was told that so often and has looked at the call since."""

        async def look() -> list[str] | None:
            found = await story(self.workflow)
            last = max((at for at, each in enumerate(found) if each == signal), default=0)
            return found if found.count(signal) >= count and "look_at_call" in found[last:] else None

        return await eventually(look, f"a look after {signal}, number {count}", seconds=20)

    async def reaches(self, status: str) -> Json:
        """The call, once it is so."""

        async def look() -> Json | None:
            call = await self.now()
            return call if call["status"] == status else None

        return await eventually(look, f"the call {status}")

    async def loses_its_agent(self) -> None:
        """Its process is killed, once it is the only one: that of an earlier call may not be gone yet."""

        async def alone() -> psutil.Process | None:
            found = call_processes(self.platform.stack)
            return found[0] if len(found) == 1 else None

        (await eventually(alone, "one call alone", seconds=20)).kill()

    async def times_ended(self) -> int:
        """How often it was told to others that it is over."""
        database = await asyncpg.connect(self.platform.stack.database_url)
        try:
            query = "SELECT count(*) FROM events WHERE kind = 'call.ended' AND call_id = $1"
            return int(await database.fetchval(query, self.token["callId"]))
        finally:
            await database.close()


@pytest.fixture(scope="module")
async def agent(platform: Platform) -> AsyncIterator[Json]:
    """Who is called."""
    found = await platform.deployed("astray")
    yield found
    await platform.stop(found["id"])


@pytest.fixture
async def call(platform: Platform, agent: Json) -> Call:
    """A call that nobody has come to yet."""
    temporal = await Client.connect(platform.stack.temporal_address)
    return Call(platform, temporal, await platform.token(agent["slug"]))


async def test_a_caller_who_is_told_of_again_and_again_has_one_agent(call: Call) -> None:
    async with call.greeted() as caller:
        same = told(JOINED, call.token)
        assert await call.hooks.take([same] * 5) == 1, "at the same time"
        assert await call.hooks.take([same]) == 0
        late = [told(JOINED, call.token, age=age) for age in (0, 5, MAX_AGE_SECONDS - 30)]
        assert await call.hooks.take(late) == len(late), "other events, which tell the same"
        assert "send_agent" not in await call.looked("caller_came", 1 + 1 + len(late))
        assert len(caller.met) == 1
    assert await call.runs() == 1
    assert (await call.now())["recoveries"] == 0


async def test_of_an_agent_that_was_replaced_nobody_cares_whether_it_left(call: Call) -> None:
    async with call.greeted() as caller:
        first = (await caller.agent()).identity
        await call.loses_its_agent()
        second = await another_agent(caller, first, seconds=5)
        await caller.hears(COMEBACK)
        await settled(call.platform, call.token["callId"])

        # The caller's own leaving is of before it came: it does not keep the platform from looking.
        assert await call.hooks.take([told(LEFT, call.token, age=60)]) == 1
        before = (await story(call.workflow)).count("agent_left")
        left = [told(LEFT, call.token, agent=first), told(LEFT, call.token, agent=first, age=20)]
        assert await call.hooks.take(left * 3) == len(left)
        found = await call.looked("agent_left", before + len(left))
        assert found.count("send_agent") == 1, "for the one that was killed"
        # Where another one was sent since, the workflow does not even hear of one that says its attempt.
        for agent, attempt in ((first, 1), (second, 2)):
            assert await call.hooks.take([told(LEFT, call.token, agent=agent, attempt=attempt)]) == 1
        found = await call.looked("agent_left", before + len(left) + 1)
        assert found.count("agent_left") == before + len(left) + 1
        assert caller.met == [first, second]
        assert [each.identity for each in caller.agents] == [second]
    assert ((await call.now())["recoveries"], await call.runs()) == (1, 1)


async def test_nobody_else_ends_a_call(call: Call) -> None:
    hooks, finished = call.hooks, told(FINISHED, call.token)
    old = told(FINISHED, call.token, age=MAX_AGE_SECONDS + 1)
    elsewhere = told(FINISHED, call.token | {"room": "call-of-somebody"})
    async with call.greeted() as caller:
        for body, headers in (
            (finished, {"Authorization": ""}),
            (finished, hooks.signed(finished, secret="x" * 40)),
            (finished, hooks.signed(finished, key="of-somebody")),
            (finished, hooks.signed(finished, ttl=-120)),
            (finished, hooks.signed(elsewhere)),
            (elsewhere.replace(b"call-of-somebody", call.token["room"].encode()), hooks.signed(elsewhere)),
            (old, hooks.signed(old)),
        ):
            assert (await hooks.send(body, headers)).status_code == 401
        assert await hooks.take([told(JOINED, call.token)]) == 1
        assert "over" not in await call.looked("caller_came", 2)
        assert (await call.now())["status"] == "active"
        await caller.types(ORDER)
        await caller.hears(ANSWER)
        events = [each["event"] for each in (await call.now())["events"]]
        assert (events.count(JOINED), events.count(FINISHED)) == (3, 0), (
            "what was refused is not noted either"
        )
        assert len(caller.met) == 1


async def test_a_call_is_over_once_and_not_begun_again_by_what_is_late(call: Call) -> None:
    came = told(JOINED, call.token, age=1)
    async with call.greeted() as caller:
        agent = (await caller.agent()).identity
    over = await call.reaches("ended")
    finished = [told(FINISHED, call.token), told(FINISHED, call.token)]
    assert await call.hooks.take(finished * 3) == len(finished)
    await call.workflow.result()
    late = [came, told(JOINED, call.token, age=60), told(LEFT, call.token, agent=agent)]
    assert await call.hooks.take([*late, *finished]) == len(late)

    # LiveKit keeps the room for some seconds longer, and then tells of its end as well.
    async def all_told() -> bool:
        events = [each["event"] for each in (await call.now())["events"]]
        return events.count(FINISHED) == len(finished) + 1

    await eventually(all_told, "LiveKit's own word of the end", seconds=40)
    assert await call.runs() == 1
    assert (await story(call.workflow)).count("finish_call") == 1
    now = await call.now()
    for field in ("status", "endedAt", "endReason", "recoveries"):
        assert now[field] == over[field]
    assert await call.times_ended() == 1


async def test_a_room_that_finished_before_its_caller_was_told_of(call: Call) -> None:
    came = told(JOINED, call.token, age=2)
    assert await call.hooks.take([told(FINISHED, call.token)]) == 1
    over = await call.reaches("ended")
    assert await call.hooks.take([came]) == 1
    assert await call.hooks.take([told(FINISHED, call.token)]) == 1

    await call.workflow.result()  # it does not sleep until the token expires
    found = await story(call.workflow)
    # It may have been told again before it was done.
    assert (set(found[:-1]), found[-1]) == ({"over"}, "finish_call")
    assert await call.runs() == 1, "what is told again begins nothing"
    assert await call.now() | {"events": []} == over | {"events": []}
    assert await call.times_ended() == 1

    # Whoever comes after that has an agent, and a workflow that looks whether it is there.
    async with call.greeted() as caller:
        found = await call.looked("caller_came", 1)
        assert "send_agent" not in found
        assert (await call.workflow.describe()).status == WorkflowExecutionStatus.RUNNING
        assert len(caller.met) == 1
    assert await call.runs() == 2


async def test_the_end_of_a_room_to_whose_name_the_caller_is_back_ends_nothing(call: Call) -> None:
    async with call.greeted():
        pass
    await call.reaches("ended")
    async with call.greeted(COMEBACK) as caller:
        assert await call.hooks.take([told(FINISHED, call.token, age=30)]) == 1
        found = await call.looked("agent_left", 1)
        assert "over" not in found
        assert (await call.now())["status"] == "active"
        first = (await caller.agent()).identity
        await call.loses_its_agent()
        await another_agent(caller, first, seconds=5)
    await call.reaches("ended")
