"""What is wrong with a config's providers beyond its shape. Light: no LiveKit, no models, no network."""

from __future__ import annotations

from agents.config import AgentConfig, OfflineStt, OfflineTts, ScriptedLlm, missing_secrets
from agents.providers.offline.espeak import UnknownVoice, espeak
from agents.providers.offline.grammar import phrase_problems
from agents.providers.pointers import pointer
from common.errors import FieldError


def check_providers(config: AgentConfig, prefix: str = "/config") -> list[FieldError]:
    """The fields that could not work, each with its cure; empty when all is well.

    Reads the recogniser's dictionary and asks eSpeak: some 50 ms the first time, so call it on a thread.
    """
    errors = missing_secrets(config, prefix)
    if config.analysis.wanted and isinstance(config.analyst, ScriptedLlm):
        detail = (
            "a scripted model can't tell what a call was about; name one that can, or ask for no analysis"
        )
        errors.append(FieldError(pointer(prefix, ["analysis", "llm"]), detail))
    if isinstance(config.stt, OfflineStt):
        if config.language.partition("-")[0].lower() != "en":
            detail = "the offline recogniser knows only English, `en`"
            errors.append(FieldError(pointer(prefix, ["language"]), detail))
        errors += [
            FieldError(pointer(prefix, ["stt", "options", "grammar", index]), problem)
            for index, problem in phrase_problems(config.stt.options.grammar or []).items()
        ]
    if isinstance(config.tts, OfflineTts):
        try:
            espeak().check_voice(config.tts.options.voice)
        except UnknownVoice as unknown:
            cure = f"{unknown}; use a language code that eSpeak NG knows, such as `en`, `en-us` or `de`"
            errors.append(FieldError(pointer(prefix, ["tts", "options", "voice"]), cure))
    return errors
