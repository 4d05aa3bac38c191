"""Each call as one trace: livekit-agents' own OpenTelemetry spans, sent to LangFuse's OTLP endpoint."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from multiprocessing.util import Finalize

from livekit.agents.telemetry import set_tracer_provider
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

EXPORT_SECONDS = 5
"""How long one batch may take, retries included."""

QUEUE_LIMIT = 2048
"""Spans waiting for LangFuse; when it is away and the queue is full, new spans are dropped."""


@dataclass(frozen=True)
class TraceTarget:
    """A LangFuse project to send traces to."""

    host: str
    public_key: str
    secret_key: str = field(repr=False)

    @property
    def endpoint(self) -> str:
        """LangFuse's OTLP address for traces."""
        return f"{self.host.rstrip('/')}/api/public/otel/v1/traces"

    @property
    def headers(self) -> dict[str, str]:
        """LangFuse's authentication: its key pair as HTTP Basic."""
        pair = base64.b64encode(f"{self.public_key}:{self.secret_key}".encode()).decode()
        return {"Authorization": f"Basic {pair}", "x-langfuse-ingestion-version": "4"}


class CallTraces:
    """The tracer of one job process. Made before its call is known, so that the first span finds it.

    A span is sent when it ends, and the first one ends with the call: it is early enough to say where they go
    once the call has begun. They leave on a thread of their own: a LangFuse that is slow or away costs the
    caller nothing.
    """

    def __init__(self) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "bionic-agents"}), shutdown_on_exit=False
        )
        set_tracer_provider(self._provider)

    def send_to(self, target: TraceTarget | None) -> None:
        """Send the call's spans to `target`, or make no more of them."""
        if target is None:
            set_tracer_provider(trace.NoOpTracerProvider())
            return
        exporter = OTLPSpanExporter(endpoint=target.endpoint, headers=target.headers, timeout=EXPORT_SECONDS)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=QUEUE_LIMIT, schedule_delay_millis=1000)
        )
        # A job process leaves through multiprocessing's exit, which skips `atexit`.
        Finalize(None, self._provider.shutdown, exitpriority=10)


def describe_call(span: trace.Span, room: str, slug: str, version: int) -> str | None:
    """Tell LangFuse which call the trace is of; returns the trace's id in hex, None when none is made."""
    context = span.get_span_context()
    if not span.is_recording() or not context.is_valid:
        return None
    span.set_attributes(
        {
            "langfuse.trace.name": f"call {slug}",
            "langfuse.session.id": room,
            "agent.slug": slug,
            "agent.version": version,
        }
    )
    return trace.format_trace_id(context.trace_id)
