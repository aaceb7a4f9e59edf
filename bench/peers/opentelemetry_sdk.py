"""opentelemetry-sdk: one span around a call, through the batch processor, to an exporter that only counts.

The first row is the reference for everything that records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

from bench.meter import Subject, awaiting, calling
from bench.program import Counter, echoes, forbid_network, report

forbid_network()

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider  # noqa: E402 - after the network is closed
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult  # noqa: E402
from opentelemetry.trace import Span, Tracer  # noqa: E402

_WAITING = "the same, around a body that gives way to the event loop once"
_INCLUDES = "`with tracer.start_as_current_span(...)` and four attributes: tool, query, limit, result; then exported"


class _Counting(SpanExporter):
    """Takes the spans and writes none of them: what a real exporter does comes on top."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._counter.records += len(spans)
        return SpanExportResult.SUCCESS


def subjects() -> Iterator[Subject]:
    counter = Counter()
    echo, aecho = echoes(counter)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(_Counting(counter)))
    tracer = provider.get_tracer("bench")

    async def waiting(query: str, limit: int = 5) -> str:
        await asyncio.sleep(0)
        return await aecho(query, limit)

    for name, batch, includes in (
        ("one span, async", awaiting(_traced(tracer, aecho)), _INCLUDES),
        ("one span, sync", calling(_traced_plainly(tracer, echo)), _INCLUDES),
        ("one span, a tool that waits", awaiting(_traced(tracer, waiting)), _WAITING),
    ):
        yield Subject(
            name,
            batch,
            counter.ran,
            includes,
            has_background=True,
            settle=provider.force_flush,
            records=counter.arrived,
        )


def _traced(tracer: Tracer, function: Callable[[str, int], Awaitable[str]]) -> Callable[[str], Awaitable[str]]:
    async def traced(query: str, limit: int = 5) -> str:
        with tracer.start_as_current_span("execute_tool echo") as span:
            result = await function(query, limit)
            _describe(span, query, limit, result)
            return result

    return traced


def _traced_plainly(tracer: Tracer, function: Callable[[str, int], str]) -> Callable[[str], str]:
    def traced(query: str, limit: int = 5) -> str:
        with tracer.start_as_current_span("execute_tool echo") as span:
            result = function(query, limit)
            _describe(span, query, limit, result)
            return result

    return traced


def _describe(span: Span, query: str, limit: int, result: str) -> None:
    """The least there is to say. Arguments as one JSON text, as the conventions have it, would cost 2 us more."""
    span.set_attribute("gen_ai.tool.name", "echo")
    span.set_attribute("query", query)
    span.set_attribute("limit", limit)
    span.set_attribute("result", result)


if __name__ == "__main__":
    note = "records, and guards nothing; the exporter counts spans and writes none, so nothing is durable or readable"
    report("opentelemetry-sdk", subjects(), note=note)
