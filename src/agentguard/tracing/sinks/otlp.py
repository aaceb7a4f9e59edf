"""Spans to an OpenTelemetry collector: OTLP over HTTP, as protobuf, with the names of `genai.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from agentguard.tracing.address import Address
from agentguard.tracing.genai import OPERATIONS, error_type, genai_attributes, genai_events, genai_name
from agentguard.tracing.sinks.delivery import Delivery
from agentguard.tracing.sinks.sender import Sender
from agentguard.tracing.span import Span
from agentguard.tracing.spool import Record
from agentguard.tracing.w3c import w3c_span_id, w3c_trace_id

PATH: Final = "/v1/traces"
"""Where collectors take spans; used when the address has no path of its own."""

_SCOPE: Final = InstrumentationScope("agentguard")
_LATEST: Final = (1 << 63) - 1  # nanoseconds; times on the wire have 64 bits


class OtlpSink(Sender):
    """Posts batches to a collector; without an address, it opens, says so once, and sends nothing.

    The encoding is OpenTelemetry's own. The posting is not: its exporter sleeps between its retries and then gives the
    batch up, where ours is kept.
    """

    def __init__(self, address: Address | None, *, delivery: Delivery | None = None) -> None:
        if delivery is None and address is not None:
            delivery = Delivery(_with_path(address), {"Content-Type": "application/x-protobuf"})
        # With what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say.
        self._resource = Resource.create()
        super().__init__(delivery, self._body, "otlp")

    def _body(self, part: Sequence[Record]) -> bytes:
        # A span that two recorders keep is one span there.
        spans = {span.span_id: span for _, span in part}
        body: bytes = encode_spans([_readable(span, self._resource) for span in spans.values()]).SerializeToString()
        return body


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    began = _nanoseconds(span.started_at)
    error = error_type(span)
    return ReadableSpan(
        name=genai_name(span),
        context=_context(span.trace_id, span.span_id),
        parent=None if span.parent_id is None else _context(span.trace_id, span.parent_id),
        resource=resource,
        attributes=genai_attributes(span),
        events=[
            Event(name, attributes, _nanoseconds(span.started_at + at)) for name, at, attributes in genai_events(span)
        ],
        kind=SpanKind.CLIENT if OPERATIONS[span.kind].is_client else SpanKind.INTERNAL,
        status=Status(StatusCode.UNSET) if error is None else Status(StatusCode.ERROR, error),
        start_time=began,
        end_time=max(began, _nanoseconds(span.started_at + span.duration)),
        instrumentation_scope=_SCOPE,
    )


def _context(trace_id: str, span_id: str) -> SpanContext:
    trace, span = int(w3c_trace_id(trace_id), 16), int(w3c_span_id(span_id), 16)
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _nanoseconds(seconds: float) -> int:
    # Not every clock is sane, and what is not a number compares with nothing.
    return int(min(max(seconds * 1e9, 0.0), float(_LATEST - 1024))) if seconds == seconds else 0  # noqa: PLR0124


def _with_path(address: Address) -> Address:
    parts = urlsplit(address.url)
    if parts.path not in {"", "/"}:
        return address
    url = urlunsplit((parts.scheme, parts.netloc, PATH, parts.query, ""))
    return Address(address.shown.rstrip("/") + PATH, url, address.headers)
