"""Each call as one trace: livekit-agents' own OpenTelemetry spans, sent to LangFuse's OTLP endpoint."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.util import Finalize
from typing import Any

from livekit.agents.telemetry import set_tracer_provider
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from common.discretion import Discretion

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


class DiscreetExporter(SpanExporter):
    """Blots secrets out of spans on their way to another exporter: errors are traced as they were raised."""

    def __init__(self, inner: SpanExporter, discretion: Discretion) -> None:
        self._inner = inner
        self._discretion = discretion
        self.given = 0
        self.lost = 0
        """Spans that the other one could not pass on: nobody tries again."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Pass them on."""
        self.given += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export([self._discreet(span) for span in spans])
        finally:
            if result is not SpanExportResult.SUCCESS:
                self.lost += len(spans)
        return result

    def shutdown(self) -> None:
        """No more come."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is kept here."""
        return self._inner.force_flush(timeout_millis)

    def _discreet(self, span: ReadableSpan) -> ReadableSpan:
        status = span.status
        return ReadableSpan(
            self._discretion.blot(span.name),
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=self._values(span.attributes),
            events=[
                Event(event.name, self._values(event.attributes), event.timestamp) for event in span.events
            ],
            links=span.links,
            kind=span.kind,
            status=Status(status.status_code, self._value(status.description)),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _values(self, attributes: Mapping[str, Any] | None) -> dict[str, Any]:
        return {name: self._value(value) for name, value in (attributes or {}).items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._discretion.blot(value)
        if isinstance(value, Mapping):
            return self._values(value)
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            return tuple(self._value(item) for item in value)
        return value


class CountedSpans(SpanProcessor):
    """Has spans leave on a thread of their own, and knows of each that did not.

    OpenTelemetry's own queue drops without a word what it has no room for. So it is handed no more than it
    holds: what is too much is dropped here.
    """

    def __init__(self, exporter: DiscreetExporter) -> None:
        self._exporter = exporter
        self._handed = self._dropped = 0
        self._counting = threading.Lock()
        """Spans end on any thread."""
        self._inner = BatchSpanProcessor(exporter, max_queue_size=QUEUE_LIMIT, schedule_delay_millis=1000)

    @property
    def lost(self) -> int:
        """How many spans were dropped, or not taken."""
        return self._dropped + self._exporter.lost

    def on_end(self, span: ReadableSpan) -> None:
        """Send it, unless too many are waiting."""
        with self._counting:
            # What the exporter was given has left the queue: no more wait than this says.
            if self._handed - self._exporter.given >= QUEUE_LIMIT:
                self._dropped += 1
                return
            self._handed += 1
        self._inner.on_end(span)

    def shutdown(self) -> None:
        """Send what is left; no more come."""
        self._inner.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what there is."""
        return self._inner.force_flush(timeout_millis)


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
        self._spans: CountedSpans | None = None
        set_tracer_provider(self._provider)

    @property
    def lost(self) -> int:
        """How many spans LangFuse has not taken so far."""
        return self._spans.lost if self._spans else 0

    def send_to(self, target: TraceTarget | None, discretion: Discretion) -> None:
        """Send the call's spans to `target`, with `discretion`, or make no more of them."""
        if target is None:
            set_tracer_provider(trace.NoOpTracerProvider())
            return
        exporter = OTLPSpanExporter(endpoint=target.endpoint, headers=target.headers, timeout=EXPORT_SECONDS)
        self._spans = CountedSpans(DiscreetExporter(exporter, discretion))
        self._provider.add_span_processor(self._spans)
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
