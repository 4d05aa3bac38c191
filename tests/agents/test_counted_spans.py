"""Spans that LangFuse does not get are counted, whatever became of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agents.tracing import QUEUE_LIMIT, CountedSpans, DiscreetExporter
from common.discretion import Discretion
from tests.support.waiting import eventually

pytestmark = pytest.mark.unit

MANY = 400


class Hung(SpanExporter):
    """One that is stuck in its first export until it is let go."""

    def __init__(self) -> None:
        self.stuck, self.let_go = threading.Event(), threading.Event()
        self.taken = 0
        self.failure: Exception | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take them, in the end."""
        self.stuck.set()
        assert self.let_go.wait(20)
        if self.failure:
            raise self.failure
        self.taken += len(spans)
        return SpanExportResult.SUCCESS


def _spans(exporter: SpanExporter) -> tuple[TracerProvider, CountedSpans]:
    provider = TracerProvider(shutdown_on_exit=False)
    counted = CountedSpans(DiscreetExporter(exporter, Discretion()))
    provider.add_span_processor(counted)
    return provider, counted


def _end(provider: TracerProvider, count: int) -> None:
    for _ in range(count):
        provider.get_tracer("test").start_span("turn").end()


async def test_spans_for_which_there_is_no_room_are_counted() -> None:
    exporter = Hung()
    provider, counted = _spans(exporter)
    _end(provider, 1)

    async def stuck() -> bool:
        return exporter.stuck.is_set()

    await eventually(stuck, "the first export")
    _end(provider, QUEUE_LIMIT)
    assert counted.lost == 0, "the queue holds so many"
    _end(provider, MANY)
    assert counted.lost == MANY
    exporter.let_go.set()
    provider.shutdown()
    assert (exporter.taken, counted.lost) == (1 + QUEUE_LIMIT, MANY)


async def test_spans_that_threads_end_at_once_are_taken_or_counted() -> None:
    exporter = Hung()
    exporter.let_go.set()
    provider, counted = _spans(exporter)
    threads = [threading.Thread(target=_end, args=(provider, MANY)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    provider.shutdown()
    assert exporter.taken + counted.lost == 8 * MANY


async def test_an_exporter_that_breaks_has_lost_what_it_had() -> None:
    exporter = Hung()
    exporter.failure = ValueError("no")
    exporter.let_go.set()
    provider, counted = _spans(exporter)
    _end(provider, 3)
    provider.shutdown()
    assert counted.lost == 3
