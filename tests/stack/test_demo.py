"""The demo agent is one that the product accepts, and is made only once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.config import parse_config
from stack import Stack, StackConfig, StackError, demo
from stack.health import Answer

pytestmark = pytest.mark.unit


class FakeApi:
    """Answers like the API does, from memory."""

    def __init__(self, agent: dict[str, Any] | None = None, then: str = "running") -> None:
        self.agent, self.then = agent, then
        self.called: list[str] = []

    async def __call__(self, _: Stack, method: str, path: str, body: Any = None) -> Answer:
        self.called.append(f"{method} {path.partition('?')[0]}")
        if method == "GET" and path.startswith("/api/agents?"):
            return Answer(200, {"items": [self.agent] if self.agent else [], "nextCursor": None})
        if path == "/api/agents" and method == "POST":
            self.agent = {"id": "1", "slug": body["slug"], "status": "draft"}
        elif method == "POST":
            assert self.agent is not None
            self.agent["status"] = self.then
        return Answer(200, self.agent)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(StackConfig(state_dir=tmp_path))


def test_config_is_valid_and_needs_no_network() -> None:
    config = parse_config(demo.demo_config())
    assert {config.stt.provider, config.tts.provider} == {"offline"}
    assert config.llm.provider == "scripted"


async def test_first_start_makes_and_deploys(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi()
    monkeypatch.setattr(demo, "_call", api)
    assert await demo.ensure_demo_agent(stack) == "running"
    assert api.called == [
        "GET /api/agents",
        "POST /api/agents",
        "POST /api/agents/1/deploy",
        "GET /api/agents/1",
    ]


@pytest.mark.parametrize(
    ("status", "calls"),
    [
        ("running", ["GET /api/agents", "GET /api/agents/1"]),
        ("stopped", ["GET /api/agents"]),
        ("failed", ["GET /api/agents", "POST /api/agents/1/retry", "GET /api/agents/1"]),
    ],
)
async def test_existing_one_is_kept(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, status: str, calls: list[str]
) -> None:
    api = FakeApi({"id": "1", "slug": "demo", "status": status})
    monkeypatch.setattr(demo, "_call", api)
    await demo.ensure_demo_agent(stack)
    assert api.called == calls


async def test_wait_is_bounded_and_says_why(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = {"id": "1", "slug": "demo", "status": "starting", "lastError": "LiveKit refused the key"}
    monkeypatch.setattr(demo, "_call", FakeApi(agent))
    monkeypatch.setattr(demo, "_RUNNING_SECONDS", 0.3)
    with pytest.raises(StackError, match=r"still starting .* LiveKit refused the key"):
        await demo.ensure_demo_agent(stack)
