"""LiveKit's OpenAI plugin, with everything said: what it is not told it would take from the environment."""

from __future__ import annotations

from livekit.agents.types import NOT_GIVEN
from livekit.plugins import openai

from agents.providers.openai.options import (
    OpenAILlmOptions,
    OpenAIOptions,
    OpenAISttOptions,
    OpenAITtsOptions,
)

OPENAI_URL = "https://api.openai.com/v1"
_NO_KEY = "none"
"""Sent to servers that want no key; without any, the client would look for one in the environment."""


def _server(options: OpenAIOptions) -> tuple[str, str]:
    """URL and key. Raises ValueError when there is no key for OpenAI itself."""
    if options.api_key is not None:
        return options.base_url or OPENAI_URL, options.api_key.get_secret_value()
    if options.base_url is None:
        raise ValueError("apiKey is required unless baseUrl is given")
    return options.base_url, _NO_KEY


def openai_stt(options: OpenAISttOptions, language: str) -> openai.STT:
    """Transcribes whole utterances: the session cuts them by voice activity."""
    base_url, api_key = _server(options)
    return openai.STT(
        model=options.model,
        language=options.language or language,
        prompt=NOT_GIVEN if options.prompt is None else options.prompt,
        base_url=base_url,
        api_key=api_key,
        use_realtime=False,
    )


def openai_llm(options: OpenAILlmOptions) -> openai.LLM:
    """Chat completions, streamed."""
    base_url, api_key = _server(options)
    return openai.LLM(
        model=options.model,
        temperature=NOT_GIVEN if options.temperature is None else options.temperature,
        max_completion_tokens=(
            NOT_GIVEN if options.max_completion_tokens is None else options.max_completion_tokens
        ),
        base_url=base_url,
        api_key=api_key,
    )


def openai_tts(options: OpenAITtsOptions) -> openai.TTS:
    """Speech, sentence by sentence."""
    base_url, api_key = _server(options)
    return openai.TTS(
        model=options.model,
        voice=options.voice,
        speed=options.speed,
        instructions=NOT_GIVEN if options.instructions is None else options.instructions,
        response_format=options.response_format,
        base_url=base_url,
        api_key=api_key,
    )
