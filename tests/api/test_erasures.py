"""Callers are erased on demand, and there is a receipt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text, update

from db.models import CallRow
from db.repositories import belongings
from db.repositories.agent_logs import AgentLogRepository, LogLine
from db.repositories.calls import CallRepository
from db.repositories.joining import JoinedAgent, JoiningRepository
from tests.api.conftest import Client, platform_of
from tests.api.helpers import call_of, make_call, make_live, unique
from tests.api.test_http import problem
from tests.api.test_retention import Tapes, left, make_talk

pytestmark = pytest.mark.integration

OLD = timedelta(minutes=30)


async def _named(client: Client, agent: dict[str, Any], customer: str, *, over: bool = True) -> UUID:
    """A call of a caller whom a website knows, with a line in the log."""
    call_id = await make_talk(client, agent, OLD, over=over)
    async with platform_of(client).calls.postgres.begin() as db_session:
        known = {"customer": customer, "plan": "gold"}
        await db_session.execute(update(CallRow).where(CallRow.id == call_id).values(attributes=known))
        room = (await db_session.execute(select(CallRow.room).where(CallRow.id == call_id))).scalar_one()
        line = LogLine(
            uuid4(), datetime.now(UTC), 20, "h", f"hello {customer}", agent_id=UUID(agent["id"]), room=room
        )
        await AgentLogRepository(db_session).add([line])
    return call_id


async def _erase(client: Client, **choice: Any) -> dict[str, Any]:
    answer = await client.post("/api/callers/erase", json=choice)
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json()
    assert (await client.get(f"/api/erasures/{receipt['id']}")).json() == receipt
    return receipt


async def _mentions(client: Client, words: str) -> list[str]:
    """The tables of the database in which something says so."""
    async with platform_of(client).calls.postgres.begin() as db_session:
        tables = await db_session.execute(
            text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        )
        found = []
        for (table,) in tables.all():
            query = text(f'SELECT count(*) FROM "{table}" AS each WHERE each::text LIKE :words')
            if (await db_session.execute(query, {"words": f"%{words}%"})).scalar_one():
                found.append(table)
    return found


async def test_nothing_of_a_caller_is_left(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    agent, customer = await make_live(client), unique("customer")
    calls = [await _named(client, agent, customer) for _ in range(2)]
    other = await _named(client, agent, unique("customer"))
    tapes = Tapes({calls[0], other})
    monkeypatch.setattr(belongings, "RECORDINGS", (tapes,))
    assert sorted(await _mentions(client, customer)) == ["agent_logs", "calls"]
    figures = (await client.get(f"/api/stats/agents/{agent['id']}")).json()
    receipt = await _erase(client, attributes={"customer": customer})
    assert await _mentions(client, customer) == []
    assert [each["outcome"] for each in receipt["calls"]] == ["erased"] * 2
    counts = {"turns": 1, "events": 1, "drafts": 1, "analyses": 0, "logLines": 1, "roomEvents": 0}
    by_call = {each["callId"]: each["deleted"] for each in receipt["calls"]}
    assert by_call == {
        str(calls[0]): counts | {"recordings": 1},
        str(calls[1]): counts | {"recordings": 0},
    }
    assert set(receipt["langfuseTraceIds"]) == {f"trace-{call_id.hex}" for call_id in calls}
    assert (receipt["actor"], receipt["chosenBy"], receipt["more"]) == ("api-key", ["attributes"], False)
    assert receipt["finishedAt"]
    shown = await call_of(client, str(calls[0]))
    assert (shown["identity"], shown["attributes"], shown["turns"], shown["events"]) == (None, {}, [], [])
    assert shown["turnCount"] == 1
    assert await left(client, other) == (True, 1, 1)
    after = (await client.get(f"/api/stats/agents/{agent['id']}")).json()
    assert {**after, "to": None} == {**figures, "to": None}


async def test_the_traces_of_all_agents_of_a_call_are_listed(client: Client) -> None:
    agent = await make_live(client)
    token = await make_call(client, agent)
    call_id = UUID(token["callId"])
    async with platform_of(client).calls.postgres.begin() as db_session:
        for attempt, trace_id in ((1, "first"), (2, "second"), (2, "second"), (3, None), (4, "fourth")):
            joined = JoinedAgent(call_id, UUID(agent["id"]), 1, token["room"], attempt, trace_id)
            await JoiningRepository(db_session).joined(joined)
        await CallRepository(db_session).end(token["room"], "hung up")
    for _ in range(2):
        receipt = await _erase(client, callIds=[str(call_id)])
        assert receipt["langfuseTraceIds"] == ["first", "second", "fourth"]
        assert receipt["calls"][0]["traceIds"] == ["first", "second", "fourth"]


async def test_erased_twice_is_erased_once(client: Client) -> None:
    agent = await make_live(client)
    call_id = await make_talk(client, agent, OLD)
    identity = (await call_of(client, str(call_id)))["identity"]
    first = await _erase(client, identity=identity)
    assert first["calls"][0]["deleted"]["turns"] == 1
    assert (await _erase(client, identity=identity))["calls"] == []
    again = await _erase(client, callIds=[str(call_id)])
    assert set(again["calls"][0]["deleted"].values()) == {0}
    assert again["langfuseTraceIds"] == first["langfuseTraceIds"]
    async with platform_of(client).calls.postgres.begin() as db_session:
        room = (await db_session.execute(select(CallRow.room).where(CallRow.id == call_id))).scalar_one()
        assert await CallRepository(db_session).caller_came(room, identity, datetime.now(UTC)) is None


async def test_a_call_that_goes_on_is_left_and_said_so(client: Client) -> None:
    agent = await make_live(client)
    going, unknown = await make_talk(client, agent, OLD, over=False), uuid4()
    receipt = await _erase(client, callIds=[str(going), str(unknown)])
    assert {each["callId"]: each["outcome"] for each in receipt["calls"]} == {
        str(going): "open",
        str(unknown): "unknown",
    }
    assert receipt["langfuseTraceIds"] == []
    assert await left(client, going) == (True, 1, 1)


async def test_a_call_is_erased_wholly_or_not_at_all(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    agent, customer = await make_live(client), unique("customer")
    call_id = await _named(client, agent, customer)
    tapes = Tapes({call_id}, failure=OSError("the bucket is away"))
    monkeypatch.setattr(belongings, "RECORDINGS", (tapes,))
    answer = await client.post("/api/callers/erase", json={"attributes": {"customer": customer}})
    assert answer.status_code >= 500
    assert await left(client, call_id) == (True, 1, 1)
    assert (await call_of(client, str(call_id)))["attributes"]["customer"] == customer
    tapes.failure = None
    receipt = await _erase(client, attributes={"customer": customer})
    assert receipt["calls"][0]["deleted"]["recordings"] == 1


async def test_choices_narrow(client: Client) -> None:
    agents = [await make_live(client) for _ in range(2)]
    customer = unique("customer")
    mine, others = [await _named(client, agent, customer) for agent in agents]
    receipt = await _erase(client, attributes={"customer": customer}, agent=agents[0]["slug"])
    assert [each["callId"] for each in receipt["calls"]] == [str(mine)]
    assert (await left(client, others))[1] == 1


@pytest.mark.parametrize(
    "body", [{}, {"agent": "a"}, {"attributes": {}}, {"callIds": []}, {"callIds": ["x"]}, {"identity": ""}]
)
async def test_whom_must_be_said(client: Client, body: dict[str, Any]) -> None:
    problem(await client.post("/api/callers/erase", json=body), 400)


async def test_there_is_no_such_receipt(client: Client) -> None:
    problem(await client.get(f"/api/erasures/{uuid4()}"), 404)
    problem(await client.get("/api/erasures/x"), 404)
