"""From config to providers. Imported by job processes and the forkserver only: it loads LiveKit and the
models.
"""

from __future__ import annotations

from typing import Any

from livekit.agents import inference, llm, stt, tts, vad

from agents.config import AgentConfig, OfflineStt, OfflineTts
from agents.providers.models import llm_of
from agents.providers.offline.stt import OfflineSTT
from agents.providers.offline.tts import OfflineTTS
from agents.providers.openai.build import openai_stt, openai_tts


def build_vad() -> vad.VAD:
    """Voice activity detection with the model that comes with LiveKit's agents."""
    return inference.VAD()


def build_stt(config: AgentConfig, *, vad: vad.VAD) -> stt.STT[Any]:
    """Raises ValueError for options that can't work; :mod:`agents.providers.check` says so beforehand."""
    if isinstance(config.stt, OfflineStt):
        return OfflineSTT(config.stt.options, vad=vad, language=config.language)
    return openai_stt(config.stt.options, config.language.partition("-")[0])


def build_llm(config: AgentConfig) -> llm.LLM[Any]:
    """Raises ValueError for options that can't work."""
    return llm_of(config.llm)


def build_tts(config: AgentConfig) -> tts.TTS[Any]:
    """Raises ValueError, or :class:`~agents.providers.offline.espeak.UnknownVoice`."""
    if isinstance(config.tts, OfflineTts):
        return OfflineTTS(config.tts.options)
    return openai_tts(config.tts.options)
