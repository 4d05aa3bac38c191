"""The record of a call: every turn once, in order, whatever happens to Postgres meanwhile."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest
from livekit.agents.llm import AgentHandoff, ChatMessage, FunctionCall

from agents.record import recorder as recorder_module
from agents.record.heard import turn_of
from agents.record.ledger import Ledger
from agents.record.recorder import CallRecorder, JoinedAgent
from db.engine import Database
from db.models import CallRow, TurnRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.calls import CallRepository
from db.repositories.joining import Begun
from db.repositories.transcripts import TranscriptRepository, Turn
from stack import Stack
from tests.support.waiting import eventually


def _turn(number: int) -> Turn:
    return Turn(f"item_{number}", "user", f"turn {number}", datetime.now(UTC))


async def _recorder(database: Database, url: str) -> tuple[CallRecorder, uuid.UUID]:
    async with database.begin() as db_session:
        slug = f"r-{uuid.uuid4().hex[:8]}"
        agent = await AgentRepository(db_session, database.box).create("R", slug, StoredConfig({}, {}))
    call_id = uuid.uuid4()
    room = f"call-{call_id}"
    joined = JoinedAgent(call_id, agent.id, 1, room, trace_id="abc")
    return CallRecorder(Ledger(url, room), joined), call_id


async def _stored(database: Database, call_id: uuid.UUID) -> tuple[CallRow, list[TurnRow]]:
    async with database.begin() as db_session:
        turns = await TranscriptRepository(db_session).turns(call_id)
        return await CallRepository(db_session).get(call_id), turns


@pytest.mark.integration
async def test_turns_are_written_while_the_call_goes_on(database: Database, database_url: str) -> None:
    recorder, call_id = await _recorder(database, database_url)
    recorder.joined()
    recorder.add(_turn(1))
    recorder.add(_turn(2))

    async def two() -> bool:
        async with database.begin() as db_session:
            return len(await TranscriptRepository(db_session).turns(call_id)) == 2

    await eventually(two, "two turns")
    recorder.add(_turn(3))
    await recorder.close("caller left")
    call, turns = await _stored(database, call_id)
    assert [turn.text for turn in turns] == ["turn 1", "turn 2", "turn 3"]
    assert (call.status, call.end_reason, call.trace_id) == ("ended", "caller left", "abc")


@pytest.mark.integration
async def test_turns_said_while_postgres_is_away_are_written_afterwards(
    database: Database, database_url: str, postgres: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    recorder, call_id = await _recorder(database, database_url)
    recorder.joined()
    recorder.add(_turn(0))
    await postgres.stop("postgres")
    for number in range(1, 6):
        recorder.add(_turn(number))
        await asyncio.sleep(0.01)
    await postgres.start("postgres")
    await recorder.close("caller left")
    _, turns = await _stored(database, call_id)
    assert [turn.text for turn in turns] == [f"turn {number}" for number in range(6)]
    assert caplog.text.count("Postgres is away") == 1


@pytest.mark.integration
async def test_a_deleted_agent_does_not_hold_the_job_up(database: Database, database_url: str) -> None:
    recorder, _ = await _recorder(database, database_url)
    recorder._agent = replace(recorder._agent, agent_id=uuid.uuid4())
    recorder.joined()
    recorder.add(_turn(1))
    await asyncio.wait_for(recorder.close("caller left"), 5)


class Paper:
    """A ledger that is not read by anybody."""

    def __init__(self) -> None:
        self.written = 0

    async def do(self, _: object) -> Begun:
        self.written += 1
        return Begun(uuid.uuid4())

    async def close(self) -> None:
        return


@pytest.mark.unit
async def test_an_answer_begins_before_the_question_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "ANSWER_SECONDS", 60.0)
    paper = Paper()
    recorder = CallRecorder(cast("Ledger", paper), JoinedAgent(uuid.uuid4(), uuid.uuid4(), 1, "room"))
    recorder.joined()
    question = Turn("question", "user", "Where is my order?", datetime.now(UTC))

    async def written() -> bool:
        return not recorder._entries

    async def begun() -> bool:
        return paper.written == 1

    recorder.add(question)
    await eventually(begun, "the note that the agent has joined")
    assert recorder._entries, "it is not written at once"
    recorder.draft("agent", "It")
    await eventually(written, "the question, while it is answered")
    recorder.add(replace(question, item_id="another"))
    await asyncio.wait_for(recorder.close("caller left"), 5)
    assert await written(), "at the end nothing waits"


@pytest.mark.unit
async def test_a_full_queue_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "QUEUE_LIMIT", 3)
    ledger = Ledger("postgresql://nobody@127.0.0.1:9/none", "room")
    recorder = CallRecorder(ledger, JoinedAgent(uuid.uuid4(), uuid.uuid4(), 1, "room"))
    for number in range(5):
        recorder.add(_turn(number))
    assert [entry.text for entry in recorder._entries if isinstance(entry, Turn)] == [
        "turn 2",
        "turn 3",
        "turn 4",
    ]
    assert recorder._dropped == 2


@pytest.mark.unit
def test_only_utterances_are_turns() -> None:
    said = ChatMessage(
        role="assistant", content=["It ships today."], interrupted=True, metrics={"llm_node_ttft": 0.1}
    )
    turn = turn_of(said)
    assert turn is not None
    assert (turn.role, turn.text, turn.interrupted, turn.llm_node_ttft) == (
        "agent",
        "It ships today.",
        True,
        0.1,
    )
    for other in (
        AgentHandoff(new_agent_id="b"),
        FunctionCall(call_id="c", arguments="{}", name="f"),
        ChatMessage(role="system", content=["Be kind."]),
        ChatMessage(role="user", content=[]),
    ):
        assert turn_of(other) is None
