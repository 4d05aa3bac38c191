"""All that can be read of a platform: what Temporal, Postgres, the API, logs and files say, by place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path

import asyncpg
from temporalio.client import Client

from tests.support.platform import Platform

Places = dict[str, bytes]

_NOT_READ = {"/api/trpc/{procedures}", "/schema/{path}", "/api/events", "/api/calls/{call_id}/recording"}
"""Routes that say nothing by themselves: the first is asked for tokens, the second is for files of pages, the
third never ends and says what deliveries to webhooks say as well, and the last is sound."""


async def in_temporal(client: Client, slug: str) -> Places:
    """Histories and descriptions of all workflows of an agent: payloads, heartbeats, failures, memos."""
    places: Places = {}
    async for found in client.list_workflows(f'AgentSlug = "{slug}"'):
        workflow = client.get_workflow_handle(found.id)
        history = await workflow.fetch_history()
        described = (await workflow.describe()).raw_description
        places[f"history of {found.id}"] = b"\n".join(event.SerializeToString() for event in history.events)
        places[f"description of {found.id}"] = described.SerializeToString()
    return places


async def in_postgres(url: str) -> Places:
    """Every column of every row, as text."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {
            f"table {table}": "\n".join(
                row[0] for row in await connection.fetch(f'SELECT "{table}"::text FROM "{table}"')
            ).encode()
            for (table,) in tables
        }
    finally:
        await connection.close()


async def in_answers(platform: Platform, values: Mapping[str, str]) -> Places:
    """What the API answers to every GET that it documents; `values` are for the parameters that it needs."""
    return {path: answer async for path, answer in _answers(platform, values)}


async def _answers(platform: Platform, values: Mapping[str, str]) -> AsyncIterator[tuple[str, bytes]]:
    paths = (await platform.call("GET", "/schema/openapi.json"))["paths"]
    for path, item in paths.items():
        if "get" not in item or path in _NOT_READ:
            continue
        wanted = [parameter for parameter in item["get"].get("parameters", []) if parameter["required"]]
        query = {each["name"]: values[each["name"]] for each in wanted if each["in"] == "query"}
        response = await platform.http.get(path.format_map(values), params=query)
        assert response.status_code == 200, f"{path}: {response.status_code} {response.text}"
        yield path, response.content


async def in_files(folder: Path) -> Places:
    """Every file below `folder`."""
    return await asyncio.to_thread(_read, folder)


def _read(folder: Path) -> Places:
    places: Places = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # servers remove some meanwhile
            if path.is_file():
                places[f"file {path.relative_to(folder)}"] = path.read_bytes()
    return places
