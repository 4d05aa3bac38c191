"""The scripted answers as a LiveKit LLM."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from livekit.agents import APIConnectOptions, llm, utils
from livekit.agents.llm import Tool, ToolChoice
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr

from agents.providers.scripted.options import ScriptedLlmOptions
from agents.providers.scripted.rules import answer


class ScriptedLLM(llm.LLM[str]):
    """Answers by rule, word by word, the same every time. Calls no tools."""

    def __init__(self, options: ScriptedLlmOptions) -> None:
        super().__init__()
        self.options = options

    @property
    def model(self) -> str:
        """There is one."""
        return "scripted"

    @property
    def provider(self) -> str:
        """Who answers."""
        return "bionic"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        """Answer the last user message of ``chat_ctx``; everything else is ignored."""
        del parallel_tool_calls, tool_choice, extra_kwargs
        return _Answer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Answer(llm.LLMStream):
    def __init__(
        self,
        parent: ScriptedLLM,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[Tool],
        conn_options: APIConnectOptions,
    ) -> None:
        super().__init__(parent, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)
        self._options = parent.options

    async def _run(self) -> None:
        said = [message.text_content or "" for message in self._chat_ctx.messages() if message.role == "user"]
        text = answer(self._options, said[-1] if said else "", len(said))
        if self._options.delay_ms:
            await asyncio.sleep(self._options.delay_ms / 1000)
        chunk_id = utils.shortuuid("scripted_")
        for piece in re.findall(r"\s*\S+\s*", text):
            self._event_ch.send_nowait(
                llm.ChatChunk(id=chunk_id, delta=llm.ChoiceDelta(role="assistant", content=piece))
            )
