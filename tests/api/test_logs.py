"""An agent's log over HTTP, with a real Postgres."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from api.services import logs
from api.services.logs import LogRetention
from db.repositories import agent_logs
from db.repositories.agent_logs import AgentLogRepository, LogLine
from tests.api.conftest import Client, platform_of
from tests.api.helpers import make_agent, make_call, make_live
from tests.api.test_http import problem

pytestmark = pytest.mark.integration


async def logged(
    client: Client, agent: dict[str, Any], *texts: str, hours_ago: float = 0, **more: Any
) -> None:
    """Do as a host does: write lines about an agent, a second apart."""
    begin = datetime.now(UTC) - timedelta(hours=hours_ago, seconds=len(texts))
    lines = [
        LogLine(
            id=uuid4(),
            at=begin + timedelta(seconds=number),
            source="host-1",
            text=text,
            slug=agent["slug"],
            **{"level": logging.INFO, **more},
        )
        for number, text in enumerate(texts)
    ]
    async with platform_of(client).logs.postgres.begin() as db_session:
        await AgentLogRepository(db_session).add(lines)


async def read(client: Client, agent: dict[str, Any], query: str = "") -> dict[str, Any]:
    """A page of an agent's log."""
    response = await client.get(f"/api/agents/{agent['slug']}/logs?{query}")
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


def texts(page: dict[str, Any]) -> list[str]:
    return [item["text"] for item in page["items"]]


async def test_lines_of_the_last_hour_oldest_first(client: Client) -> None:
    agent = await make_live(client)
    call = await make_call(client, agent)
    await logged(client, agent, "too old", hours_ago=1.1)
    await logged(client, agent, "one", "two")
    await logged(client, agent, "of a call", room=call["room"], level=logging.CRITICAL)
    await logged(client, await make_agent(client), "another's")
    page = await read(client, agent)
    assert texts(page) == ["one", "two", "of a call"]
    assert page["nextCursor"] is None
    last = page["items"][-1]
    assert set(last) == {"at", "level", "source", "callId", "text"}
    assert (last["level"], last["source"], last["callId"]) == ("error", "host-1", call["callId"])
    assert page["items"][0]["callId"] is None
    by_id = await client.get(f"/api/agents/{agent['id']}/logs")
    assert by_id.json() == page


async def test_since_and_level(client: Client) -> None:
    agent = await make_agent(client)
    await logged(client, agent, "yesterday", hours_ago=20)
    await logged(client, agent, "trace", level=5)
    await logged(client, agent, "warned", level=logging.WARNING)
    since = quote((datetime.now(UTC) - timedelta(hours=21)).isoformat())
    assert set(texts(await read(client, agent, f"since={since}"))) == {"yesterday", "trace", "warned"}
    assert texts(await read(client, agent, f"since={since}&level=warning")) == ["warned"]
    assert set(texts(await read(client, agent, "level=debug"))) == {"trace", "warned"}


async def test_pages_go_on_where_the_last_one_ended(client: Client) -> None:
    agent = await make_agent(client)
    # Across the hour that is looked at unless said otherwise: a reader that pages slowly misses nothing.
    await logged(client, agent, *"abcde", hours_ago=1.5)
    since = quote((datetime.now(UTC) - timedelta(hours=2)).isoformat())
    page = await read(client, agent, f"since={since}&limit=2")
    seen = texts(page)
    while cursor := page["nextCursor"]:
        page = await read(client, agent, f"limit=2&cursor={cursor}")
        seen += texts(page)
    assert seen == list("abcde")


@pytest.mark.parametrize(
    ("query", "pointer", "cure"),
    [
        ("since=yesterday", "/since", "a moment such as 2026-01-31T12:00:00Z"),
        ("since=2026-01-31T12:00:00+01:00", "/since", "`%2B`"),
        ("since=0001-01-01T00:00:00%2B14:00", "/since", "out of range"),
        ("level=loud", "/level", "must be one of debug, info, warning, error"),
        ("cursor=x", "/cursor", "leave it out"),
        ("limit=0", "/limit", ">= 1"),
        ("limit=1001", "/limit", "<= 1000"),
        ("limit=x", "/limit", "`int`"),
    ],
)
async def test_what_is_wrong_is_named(client: Client, query: str, pointer: str, cure: str) -> None:
    agent = await make_agent(client)
    told = problem(await client.get(f"/api/agents/{agent['slug']}/logs?{query}"), 400)
    assert [error["pointer"] for error in told["errors"]] == [pointer]
    assert cure in told["errors"][0]["detail"]


async def test_an_agent_that_is_not_there(client: Client) -> None:
    told = problem(await client.get("/api/agents/nobody/logs"), 404)
    assert told["detail"] == "There is no agent “nobody”."


async def test_old_lines_and_too_many_of_an_agent_are_swept(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_OF_AN_AGENT", 3)
    for module in (logs, agent_logs):
        monkeypatch.setattr(module, "BATCH", 2)
    monkeypatch.setattr(logs, "_LATELY", timedelta(hours=24))
    agent = await make_agent(client)
    await logged(client, agent, *"abc", hours_ago=25)
    await logged(client, agent, *"defghi", hours_ago=2)
    platform = platform_of(client)
    retention = LogRetention(platform.logs.postgres, platform.settings)
    assert await retention.sweep() >= 6
    assert await retention.sweep() == 0
    assert texts(await read(client, agent, "since=2020-01-01T00:00:00Z")) == ["g", "h", "i"]
