"""Lists of calls and figures, with a month of calls in Postgres: how long the API takes to answer."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.measure import Goal, Result, Series
from benchmarks.sample import CONFIG
from benchmarks.scale import Scale, Tell
from benchmarks.seeding import DAYS, seed
from stack.config import Service, StackConfig, StackError
from stack.embedded import Stack
from stack.ports import free_ports

_GOAL = Goal(at_most=0.05)
_AGENTS = 50
_SERVICES = frozenset({Service.POSTGRES, Service.MIGRATIONS, Service.API})

Ask = tuple[str, dict[str, str]]
"""A path, and the query."""


async def measure(scale: Scale, tell: Tell) -> list[Result]:
    """Seed, then ask: each kind of question by itself, one after the other, as one who looks at a page."""
    async with _api() as (stack, http):
        tell(f"{_AGENTS} agents are made")
        agents = [await _agent(http, number) for number in range(_AGENTS)]
        ids = [str(agent["id"]) for agent in agents]
        await seed(stack.database_url, ids, scale.seeded_calls, scale.seeded_turns, tell)
        kinds = await _kinds(http, agents)
        found = {}
        for name, asks in kinds.items():
            tell(name)
            found[name] = await _times(http, asks, scale.asks)
    turns = scale.seeded_calls * scale.seeded_turns
    size = f"{scale.seeded_calls:,} calls, {turns:,} turns"
    return [_result(name, times, size) for name, times in found.items()]


def _result(name: str, times: list[float], size: str) -> Result:
    slowest = statistics.quantiles(times, n=20, method="inclusive")[-1]
    note = f"{size}; median {statistics.median(times) * 1000:.1f} ms, slowest {max(times) * 1000:.1f} ms"
    return Result(f"{name}, p95 of {len(times)}", "s", Series((slowest,)), goal=_GOAL, note=note)


@asynccontextmanager
async def _api() -> AsyncIterator[tuple[Stack, aiohttp.ClientSession]]:
    """Postgres and the API alone."""
    with tempfile.TemporaryDirectory(prefix="bionic-bench-", ignore_cleanup_errors=True) as folder:
        config = StackConfig(state_dir=Path(folder), ports=free_ports(), services=_SERVICES)
        async with Stack(config) as stack:
            headers = {"Authorization": f"Bearer {stack.api_key}"}
            async with aiohttp.ClientSession(stack.api_url, headers=headers) as http:
                yield stack, http


async def _agent(http: aiohttp.ClientSession, number: int) -> dict[str, Any]:
    body = {"name": f"stats-{number}", "slug": f"stats-{uuid.uuid4().hex[:8]}", "config": CONFIG}
    async with http.post("/api/agents", json=body) as answer:
        if answer.status != 201:
            raise StackError(f"/api/agents answered {answer.status}: {await answer.text()}")
        found: dict[str, Any] = await answer.json()
        return found


async def _kinds(http: aiohttp.ClientSession, agents: list[dict[str, Any]]) -> dict[str, list[Ask]]:
    """What is asked, by kind; within a kind every question is another one."""
    slugs = [str(agent["slug"]) for agent in agents]
    month = (datetime.now(UTC) - timedelta(days=DAYS + 1)).isoformat()
    lists = [
        {},
        {"status": "failed"},
        {"status": "waiting"},
        {"agent": slugs[0]},
        {"agent": slugs[-1], "status": "failed"},
        {"agent": slugs[7], "status": "recovering"},
        {"from": month, "to": (datetime.now(UTC) - timedelta(days=9)).isoformat()},
        {"agent": slugs[3], "limit": "200"},
        {"cursor": await _deep(http)},
    ]
    return {
        "GET /api/calls, by turns with nine filters": [("/api/calls", params) for params in lists],
        "GET /api/stats/overview, of a month": [("/api/stats/overview", {"from": month})],
        "GET /api/stats/overview, of 24 hours": [("/api/stats/overview", {})],
        "GET /api/stats/agents/{id}, of a month": [
            (f"/api/stats/agents/{slug}", {"from": month}) for slug in slugs
        ],
    }


async def _deep(http: aiohttp.ClientSession) -> str:
    """The cursor of a page in the middle of all."""
    before = (datetime.now(UTC) - timedelta(days=DAYS / 2)).isoformat()
    async with http.get("/api/calls", params={"to": before, "limit": "1"}) as answer:
        return str((await answer.json())["nextCursor"])


async def _times(http: aiohttp.ClientSession, asks: list[Ask], count: int) -> list[float]:
    times = []
    for number in range(count):
        path, params = asks[number % len(asks)]
        began = time.perf_counter()
        async with http.get(path, params=params) as answer:
            body = await answer.read()
        times.append(time.perf_counter() - began)
        if answer.status != 200:
            raise StackError(f"{path} answered {answer.status}: {body.decode()}")
        await asyncio.sleep(0)
    return times
