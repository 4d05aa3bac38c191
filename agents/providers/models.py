"""Language models, apart from all that speaks and hears: calls that are over need no more."""

from __future__ import annotations

from typing import Any

from livekit.agents import llm

from agents.config import OpenAILlm, ScriptedLlm
from agents.providers.openai.build import openai_llm
from agents.providers.scripted.llm import ScriptedLLM


def llm_of(part: ScriptedLlm | OpenAILlm) -> llm.LLM[Any]:
    """Raises ValueError for options that can't work."""
    if isinstance(part, ScriptedLlm):
        return ScriptedLLM(part.options)
    return openai_llm(part.options)
