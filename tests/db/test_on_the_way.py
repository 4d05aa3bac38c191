"""Which host has the job of a call's agent, until that is with the caller: told by hosts, in any order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.calls import CallRepository
from db.repositories.joining import JoinedAgent, JoiningRepository
from db.repositories.recoveries import Loss, RecoveryRepository

pytestmark = pytest.mark.integration

FIRST, SECOND = "AJ_first", "AJ_second"


class Call:
    """A call that waits for its agent."""

    def __init__(self, database: Database) -> None:
        self.database, self.id = database, uuid4()
        self.room = f"call-{self.id}"

    async def begin(self) -> None:
        """A token is minted, and the caller comes."""
        async with self.database.begin() as db_session:
            config, slug = StoredConfig({"instructions": "Be kind."}, {}), f"a-{uuid4().hex[:8]}"
            agent = await AgentRepository(db_session, self.database.box).create("A", slug, config)
            self.agent_id = agent.id
            calls = CallRepository(db_session)
            await calls.create(self.id, agent.id, 1, room=self.room, identity="caller", attributes={})
        await self.comes()

    async def comes(self) -> None:
        """The caller is in the room."""
        async with self.database.begin() as db_session:
            soon = datetime.now(UTC) + timedelta(seconds=1)
            await CallRepository(db_session).caller_came(self.room, "caller", soon)

    @asynccontextmanager
    async def joining(self) -> AsyncIterator[JoiningRepository]:
        """A transaction of its own."""
        async with self.database.begin() as db_session:
            yield JoiningRepository(db_session)

    async def taken(self, job: str, attempt: int = 1, host: str = "one") -> None:
        """A host says that it has a job."""
        async with self.joining() as joining:
            await joining.taken(self.room, attempt, job, host, "process")

    async def ended(self, job: str, attempt: int = 1, *, noted: bool = True) -> bool:
        """A host says that a job is over."""
        async with self.joining() as joining:
            return await joining.ended(self.room, attempt, job, noted=noted)

    async def joined(self, job: str, attempt: int = 1) -> None:
        """An agent is with the caller."""
        joined = JoinedAgent(self.id, self.agent_id, 1, self.room, attempt, None, "one", "process", job)
        async with self.joining() as joining:
            await joining.joined(joined)

    async def held(self) -> tuple[str | None, str | None, str | None]:
        """By which host, which process of it, and by which job."""
        async with self.database.begin() as db_session:
            call = await CallRepository(db_session).get(self.id)
            return call.host, call.host_process, call.job_id


@pytest.fixture
async def call(database: Database) -> Call:
    """One whose caller waits."""
    call = Call(database)
    await call.begin()
    return call


async def test_a_host_has_a_job_until_it_says_that_it_is_over(call: Call) -> None:
    await call.taken(FIRST)
    assert await call.held() == ("one", "process", FIRST)
    assert not await call.ended(SECOND), "that is another one"
    assert await call.held() == ("one", "process", FIRST)
    assert await call.ended(FIRST), "its agent was to come yet"
    assert await call.held() == (None, None, None)


async def test_one_that_ended_before_it_was_told_of_is_missed(call: Call) -> None:
    assert not await call.ended(FIRST), "it has been told of, and was taken back"
    assert await call.ended(FIRST, noted=False)
    await call.taken(SECOND)
    assert not await call.ended(FIRST, noted=False), "another one is on its way"


async def test_what_is_told_late_of_one_that_was_replaced_is_no_news(database: Database, call: Call) -> None:
    async with database.begin() as db_session:
        await RecoveryRepository(db_session).take_over(call.id, Loss(1, "It crashed."), datetime.now(UTC))
    await call.taken(FIRST)
    assert await call.held() == (None, None, None)
    await call.taken(SECOND, attempt=2, host="two")
    assert not await call.ended(FIRST)
    assert await call.held() == ("two", "process", SECOND)


async def test_of_an_agent_that_is_there_it_is_no_news_either(call: Call) -> None:
    await call.joined(FIRST)
    await call.taken(SECOND, host="two")
    assert await call.held() == ("one", "process", FIRST)
    assert not await call.ended(SECOND)
    assert not await call.ended(FIRST), "it came"
    assert await call.held() == (None, None, None)


async def test_an_agent_that_left_keeps_its_host_in_mind(call: Call) -> None:
    await call.joined(FIRST)
    joined = JoinedAgent(call.id, call.agent_id, 1, call.room, 1, None, "one", "process", FIRST)
    async with call.joining() as joining:
        await joining.gone(joined)
    assert await call.held() == ("one", "process", None)


async def test_who_comes_back_to_a_call_that_was_over_waits_for_nobody_yet(
    database: Database, call: Call
) -> None:
    await call.joined(FIRST)
    async with database.begin() as db_session:
        await CallRepository(db_session).end(call.room, "left")
    await call.comes()
    assert await call.held() == (None, None, None)


async def test_an_agent_that_another_one_was_sent_for_is_not_missed(database: Database, call: Call) -> None:
    async def missed(db_session: AsyncSession, attempt: int | None) -> bool:
        return await CallRepository(db_session).is_alone(call.room, attempt)

    async with database.begin() as db_session:
        assert await missed(db_session, 1)
        assert await missed(db_session, None)
        await RecoveryRepository(db_session).take_over(call.id, Loss(1, "It crashed."), datetime.now(UTC))
        assert not await missed(db_session, 1)
        assert not await missed(db_session, None), "it does not say which one it was"
        assert await missed(db_session, 2)
