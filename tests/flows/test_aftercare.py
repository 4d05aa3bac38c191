"""What is done with a call when it is over, on a real one: step by step, and again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.support.caller import calling
from tests.support.openai import OpenAIServer, openai_server
from tests.support.otlp import Receiver, receiving
from tests.support.platform import ANSWER, ORDER, Json, Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

KEY = "sk-the-analysts-key-that-nobody-may-see"
SCHEMA = {
    "type": "object",
    "properties": {"topic": {"type": "string"}, "angry": {"type": "boolean"}},
    "required": ["topic"],
    "additionalProperties": False,
}
PRICES = {
    "currency": "EUR",
    "models": [
        {"kind": "tts", "provider": "espeak-ng", "model": "*", "perMillionCharacters": 1000},
        {"kind": "stt", "provider": "pocketsphinx", "model": "*", "perAudioMinute": 0.6},
    ],
}


def submitted(asked: Json) -> Json:
    """What the model submits: a verdict to a judge, else what it found."""
    tool = asked["tools"][0]["function"]
    if "verdict" in tool["parameters"]["properties"]:
        polite = "politely" in str(asked["messages"])
        return {"verdict": "pass" if polite else "maybe", "reasoning": "So it seems."}
    return {"topic": "an order", "angry": False}


@pytest.fixture
async def model() -> AsyncIterator[OpenAIServer]:
    """Who is asked about calls."""
    async with openai_server() as server:
        server.tool = submitted
        yield server


@pytest.fixture
async def langfuse(platform: Platform) -> AsyncIterator[Receiver]:
    """LangFuse, named in the settings, with a price table beside it."""
    async with receiving() as receiver:
        settings = {
            "langfuseHost": receiver.url,
            "langfusePublicKey": "pk-lf-test",
            "langfuseSecretKey": "sk-lf-test-secret",
            "prices": PRICES,
        }
        await platform.call("PUT", "/api/settings", settings)
        yield receiver
        await platform.call("PUT", "/api/settings", dict.fromkeys(settings))


def analysed(model: OpenAIServer, **more: Any) -> Json:
    """A config's part that asks for everything."""
    options = {"baseUrl": model.url, "apiKey": KEY, "model": "wise"}
    return {
        "summary": True,
        "extract": SCHEMA,
        "judges": [{"name": "relevancy"}, {"name": "manners", "criteria": "The agent speaks politely."}],
        "llm": {"provider": "openai", "options": options},
        **more,
    }


async def a_call(platform: Platform, slug: str) -> str:
    """One with a question and its answer; its id."""
    token = await platform.token(slug)
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
        await caller.speaks(ORDER)
        await caller.hears(ANSWER)
    return str(token["callId"])


async def steps(platform: Platform, call_id: str, *, of: set[str], seconds: float = 60) -> dict[str, Json]:
    """What came of these steps, once all are over."""

    async def look() -> dict[str, Json] | None:
        call = await platform.call("GET", f"/api/calls/{call_id}")
        found = {each["step"]: each for each in call["analyses"]}
        over = {step for step, each in found.items() if each["state"] != "running"}
        return found if of <= over else None

    return await eventually(look, f"the steps {of}", seconds=seconds)


ALL = {"recording", "cost", "summary", "extract", "scores", "langfuse"}


async def test_every_step_that_is_asked_for_is_done(
    platform: Platform, model: OpenAIServer, langfuse: Receiver
) -> None:
    agent = await platform.deployed("analysed", analysis=analysed(model), recording={"enabled": True})
    call_id = await a_call(platform, agent["slug"])
    done = await steps(platform, call_id, of=ALL)
    assert {step: each["state"] for step, each in done.items()} == dict.fromkeys(ALL, "done"), done
    assert done["summary"]["result"]["summary"] == ANSWER
    assert done["summary"]["result"]["model"] == "openai/wise"
    assert done["extract"]["result"]["data"] == {"topic": "an order", "angry": False}
    scores = done["scores"]["result"]
    assert scores["score"] == 0.75
    verdicts = {each["name"]: each["verdict"] for each in scores["judges"]}
    assert verdicts == {"relevancy": "maybe", "manners": "pass"}
    assert done["recording"]["result"]["stored"] == [1]
    cost = done["cost"]["result"]
    assert cost["unknown"] == []
    assert cost["total"] == pytest.approx(sum(line["cost"] for line in cost["lines"]))
    assert cost["currency"] == "EUR"
    assert {line["kind"] for line in cost["lines"]} == {"llm", "tts", "stt"}
    assert cost["total"] > 0
    call = await platform.call("GET", f"/api/calls/{call_id}")
    sent = {score["name"]: (score["value"], score["traceId"]) for score in langfuse.scores}
    assert sent == {"relevancy": (0.5, call["traceId"]), "manners": (1.0, call["traceId"])}
    assert set(model.keys) == {f"Bearer {KEY}"}
    asked = str(model.asked)
    assert f"caller: {ORDER}" in asked
    assert f"agent: {ANSWER}" in asked
    assert KEY not in str(call)
    await platform.stop(agent["id"])


