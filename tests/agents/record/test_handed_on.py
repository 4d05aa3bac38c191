"""What an agent did and what went wrong is in the record, and the next agent knows what came of it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from livekit.agents import ErrorEvent, FunctionToolsExecutedEvent
from livekit.agents.llm import ChatMessage, FunctionCall, FunctionCallOutput, LLMError
from livekit.rtc import EventEmitter

from agents.record.continuing import load_items
from agents.record.heard import Listener, SpokenText
from agents.record.ledger import Ledger
from agents.record.recorder import CallRecorder, JoinedAgent
from common.discretion import Discretion
from db.engine import Database
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.transcripts import TranscriptRepository

pytestmark = pytest.mark.integration

SECRET = "sk-a-secret-that-nobody-reads"


async def test_tools_their_results_and_errors_are_recorded(database: Database, database_url: str) -> None:
    async with database.begin() as db_session:
        slug = f"t-{uuid.uuid4().hex[:8]}"
        agent = await AgentRepository(db_session, database.box).create("T", slug, StoredConfig({}, {}))
    call_id = uuid.uuid4()
    joined = JoinedAgent(call_id, agent.id, 1, f"call-{call_id}")
    recorder = CallRecorder(Ledger(database_url, joined.room), joined)
    session: Any = EventEmitter[str]()
    Listener(recorder, SpokenText(recorder), Discretion(SECRET)).listen(session)
    recorder.joined()

    found = FunctionCall(call_id="c1", name="find_order", arguments='{"number": 5}', created_at=1000.0)
    failed = FunctionCall(call_id="c2", name="book", arguments="{}", created_at=1001.0)
    outputs = [
        FunctionCallOutput(call_id="c1", name="find_order", output='{"ships": "today\0"}', is_error=False),
        FunctionCallOutput(call_id="c2", name="book", output="No seats.", is_error=True),
    ]
    tools = FunctionToolsExecutedEvent(function_calls=[found, failed], function_call_outputs=outputs)
    session.emit("function_tools_executed", tools)
    error = LLMError(timestamp=1002.0, label="llm", error=ValueError(f"refused {SECRET}"), recoverable=False)
    session.emit("error", ErrorEvent(error=error, source=object()))
    await recorder.close("caller left")

    async with database.begin() as db_session:
        items = await load_items(db_session, call_id)
        (told,) = await TranscriptRepository(db_session).events(call_id, "error")
    calls = [each for each in items if isinstance(each, FunctionCall)]
    results = [each for each in items if isinstance(each, FunctionCallOutput)]
    assert not any(isinstance(each, ChatMessage) for each in items)
    assert [(each.call_id, each.name, each.arguments) for each in calls] == [
        ("c1", "find_order", '{"number": 5}'),
        ("c2", "book", "{}"),
    ]
    assert [(each.call_id, each.output, each.is_error) for each in results] == [
        ("c1", '{"ships": "today"}', False),
        ("c2", "No seats.", True),
    ]
    assert [each.type for each in items] == ["function_call", "function_call_output"] * 2
    assert SECRET not in told.data["message"]
    assert told.data["message"].startswith("refused ")
    assert told.data["recoverable"] is False
