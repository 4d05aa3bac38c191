"""The OpenAI-compatible providers against a small server of their kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from livekit.agents import llm
from livekit.agents.utils import http_context
from livekit.plugins import openai

from agents.config import parse_config
from agents.providers.offline.wav import synthesize_pcm
from agents.providers.registry import build_llm, build_stt, build_tts, build_vad
from tests.agents.providers.speech import frames
from tests.support.openai import OpenAIServer, openai_server

pytestmark = pytest.mark.unit


@pytest_asyncio.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenAIServer]:
    # neither may be used: nothing reads the environment
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    async with openai_server() as server, http_context.open():
        yield server


def _config(server: OpenAIServer, kind: str, **options: object) -> Any:
    part = {"provider": "openai", "options": {"baseUrl": server.url, **options}}
    return parse_config({"instructions": "Be kind.", kind: part})


async def test_llm_streams(server: OpenAIServer) -> None:
    config = _config(server, "llm", apiKey="sk-of-the-agent", model="tiny", temperature=0.5)
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="where is my order")
    model = build_llm(config)
    async with model.chat(chat_ctx=context) as stream:
        words = [chunk.delta.content async for chunk in stream if chunk.delta and chunk.delta.content]
    await model.aclose()
    assert words == ["It ", "ships ", "today."]
    assert server.keys == ["Bearer sk-of-the-agent"]
    assert (server.asked[0]["model"], server.asked[0]["temperature"]) == ("tiny", 0.5)


async def test_stt_transcribes_without_a_key(server: OpenAIServer) -> None:
    config = _config(server, "stt", model="whisper", prompt="orders")
    ears = build_stt(config, vad=build_vad())
    assert not ears.capabilities.streaming
    event = await ears.recognize(list(frames(synthesize_pcm("hello", sample_rate=16_000), 16_000)))
    await ears.aclose()
    assert isinstance(ears, openai.STT)
    await ears._client.close()  # the plugin leaves it to the process's end
    assert event.alternatives[0].text == "where is my order"
    assert "environment" not in server.keys[0]
    assert {"model": "whisper", "prompt": "orders", "language": "en"}.items() <= server.asked[0].items()


async def test_tts_speaks(server: OpenAIServer) -> None:
    config = _config(server, "tts", model="tts-1", voice="nova", speed=1.5, responseFormat="pcm")
    voice = build_tts(config)
    frame = await voice.synthesize("hello").collect()
    await voice.aclose()
    assert frame.duration > 0.3
    asked = {"model": "tts-1", "voice": "nova", "speed": 1.5, "input": "hello"}
    assert asked.items() <= server.asked[0].items()


async def test_without_a_key_openai_itself_is_not_asked() -> None:
    config = parse_config({"instructions": "x", "llm": {"provider": "openai", "options": {}}}, complete=False)
    with pytest.raises(ValueError, match="apiKey is required"):
        build_llm(config)
