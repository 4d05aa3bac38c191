"""What an agent is: its words, its ears, its mind and its voice.

The JSON is camelCase and part of the outside contract; :func:`parse_config` is the one way in from unchecked
input. This module is imported by the API and inside Temporal's workflow sandbox, so it must stay light: no
LiveKit, no audio.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator

from agents.aftercare_config import AnalysisWishes, RecordingConfig
from agents.providers import secrets as _secrets
from agents.providers.base import ConfigModel
from agents.providers.offline.options import OfflineSttOptions, OfflineTtsOptions
from agents.providers.openai.options import OpenAILlmOptions, OpenAISttOptions, OpenAITtsOptions
from agents.providers.pointers import field_errors, pointer
from agents.providers.scripted.options import ScriptedLlmOptions
from agents.providers.urls import livekit_url
from common.errors import FieldError, InvalidInput

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def _language_code(value: str) -> str:
    if not _LANGUAGE.fullmatch(value):
        raise ValueError("must be a language code such as `en` or `pt-BR`")
    return value


class OfflineStt(ConfigModel):
    """Recognition on our own CPU."""

    provider: Literal["offline"] = "offline"
    options: OfflineSttOptions = OfflineSttOptions()


class OpenAIStt(ConfigModel):
    """Recognition by an OpenAI-compatible server."""

    provider: Literal["openai"] = "openai"
    options: OpenAISttOptions = OpenAISttOptions()


class ScriptedLlm(ConfigModel):
    """Answers that are written down."""

    provider: Literal["scripted"] = "scripted"
    options: ScriptedLlmOptions = ScriptedLlmOptions()


class OpenAILlm(ConfigModel):
    """Answers from an OpenAI-compatible server."""

    provider: Literal["openai"] = "openai"
    options: OpenAILlmOptions = OpenAILlmOptions()


class OfflineTts(ConfigModel):
    """A voice on our own CPU."""

    provider: Literal["offline"] = "offline"
    options: OfflineTtsOptions = OfflineTtsOptions()


class OpenAITts(ConfigModel):
    """A voice from an OpenAI-compatible server."""

    provider: Literal["openai"] = "openai"
    options: OpenAITtsOptions = OpenAITtsOptions()


SttConfig = Annotated[OfflineStt | OpenAIStt, Field(discriminator="provider")]
LlmConfig = Annotated[ScriptedLlm | OpenAILlm, Field(discriminator="provider")]
TtsConfig = Annotated[OfflineTts | OpenAITts, Field(discriminator="provider")]


class TurnHandling(ConfigModel):
    """When a turn ends and what may cut the agent short. Times are seconds."""

    allow_interruptions: bool = True
    min_interruption_duration: float = Field(default=0.5, ge=0, le=10)
    """Shorter sounds do not interrupt the agent."""

    min_interruption_words: int = Field(default=0, ge=0, le=50)
    resume_false_interruption: bool = True
    """Whether the agent goes on when an interruption turns out to be no speech."""

    false_interruption_timeout: float | None = Field(default=2.0, gt=0, le=60)
    """Silence after which an interruption counts as false; null: never."""

    endpointing: Literal["fixed", "dynamic"] = "fixed"
    """Whether the wait for the end of a turn adapts to the caller's pauses."""

    min_endpointing_delay: float = Field(default=0.5, ge=0, le=10)
    """Silence after which a turn may be over."""

    max_endpointing_delay: float = Field(default=3.0, ge=0, le=30)
    preemptive_generation: bool = True
    """Whether the answer is begun before the turn is known to be over."""

    @model_validator(mode="after")
    def _ordered(self) -> TurnHandling:
        if self.max_endpointing_delay < self.min_endpointing_delay:
            raise ValueError("maxEndpointingDelay must not be smaller than minEndpointingDelay")
        return self

    def as_livekit(self) -> dict[str, Any]:
        """The same as LiveKit's ``TurnHandlingOptions``.

        Voice activity ends turns and interrupts: the other modes ask a hosted service.
        """
        return {
            "turn_detection": "vad",
            "endpointing": {
                "mode": self.endpointing,
                "min_delay": self.min_endpointing_delay,
                "max_delay": self.max_endpointing_delay,
            },
            "interruption": {
                "enabled": self.allow_interruptions,
                "mode": "vad",
                "min_duration": self.min_interruption_duration,
                "min_words": self.min_interruption_words,
                "resume_false_interruption": self.resume_false_interruption,
                "false_interruption_timeout": self.false_interruption_timeout,
            },
            "preemptive_generation": {"enabled": self.preemptive_generation},
        }


class Retention(ConfigModel):
    """For how many days after a call was made its parts are kept; null: as the platform's settings say.

    What an agent's live version says counts for all its calls, those of earlier versions included.
    """

    recording_days: int | None = Field(default=None, ge=1, le=36_500)
    transcript_days: int | None = Field(default=None, ge=1, le=36_500)
    """What was said and done in a call."""

    call_days: int | None = Field(default=None, ge=1, le=36_500)
    """The call itself, and with it all that is left of the others."""


class AnalysisConfig(AnalysisWishes):
    """What is taken out of a call when it is over, and who is asked."""

    llm: LlmConfig | None = None
    """Null: the agent's own model."""


