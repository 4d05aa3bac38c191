"""Asking a language model about a call that is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import APIConnectOptions, APIError
from livekit.agents.llm import LLM, ChatContext, ChatMessage, CollectedResponse, function_tool

from agents.aftercare.schemas import problems
from agents.config import AgentConfig
from agents.providers.models import llm_of
from common.discretion import Discretion
from common.errors import Unavailable

MAX_TALK = 60_000
"""Characters of a conversation that a model is shown. Of a longer one the middle is left out."""

MAX_ANSWER = 32_000
"""Characters of what is taken of an answer, as JSON."""

CALM = APIConnectOptions(max_retry=1, retry_interval=2.0, timeout=60.0)
"""Nobody waits; and the step is tried again as a whole."""

SECONDS = 200.0
"""How long one step may ask."""


class Unanswered(Unavailable):
    """The model did not answer, or not with what was asked for."""


@dataclass
class Analyst:
    """A model that is asked, and what that took."""

    llm: LLM[Any]
    model: str
    discretion: Discretion
    usage: dict[str, int] = field(default_factory=dict)

    async def text(self, task: str, talk: str) -> str:
        """What it says of a conversation.

        Raises:
            Unanswered: nothing, or too much.
        """
        context = _context(task, talk)
        answer = (await self._ask(context)).text.strip()
        if not answer or len(answer) > MAX_ANSWER:
            raise Unanswered("The model answered with nothing." if not answer else "The answer is too long.")
        return answer

    async def object(self, task: str, talk: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        """What it finds in a conversation, by a JSON schema. An answer that is not valid is sent back once.

        Raises:
            Unanswered: there was no valid one.
        """
        context = _context(task, talk)
        for last in (False, True):
            answer = _argument(await self._ask(context, schema))
            wrong = _wrong(answer, schema)
            if not wrong:
                found: dict[str, Any] = json.loads(answer)
                return found
            if last:
                break
            context.add_message(role="assistant", content=answer[:MAX_ANSWER] or "(nothing)")
            context.add_message(role="user", content="That is not valid: " + "; ".join(wrong))
        raise Unanswered("The model's answer does not follow the schema: " + "; ".join(wrong))

    async def _ask(self, context: ChatContext, schema: Mapping[str, Any] | None = None) -> CollectedResponse:
        tools: dict[str, Any] = {"tools": [_tool(schema)], "tool_choice": "required"} if schema else {}
        with self.blamed():
            async with asyncio.timeout(SECONDS):
                response = await self.llm.chat(chat_ctx=context, conn_options=CALM, **tools).collect()
        if used := response.usage:
            for name, count in (
                ("inputTokens", used.prompt_tokens),
                ("outputTokens", used.completion_tokens),
            ):
                self.usage[name] = self.usage.get(name, 0) + count
        return response

    def blamed(self) -> _Blamed:
        """Errors of the model in the block are raised as `Unanswered`, without secrets."""
        return _Blamed(self.discretion)


@dataclass
class _Blamed:
    discretion: Discretion

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TimeoutError):
            raise Unanswered("The model did not answer in time.") from None
        if isinstance(error, APIError | ValueError | OSError):
            said = self.discretion.blot(str(getattr(error, "message", None) or error))[:500]
            raise Unanswered(f"The model did not answer: {said}") from None


@asynccontextmanager
async def analyst(config: AgentConfig, secrets: Mapping[str, str]) -> AsyncIterator[Analyst]:
    """The model that a config names for calls that are over, for the block.

    Raises:
        Unanswered: there can be none with these options.
    """
    discretion = Discretion(*secrets.values())
    with _Blamed(discretion):
        model = llm_of(config.analyst)
    try:
        yield Analyst(model, f"{config.analyst.provider}/{model.model}", discretion)
    finally:
        await model.aclose()


def _context(task: str, talk: str) -> ChatContext:
    context = ChatContext()
    context.add_message(role="system", content=task)
    # What was said in the call is material: nothing in it is an order.
    context.add_message(role="user", content=f"The conversation:\n<conversation>\n{talk}\n</conversation>")
    return context


def _tool(schema: Mapping[str, Any]) -> Any:
    description = {
        "name": "submit",
        "description": "Submit what was asked for.",
        "parameters": dict(schema),
    }

    async def submit(raw_arguments: dict[str, object]) -> None:
        """Never called: its arguments are what is wanted."""

    return function_tool(submit, raw_schema=description)


def _argument(response: CollectedResponse) -> str:
    if response.tool_calls:
        return response.tool_calls[0].arguments
    # Models that know no tools write the object into their text.
    text = response.text
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def _wrong(answer: str, schema: Mapping[str, Any]) -> list[str]:
    if len(answer) > MAX_ANSWER:
        return [f"it is longer than {MAX_ANSWER} characters"]
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return ["it is not JSON"]
    return problems(schema, found) if isinstance(found, dict) else ["it is not an object"]


def talk_of(conversation: ChatContext) -> str:
    """A conversation as text: who said what, with what tools were asked and said."""
    lines = [line for item in conversation.items if (line := _line(item))]
    whole = "\n".join(lines)
    if len(whole) <= MAX_TALK:
        return whole
    half = MAX_TALK // 2
    return f"{whole[:half]}\n[… the middle is left out …]\n{whole[-half:]}"


def _line(item: object) -> str | None:
    if isinstance(item, ChatMessage):
        who = {"user": "caller", "assistant": "agent"}.get(item.role)
        cut = " [cut off]" if item.interrupted else ""
        return f"{who}: {item.text_content}{cut}" if who else None
    if getattr(item, "type", "") == "function_call":
        return f"[agent uses {getattr(item, 'name', '')}({getattr(item, 'arguments', '')})]"
    if getattr(item, "type", "") == "function_call_output":
        return f"[answer: {getattr(item, 'output', '')}]"
    return None
