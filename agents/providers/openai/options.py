"""Options of the models behind the OpenAI HTTP API.

``base_url`` points at any compatible server. Nothing is read from the environment: without ``base_url`` an
``api_key`` is required (:func:`agents.config.missing_secrets` says so), with it the key is optional.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from agents.providers.base import ConfigModel
from agents.providers.urls import http_url

BaseUrl = Annotated[str, Field(max_length=2000), AfterValidator(http_url)]
Model = Annotated[str, Field(min_length=1, max_length=200)]


class OpenAIOptions(ConfigModel):
    """Where the server is and how it knows us."""

    base_url: BaseUrl | None = None
    """Root of the API, ``/v1`` included; default OpenAI's own."""

    api_key: SecretStr | None = Field(default=None, min_length=1, max_length=2000)


class OpenAISttOptions(OpenAIOptions):
    """Transcription of whole utterances."""

    model: Model = "gpt-4o-mini-transcribe"
    language: str | None = Field(default=None, min_length=2, max_length=20)
    """Language code of the caller; default the agent's."""

    prompt: str | None = Field(default=None, max_length=8000)
    """What the audio is about, to bias the words."""


class OpenAILlmOptions(OpenAIOptions):
    """Chat completions."""

    model: Model = "gpt-4.1-mini"
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=100_000)


class OpenAITtsOptions(OpenAIOptions):
    """Speech."""

    model: Model = "gpt-4o-mini-tts"
    voice: str = Field(default="ash", min_length=1, max_length=100)
    speed: float = Field(default=1.0, ge=0.25, le=4)
    instructions: str | None = Field(default=None, max_length=8000)
    """How to speak: tone, pace, accent."""

    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
