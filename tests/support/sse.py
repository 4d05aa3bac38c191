"""A client of server-sent events, as browsers have one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Sent:
    """One event."""

    id: int
    kind: str
    data: dict[str, Any]


async def read(chunks: AsyncIterator[str]) -> AsyncIterator[Sent]:
    """The events in a stream of lines."""
    last_id, fields = 0, dict[str, str]()
    async for line in chunks:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            last_id = int(value)
        if line:
            fields[name] = value
            continue
        if "data" in fields:
            yield Sent(last_id, fields.get("event", "message"), json.loads(fields["data"]))
        fields = {}


@asynccontextmanager
async def following(
    http: httpx.AsyncClient, after: int | None = None, **query: str
) -> AsyncIterator[AsyncIterator[Sent]]:
    """The events that are sent while the block lasts; `after` is the last one that was seen."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(after)} if after is not None else {})
    async with http.stream("GET", "/api/events", params=query, headers=headers, timeout=30) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield read(response.aiter_lines())
