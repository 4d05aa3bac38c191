"""The demo agent: made at the first start, so that there is someone to talk to."""

from __future__ import annotations

import asyncio
from typing import Any

from stack.config import StackError
from stack.embedded import Stack
from stack.health import Answer, request

SLUG = "demo"
_RUNNING_SECONDS = 60.0
_REQUEST_SECONDS = 15.0

ANSWERS = {
    "where is my order": "Your order ships today. You will have it on Thursday.",
    "what can you do": "I can tell you about your order and our opening hours, or bring you to a person.",
    "when are you open": "We are open from nine to six, Monday to Friday.",
    "talk to a human": "Of course. I am passing you on. Please hold the line.",
    "thank you": "You are welcome. Is there anything else?",
    "hello": "Hello again. What can I do for you?",
    "goodbye": "Goodbye. Have a nice day.",
}
"""What a caller may say, and what the agent answers."""


def demo_config() -> dict[str, Any]:
    """An agent that needs no network and no key: speech and language are handled on this machine."""
    return {
        "instructions": "You answer customers of a small shop, briefly and kindly.",
        "greeting": "Hello, this is the demo agent. Ask me where your order is.",
        "language": "en",
        "stt": {"provider": "offline", "options": {"grammar": list(ANSWERS)}},
        "llm": {
            "provider": "scripted",
            "options": {
                "rules": [{"when": phrase, "say": answer} for phrase, answer in ANSWERS.items()],
                "otherwise": "I did not get that. You can ask: where is my order.",
            },
        },
        "tts": {"provider": "offline", "options": {"voice": "en"}},
    }


async def ensure_demo_agent(stack: Stack) -> str:
    """Makes and deploys the demo agent unless it exists, and waits until it runs; returns its status.

    One that someone stopped stays stopped. Raises `StackError` when the API refuses or time is up.
    """
    agent = await _find(stack)
    if agent is None:
        created = await _call(
            stack, "POST", "/api/agents", {"name": "Demo", "slug": SLUG, "config": demo_config()}
        )
        agent = created.body
    if agent["status"] == "draft":
        await _call(stack, "POST", f"/api/agents/{agent['id']}/deploy", {})
    elif agent["status"] == "failed":
        await _call(stack, "POST", f"/api/agents/{agent['id']}/retry", {})
    elif agent["status"] == "stopped":
        return "stopped"
    return await _wait_running(stack, str(agent["id"]))


async def _find(stack: Stack) -> dict[str, Any] | None:
    cursor = ""
    for _ in range(100):  # pages
        answer = await _call(stack, "GET", f"/api/agents?limit=100{cursor}")
        for agent in answer.body["items"]:
            if agent["slug"] == SLUG:
                return dict(agent)
        if not answer.body.get("nextCursor"):
            return None
        cursor = f"&cursor={answer.body['nextCursor']}"
    return None


async def _wait_running(stack: Stack, agent_id: str) -> str:
    status, reason = "", ""
    try:
        async with asyncio.timeout(_RUNNING_SECONDS):
            while status != "running":
                answer = await _call(stack, "GET", f"/api/agents/{agent_id}")
                status, reason = str(answer.body["status"]), str(answer.body.get("lastError") or "")
                await asyncio.sleep(0 if status == "running" else 0.2)
    except TimeoutError:
        raise StackError(
            f"The demo agent is still {status} after {_RUNNING_SECONDS:.0f} s. {reason} "
            f"Its workflow: {stack.temporal_ui_url}"
        ) from None
    return status


async def _call(stack: Stack, method: str, path: str, body: object | None = None) -> Answer:
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    answer = await request(method, stack.api_url + path, body=body, headers=headers, seconds=_REQUEST_SECONDS)
    if answer is None:
        raise StackError(f"{method} {path}: the API does not answer.")
    if answer.status >= 400:
        raise StackError(f"{method} {path} answered {answer.status}: {answer.body}")
    return answer
