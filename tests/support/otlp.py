"""A receiver of OpenTelemetry traces that stands where LangFuse stands."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.platform import Platform

KEYS = {"langfusePublicKey": "pk-lf-test", "langfuseSecretKey": "sk-lf-test-secret"}


@dataclass
class Receiver:
    """What arrived."""

    url: str = ""
    status: int = 200
    """What is answered to an export."""
    spans: list[Span] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    bodies: list[bytes] = field(default_factory=list)
    """Each export whole, uncompressed."""
    scores: list[dict[str, Any]] = field(default_factory=list)

    async def take_score(self, request: web.Request) -> web.Response:
        """One score of a call."""
        self.authorizations.add(request.headers.get("Authorization", ""))
        self.scores.append(await request.json())
        return web.json_response({"id": self.scores[-1]["id"]})

    async def take(self, request: web.Request) -> web.Response:
        """One export."""
        body = await request.read()
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        self.bodies.append(body)
        message = ExportTraceServiceRequest.FromString(body)
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        self.authorizations.add(request.headers.get("Authorization", ""))
        self.paths.add(request.path)
        return web.Response(status=self.status, content_type="application/x-protobuf")

    def named(self, name: str) -> list[Span]:
        """The spans with this name."""
        return [span for span in self.spans if span.name == name]


def attributes(span: Span) -> dict[str, Any]:
    """A span's attributes as plain values."""
    return {
        item.key: getattr(item.value, item.value.WhichOneof("value") or "string_value")
        for item in span.attributes
    }


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on loopback until the block ends."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/api/public/otel/v1/traces", receiver.take)
    app.router.add_post("/api/public/scores", receiver.take_score)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def blackhole() -> AsyncIterator[str]:
    """A server that takes connections and never answers."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()


@asynccontextmanager
async def langfuse(platform: Platform, url: str) -> AsyncIterator[None]:
    """LangFuse at `url` in the settings, for a while."""
    await platform.call("PUT", "/api/settings", {"langfuseHost": url, **KEYS})
    try:
        yield
    finally:
        nothing = {"langfuseHost": None, "langfusePublicKey": None, "langfuseSecretKey": None}
        await platform.call("PUT", "/api/settings", nothing)
