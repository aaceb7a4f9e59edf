"""Spans made by hand, and stores with exactly these in them."""

from pathlib import Path
from typing import Any

from agentguard.tracing import Span, Store, open_store
from agentguard.tracing.location import locate, open_ends
from agentguard.tracing.snapshot import encoded

NO_PAYLOAD = object()


def span(name: str = "search", **changes: Any) -> Span:
    """The span of a call that went well, at second 0 and for one second, with these changes."""
    number = span.made = getattr(span, "made", 0) + 1
    span_id = changes.pop("span_id", f"{number:08x}")
    made = Span(
        span_id,
        changes.pop("trace_id", span_id),
        changes.pop("parent_id", None),
        changes.pop("session_id", None),
        changes.pop("kind", "tool"),
        name,
        float(changes.pop("started_at", 0.0)),
    )
    made.status = changes.pop("status", "ok")
    made.duration = float(changes.pop("duration", 1.0))
    for payload in ("input", "output", "error"):
        value = changes.pop(payload, NO_PAYLOAD)
        if value is not NO_PAYLOAD:
            setattr(made, f"{payload}_json", encoded(value))
    made.attributes = changes
    return made


def refused(code: str, call_status: str, name: str = "search", **changes: Any) -> Span:
    return span(name, status="denied", refusal=code, call_status=call_status, ran=False, **changes)


def append(folder: Path, backend: str, *spans: Span) -> None:
    sink, _ = open_ends(locate(folder, backend))
    sink.write([("recorder", each) for each in spans])
    sink.close()


def stored(folder: Path, backend: str, *spans: Span) -> Store:
    append(folder, backend, *spans)
    return open_store(folder)
