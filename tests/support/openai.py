"""A small server that speaks OpenAI's HTTP API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from agents.providers.offline.wav import synthesize_pcm


class OpenAIServer:
    """Answers the three calls and keeps what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.keys: list[str] = []
        """Who asked, for each of the following."""
        self.asked: list[dict[str, Any]] = []
        self.refusal: str | None = None
        """What chat answers with status 401, if so; `{key}` in it is the key that was sent."""
        self.words: tuple[str, ...] = ("It ", "ships ", "today.")
        self.answer: Callable[[dict[str, Any]], Sequence[str]] | None = None
        """What chat says instead, by what was asked."""
        self.tool: Callable[[dict[str, Any]], object] | None = None
        """What chat submits when it is asked to use a tool: that tool's arguments, by what was asked."""
        self.wish: Callable[[dict[str, Any]], tuple[str, object] | None] | None = None
        """The tool that chat wants called, whatever it was offered, and its arguments, by what was asked;
        None where it speaks."""

    def app(self) -> web.Application:
        """Its routes."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/v1/audio/transcriptions", self.transcribe)
        app.router.add_post("/v1/audio/speech", self.speak)
        return app

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """The same answer to whatever was said, or the one to that."""
        self._take(request, await request.json())
        if self.refusal:
            said = self.refusal.format(key=self.keys[-1].removeprefix("Bearer "))
            return web.json_response({"error": {"message": said}}, status=401)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for delta, reason in self._deltas(self.asked[-1]):
            chunk: dict[str, Any] = {
                "id": "c1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m",
            }
            chunk["choices"] = [{"index": 0, "delta": delta, "finish_reason": reason}]
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    def _deltas(self, asked: dict[str, Any]) -> list[tuple[dict[str, Any], str | None]]:
        wish = self._wish(asked)
        if wish is None:
            words = self.answer(asked) if self.answer else self.words
            return [({"role": "assistant", "content": word}, None) for word in words]
        name, arguments = wish
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"index": 0, "id": "call_1", "type": "function", "function": function}
        return [({"role": "assistant", "tool_calls": [call]}, None), ({}, "tool_calls")]

    def _wish(self, asked: dict[str, Any]) -> tuple[str, object] | None:
        if self.tool and asked.get("tools"):
            return asked["tools"][0]["function"]["name"], self.tool(asked)
        return self.wish(asked) if self.wish else None

    def _take(self, request: web.Request, asked: dict[str, Any]) -> None:
        self.keys.append(request.headers["Authorization"])
        self.asked.append(asked)

    async def transcribe(self, request: web.Request) -> web.Response:
        """The same question, whatever was recorded."""
        form = await request.post()
        self._take(request, {name: value for name, value in form.items() if isinstance(value, str)})
        return web.json_response({"text": "where is my order"})

    async def speak(self, request: web.Request) -> web.Response:
        """The same word, whatever is to be said."""
        self._take(request, await request.json())
        return web.Response(body=synthesize_pcm("hello", sample_rate=24_000), content_type="audio/pcm")


@asynccontextmanager
async def openai_server() -> AsyncIterator[OpenAIServer]:
    """One on loopback until the block ends."""
    server = OpenAIServer()
    runner = web.AppRunner(server.app())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}/v1"
        yield server
    finally:
        await runner.cleanup()
