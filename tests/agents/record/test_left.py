"""What a lost host could not bring to Postgres is there before the next agent reads what was said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from livekit.agents.llm import ChatItem, ChatMessage, FunctionCall
from sqlalchemy import select

from agents.record import left
from agents.record.continuing import items_before
from agents.record.journal import BROKEN, Journal, journals
from agents.record.ledger import Ledger
from agents.record.left import bring_left
from agents.record.recorder import CallRecorder
from db.engine import Database
from db.models import CallRow
from db.repositories.joining import JoinedAgent
from db.repositories.recoveries import Loss, RecoveryRepository
from tests.agents.record.test_journal import NOW, TURN, _killed

pytestmark = pytest.mark.integration

AT_MOST_SECONDS = 5.0
"""Well above the limit, well below for ever."""


@dataclass
class Next:
    """The agent that goes on, on another host of the machine."""

    agent: JoinedAgent
    journal: Journal
    ledger: Ledger

    async def reads(self) -> list[ChatItem]:
        """What was said before."""
        return await items_before(CallRecorder(self.ledger, self.agent, self.journal), self.ledger)


Takes = Callable[[JoinedAgent], Awaitable[Next]]


@pytest.fixture
async def takes_over(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Takes]:
    """Have another agent sent where one was killed."""
    made: list[Next] = []

    async def _takes_over(killed: JoinedAgent) -> Next:
        async with database.begin() as db_session:
            await RecoveryRepository(db_session).take_over(killed.call_id, Loss(1, "It is gone."), NOW)
        agent = replace(killed, attempt=2, host="another")
        journal = Journal.begin(tmp_path, agent)
        assert journal is not None
        made.append(Next(agent, journal, Ledger(database_url, agent.room)))
        return made[-1]

    yield _takes_over
    for each in made:
        each.journal.close(done=True)
        await each.ledger.close()


def _said(items: list[ChatItem]) -> list[str | None]:
    return [item.text_content for item in items if isinstance(item, ChatMessage)]


async def test_the_next_agent_knows_what_only_the_dead_hosts_journal_has(
    database: Database, tmp_path: Path, takes_over: Takes
) -> None:
    successor = await takes_over(await _killed(database, tmp_path))
    items = await successor.reads()
    assert _said(items) == [TURN.text, "It ships today."]
    assert [item.name for item in items if isinstance(item, FunctionCall)] == ["find"]
    (mine,) = journals(tmp_path)
    assert mine.name.split(".")[1] == "2", "that of the dead is done with"


async def test_what_is_refused_and_what_is_no_journal_hinders_nobody(
    database: Database, tmp_path: Path, takes_over: Takes
) -> None:
    killed = await _killed(database, tmp_path)
    refused = Journal.begin(tmp_path, killed)
    assert refused is not None
    refused.add(replace(TURN, item_id="item-2", text="\0"))
    refused.close(done=False)
    (tmp_path / f"{killed.room}.1.0-0.journal").write_text("what is that\n")
    successor = await takes_over(killed)
    assert _said(await successor.reads()) == [TURN.text, "It ships today."]
    nonsense, _ = journals(tmp_path)
    assert nonsense.name.endswith(".0-0.journal"), "its host sets it aside"
    assert len(await asyncio.to_thread(lambda: [*tmp_path.glob(f"*{BROKEN}")])) == 1


async def test_the_living_and_other_rooms_are_left_alone(
    database: Database, tmp_path: Path, takes_over: Takes
) -> None:
    killed = await _killed(database, tmp_path)
    living = Journal.begin(tmp_path, killed)
    other = Journal.begin(tmp_path, replace(killed, room=f"{killed.room}.1"))
    assert living is not None
    assert other is not None
    for journal in (living, other):
        journal.add(replace(TURN, item_id="item-2", text="Hello?"))
    other.close(done=False)
    successor = await takes_over(killed)
    assert _said(await successor.reads()) == [TURN.text, "It ships today."]
    assert len(journals(tmp_path)) == 3
    living.close(done=True)


async def test_a_caller_waits_a_moment_and_no_longer(
    database: Database, tmp_path: Path, takes_over: Takes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(left, "BRING_SECONDS", 0.2)
    killed = await _killed(database, tmp_path)
    successor = await takes_over(killed)
    async with database.begin() as db_session:
        await db_session.execute(select(CallRow).where(CallRow.id == killed.call_id).with_for_update())
        bringing = bring_left(successor.journal, successor.ledger, killed.call_id)
        await asyncio.wait_for(bringing, AT_MOST_SECONDS)
    assert len(journals(tmp_path)) == 2, "its host brings it later"
    assert _said(await successor.reads()) == [TURN.text, "It ships today."]
