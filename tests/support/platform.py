"""A person's hands on a running platform."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx

from stack.embedded import Stack
from tests.support.waiting import eventually

Json = dict[str, Any]

ORDER = "where is my order"
ANSWER = "It ships today."


def offline_config(**changes: Any) -> Json:
    """A config that needs no provider outside this machine."""
    return {
        "instructions": "You answer questions about orders.",
        "greeting": "Hello, how can I help?",
        "stt": {"provider": "offline", "options": {"grammar": [ORDER, "talk to a human"]}},
        "llm": {
            "provider": "scripted",
            "options": {"rules": [{"when": ORDER, "say": ANSWER}], "otherwise": "Please say that again."},
        },
        "tts": {"provider": "offline", "options": {"voice": "en"}},
        **changes,
    }


class Platform:
    """The API, and the few waits that every test needs."""

    def __init__(self, stack: Stack, http: httpx.AsyncClient) -> None:
        self.stack = stack
        self.http = http

    async def call(self, method: str, path: str, body: object = None, *, expect: int = 200) -> Any:
        """One request; fails unless the answer has the status `expect`."""
        response = await self.http.request(method, path, json=body)
        assert response.status_code == expect, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    async def create(self, name: str = "test", **changes: Any) -> Json:
        """A new agent with a slug of its own."""
        slug = f"{name}-{uuid.uuid4().hex[:8]}"
        body = {"name": name, "slug": slug, "config": offline_config(**changes)}
        agent: Json = await self.call("POST", "/api/agents", body, expect=201)
        return agent

    async def agent(self, agent_id: str) -> Json:
        """The agent as it is now."""
        found: Json = await self.call("GET", f"/api/agents/{agent_id}")
        return found

    async def reaches(self, agent_id: str, *statuses: str, seconds: float = 20.0) -> Json:
        """The agent, once its status is one of `statuses`."""

        async def look() -> Json | None:
            agent = await self.agent(agent_id)
            return agent if agent["status"] in statuses else None

        return await eventually(look, f"agent {' or '.join(statuses)}", seconds=seconds)

    async def deployed(self, name: str = "test", **changes: Any) -> Json:
        """A new agent that takes calls."""
        agent = await self.create(name, **changes)
        await self.call("POST", f"/api/agents/{agent['id']}/deploy", {}, expect=202)
        agent = await self.reaches(agent["id"], "running", "failed")
        assert agent["status"] == "running", agent["lastError"]
        return agent

    async def stop(self, agent_id: str) -> None:
        """Stop the agent and wait until nothing of it is left."""
        await self.call("POST", f"/api/agents/{agent_id}/stop", {"drain": False}, expect=202)
        await self.reaches(agent_id, "stopped")

    async def token(self, agent: str, client: str = "127.0.0.1", **more: Any) -> Json:
        """What a widget gets to join a call; `client` is the address of its browser. While nobody is there it
        asks again, as it is told to."""

        async def look() -> httpx.Response | None:
            response = await self.asks_for_token(agent, client, **more)
            return response if response.status_code != 503 else None

        response = await eventually(look, f"a token for {agent}", seconds=30)
        assert response.status_code == 200, response.text
        data: Json = response.json()["result"]["data"]
        return data

    async def asks_for_token(self, agent: str, client: str = "127.0.0.1", **more: Any) -> httpx.Response:
        """The answer to a widget that asks once."""
        path = "/api/trpc/livekit.getToken"
        params = {"input": json.dumps({"agentId": agent, **more})}
        return await self.http.get(
            path, params=params, headers={"Authorization": "", "X-Forwarded-For": client}
        )
