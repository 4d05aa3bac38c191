"""Spans leave without the secrets that errors repeat."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from agents.tracing import DiscreetExporter
from common.discretion import Discretion

pytestmark = pytest.mark.unit

SECRET = "sk-0123456789"


def test_a_span_is_as_it_was_but_for_its_secrets() -> None:
    sent = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(DiscreetExporter(sent, Discretion(SECRET))))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("call") as parent, tracer.start_as_current_span("ask") as child:
        child.set_attributes({"url": f"http://x?key={SECRET}", "tried": [SECRET, "other"], "n": 3})
        child.record_exception(ValueError(f"{SECRET} is wrong"))
        child.set_status(StatusCode.ERROR, f"{SECRET} is wrong")
    provider.shutdown()

    ask, call = sent.get_finished_spans()
    assert SECRET not in ask.to_json()
    assert (ask.name, ask.context, ask.parent) == ("ask", child.get_span_context(), parent.get_span_context())
    assert dict(ask.attributes or {}) == {
        "url": "http://x?key=[secret]",
        "tried": ("[secret]", "other"),
        "n": 3,
    }
    assert ask.status.description == "[secret] is wrong"
    (raised,) = ask.events
    assert (raised.attributes or {})["exception.message"] == "[secret] is wrong"
    assert (ask.resource, ask.instrumentation_scope) == (call.resource, call.instrumentation_scope)
    assert ask.start_time
    assert ask.end_time