class LiveKitConfig(ConfigModel):
    """The agent's own LiveKit server, instead of the platform's."""

    url: Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(livekit_url)]
    api_key: str = Field(min_length=1, max_length=500)
    api_secret: SecretStr | None = Field(default=None, min_length=1, max_length=2000)


class AgentConfig(ConfigModel):
    """Everything that makes one agent. Immutable: another config is another version."""

    instructions: str = Field(min_length=1, max_length=32_000)
    """What the model is told about who it is and what to do."""

    greeting: str | None = Field(default=None, min_length=1, max_length=2000)
    """Said first; null: the caller speaks first."""

    comeback: str | None = Field(default="Sorry, I was gone for a moment.", min_length=1, max_length=2000)
    """Said instead of the greeting by an agent that takes over from a lost one; null: it just goes on."""

    language: Annotated[str, Field(max_length=35), AfterValidator(_language_code)] = "en"
    """Language of the conversation, BCP 47."""

    stt: SttConfig = OfflineStt()
    llm: LlmConfig = ScriptedLlm()
    tts: TtsConfig = OfflineTts()
    turn_handling: TurnHandling = TurnHandling()

    video: bool = False
    """Whether the caller may publish video."""

    drain_seconds: float | None = Field(default=None, gt=0, le=86_400)
    """How long running calls may go on once this version is replaced; null: the platform's setting."""

    retention: Retention = Retention()
    livekit_config: LiveKitConfig | None = None

    recording: RecordingConfig = RecordingConfig()
    analysis: AnalysisConfig = AnalysisConfig()

    @property
    def asides(self) -> list[str]:
        """What its agents say beside the conversation."""
        return [text for text in (self.recording.notice, self.comeback) if text]

    @property
    def analyst(self) -> ScriptedLlm | OpenAILlm:
        """The model that is asked about calls that are over."""
        return self.analysis.llm or self.llm


def parse_config(data: object, prefix: str = "/config", *, complete: bool = True) -> AgentConfig:
    """The config in ``data``, unchecked camelCase JSON.

    Raises :class:`~common.errors.InvalidInput` with one pointer, below ``prefix``, for each field that is
    wrong. ``complete=False`` accepts a config whose secrets are kept elsewhere.
    """
    try:
        config = AgentConfig.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidInput(
            "The agent's config is not valid.", field_errors(AgentConfig, error, prefix)
        ) from None
    if complete and (missing := missing_secrets(config, prefix)):
        raise InvalidInput("The agent's config lacks a secret.", missing)
    return config


def missing_secrets(config: AgentConfig, prefix: str = "/config") -> list[FieldError]:
    """The secrets that ``config`` can't do without."""
    errors: list[FieldError] = []
    if config.livekit_config and config.livekit_config.api_secret is None:
        errors.append(_missing(prefix, "livekitConfig", "apiSecret", "is required"))
    parts = {("stt",): config.stt, ("llm",): config.llm, ("tts",): config.tts}
    for path, part in [*parts.items(), (("analysis", "llm"), config.analysis.llm)]:
        if part is None or part.provider != "openai":
            continue
        if part.options.api_key is None and part.options.base_url is None:
            why = "is required unless `baseUrl` is given"
            errors.append(_missing(prefix, *path, "options", "apiKey", why))
    return errors


def _missing(prefix: str, *path_and_reason: str) -> FieldError:
    *path, reason = path_and_reason
    return FieldError(
        pointer(prefix, path), f"{reason}; a stored one does not follow to another server, send it again"
    )


def split_secrets(config: AgentConfig) -> tuple[dict[str, object], dict[str, str]]:
    """The public JSON of ``config``, and its secrets by pointer (``/livekitConfig/apiSecret``)."""
    values = config.model_dump(mode="python", by_alias=True)
    return _secrets.without_secrets(AgentConfig, values)


def join_secrets(public: Mapping[str, object], secrets: Mapping[str, str]) -> AgentConfig:
    """The config that :func:`split_secrets` took apart. Raises InvalidInput when ``public`` is not valid."""
    return parse_config(_secrets.with_secrets(AgentConfig, public, secrets), complete=False)


def redacted(public: Mapping[str, object], secrets: Mapping[str, str]) -> dict[str, object]:
    """``public`` with ``{"set": true, "hint": "…2024"}`` or ``{"set": false}`` in place of every secret.

    The hint is the last four characters, and only of secrets with twelve or more.
    """
    return _secrets.with_hints(AgentConfig, public, secrets)


def keep_secrets(
    new: Mapping[str, object], old_public: Mapping[str, object], old_secrets: Mapping[str, str]
) -> dict[str, object]:
    """``new``, whole and unchecked, with the stored secrets that its sender left as they were.

    A secret is left as it was where it is absent or is sent back as :func:`redacted` showed it; null or
    ``{"set": false}`` removes it. A stored secret never follows to another server: when the provider,
    ``livekitConfig.url`` or an ``options.baseUrl`` changed, it is dropped and must be sent again. Otherwise
    anyone who may edit an agent could have us send its secrets, which nobody may read, to a server of their
    choice.

    Pass the result to :func:`parse_config`.
    """
    return _secrets.carried_over(AgentConfig, new, old_public, old_secrets)
