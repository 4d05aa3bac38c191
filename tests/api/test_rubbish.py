"""Whatever is sent to whichever route, the answer is never 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.api.conftest import Client
from tests.api.helpers import make_live
from tests.api.test_http import PROTECTED

pytestmark = pytest.mark.integration

BODIES: list[Any] = [
    None, [], "x", 1, {}, {"name": None}, {"name": "a\x00b", "config": {"instructions": "x"}},
    {"name": "x", "config": {"instructions": "a\x00b"}}, {"name": "x", "config": None},
    {"name": "x", "config": {"instructions": "x", "livekitConfig": []}}, {"version": 10**30},
    {"replicas": -1}, {"drain": "no"}, {"agentId": "\x00", "name": "x", "config": {"instructions": "x"}},
    {"__proto__": {}, "constructor": 1}, {"apiKey": ["x"]}, {"config": {"stt": {"provider": {"a": 1}}}},
]  # fmt: skip

QUERIES = [
    "limit=0", "limit=-1", "limit=99999999999999999999", "limit=x", "cursor=", "cursor=%00",
    "cursor=WzEsMl0=", "cursor=e30=", "status=x", "status=", "agent=%00", "agent=%FF", "agent=",
    "from=0001-01-01T00:00:00%2B14:00", "from=9999-12-31T23:59:59-14:00", "from=2024-01-01", "to=x",
    "from=2025-01-01T00:00:00", "to=0001-01-01T00:00:00Z", "input=%00", "batch=1&input=[]",
    "since=0001-01-01T00:00:00%2B14:00", "since=9999-12-31T23:59:59", "since=%00", "level=%00",
    "cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwIiwiNmJhN2I4MTAtOWRhZC0xMWQxLTgwYjQtMDBjMDRmZDQzMGM4Il0=",
]  # fmt: skip


@pytest.fixture
async def target(client: Client) -> str:
    """The id of an agent that exists."""
    return str((await make_live(client))["id"])


@pytest.mark.parametrize("body", BODIES, ids=lambda body: json.dumps(body)[:40])
async def test_bodies(client: Client, target: str, body: Any) -> None:
    for method, path in [*PROTECTED, ("POST", "/login"), ("POST", "/api/trpc/livekit.getToken")]:
        for place in (path, path.replace("/x", f"/{target}")):
            if method not in {"GET", "DELETE"}:
                response = await client.request(method, place, json=body)
                assert response.status_code not in {500, 503}, f"{method} {place}: {response.text}"


@pytest.mark.parametrize("query", QUERIES)
async def test_queries(client: Client, target: str, query: str) -> None:
    for path in (
        f"/api/agents/{target}/logs",
        *("/api/agents", "/api/calls", "/api/repairs", "/api/stats/overview", "/api/livekit/rooms"),
        *("/api/trpc/livekit.getToken", "/", "/health"),
    ):
        response = await client.get(f"{path}?{query}")
        assert response.status_code != 500, f"{path}: {response.text}"
        assert path == "/health" or response.status_code != 503, f"{path}: {response.text}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["name", "slug", "config", "agentId", "livekitUrl", "attributes"])

PATHS = st.sampled_from(["/api/agents", "/api/agents/register", "/api/trpc/livekit.getToken"])


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(FIELDS, JSON, max_size=4), PATHS)
async def test_anything(client: Client, body: dict[str, Any], path: str) -> None:
    response = await client.post(path, json=body)
    assert response.status_code not in {500, 503}, response.text