async def test_a_step_that_fails_is_told_and_tried_again_and_holds_up_no_other(
    platform: Platform, model: OpenAIServer
) -> None:
    def refusing(asked: Json) -> Json:
        return {"topic": 5} if len(model.asked) < 8 else submitted(asked)

    model.tool = refusing
    analysis = analysed(model, judges=[])
    agent = await platform.deployed("failing", analysis=analysis)
    call_id = await a_call(platform, agent["slug"])

    async def failed() -> Json | None:
        call = await platform.call("GET", f"/api/calls/{call_id}")
        found = {each["step"]: each for each in call["analyses"]}
        extract = found.get("extract", {})
        return found if extract.get("state") == "failed" else None

    told = await eventually(failed, "a failure that is told", seconds=60, every=0.02)
    assert "/topic: 5 is not of type" in told["extract"]["error"]

    async def well() -> Json | None:
        call = await platform.call("GET", f"/api/calls/{call_id}")
        found = {each["step"]: each for each in call["analyses"]}
        return found if all(each["state"] == "done" for each in found.values()) else None

    done = await eventually(well, "the step done in the end", seconds=60)
    assert done["summary"]["attempt"] == 1
    assert done["extract"]["attempt"] > 1
    assert done["extract"]["error"] is None
    assert done["extract"]["result"]["data"]["topic"] == "an order"
    await platform.stop(agent["id"])


async def reprocessed(platform: Platform, body: Json) -> Json:
    """A wish, once it is over."""
    wish = await platform.call("POST", "/api/calls/reprocess", body, expect=202)

    async def over() -> Json | None:
        found: Json = await platform.call("GET", f"/api/reprocess/{wish['id']}")
        return found if found["status"] != "running" else None

    return await eventually(over, "the end of the reprocessing", seconds=120)


async def test_steps_are_done_again_for_one_call(platform: Platform, model: OpenAIServer) -> None:
    agent = await platform.deployed("again")
    call_id = await a_call(platform, agent["slug"])

    async def over() -> bool:
        call = await platform.call("GET", f"/api/calls/{call_id}")
        return bool(call["status"] == "ended")

    await eventually(over, "the end of the call", seconds=20)
    body = {"calls": [call_id], "steps": ["transcript", "summary", "extract"]}
    wish = await reprocessed(platform, body)
    # Its agent's own model is a scripted one: it says what it always says.
    assert (wish["total"], wish["done"], wish["failed"]) == (1, 1, 0)
    found = await steps(platform, call_id, of={"transcript", "summary", "extract"})
    assert found["transcript"]["result"] == {"turns": 3}
    assert found["extract"]["state"] == "skipped"
    config = (await platform.agent(agent["id"]))["config"] | {"analysis": analysed(model)}
    await platform.call("PATCH", f"/api/agents/{agent['id']}", {"config": config})
    await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {}, expect=202)

    async def second() -> bool:
        return bool((await platform.agent(agent["id"]))["liveVersion"] == 2)

    await eventually(second, "the second version live", seconds=20)
    await reprocessed(platform, body)
    found = await steps(platform, call_id, of={"transcript", "summary", "extract"})
    assert found["summary"]["attempt"] == 2
    assert found["summary"]["result"]["version"] == 2
    assert found["extract"]["result"]["data"]["topic"] == "an order"
    await platform.stop(agent["id"])


COUNT = 200


async def _seed(platform: Platform, agent_id: str) -> None:
    """Calls that are over, each with what its two agents used."""
    database = await asyncpg.connect(platform.stack.database_url)
    used = '{"models": [{"type": "tts_usage", "provider": "p", "model": "m", "characters_count": 500000}]}'
    try:
        await database.execute(
            """
            WITH made AS (
                INSERT INTO calls (id, agent_id, version, room, status, started_at, ended_at)
                SELECT gen_random_uuid(), $1::text::uuid, 1, 'seeded-' || $1 || n, 'ended', now(), now()
                FROM generate_series(1, $2) n RETURNING id
            )
            INSERT INTO call_events (id, call_id, attempt, number, at, kind, data)
            SELECT -(row_number() OVER () * 10 + attempt), id, attempt, number, now(), 'usage', $3::jsonb
            FROM made, (VALUES (1, 1), (1, 2), (2, 1)) each (attempt, number)
            """,
            agent_id,
            COUNT,
            used,
        )
    finally:
        await database.close()


async def test_two_hundred_calls_are_done_again_and_it_says_how_far_it_is(platform: Platform) -> None:
    agent = await platform.create("many")
    await platform.call("POST", f"/api/agents/{agent['id']}/versions", {}, expect=201)
    await _seed(platform, agent["id"])
    price = {"kind": "tts", "provider": "p", "model": "m", "perMillionCharacters": 2}
    await platform.call("PUT", "/api/settings", {"prices": {"models": [price]}})
    body = {"filter": {"agent": agent["slug"], "status": "ended"}, "steps": ["cost"]}
    first = await platform.call("POST", "/api/calls/reprocess", body, expect=202)
    same = await platform.call("POST", "/api/calls/reprocess", body, expect=202)
    assert same["id"] == first["id"]
    assert first["total"] == COUNT
    seen: list[int] = []

    async def over() -> Json | None:
        found: Json = await platform.call("GET", f"/api/reprocess/{first['id']}")
        seen.append(found["done"])
        return found if found["status"] != "running" else None

    done = await eventually(over, "the end of the reprocessing", seconds=120)
    assert (done["status"], done["done"], done["failed"]) == ("done", COUNT, 0)
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    database = await asyncpg.connect(platform.stack.database_url)
    try:
        rows = await database.fetch(
            "SELECT a.state, a.attempt, a.result->>'total' AS total, c.agent_id FROM analyses a"
            " JOIN calls c ON c.id = a.call_id WHERE c.agent_id = $1",
            agent["id"],
        )
    finally:
        await database.close()
    assert len(rows) == COUNT
    assert {(row["state"], row["attempt"], row["total"]) for row in rows} == {("done", 1, "2.0")}
    again = await platform.call("POST", "/api/calls/reprocess", body, expect=202)
    assert again["id"] != first["id"]
    await platform.call("PUT", "/api/settings", {"prices": None})
