"""A span as a mapping of plain values, and back: the form in which files keep it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast, get_args

from agentguard.tracing.snapshot import encoded
from agentguard.tracing.span import SPAN_STATUSES, Span, SpanKind
from agentguard.tracing.walk import Walk

HEAD = (
    "span_id", "trace_id", "parent_id", "session_id", "kind", "name", "started_at", "duration", "status"
)  # fmt: skip
"""What a span is, in plain values."""
PAYLOADS = ("input", "output", "error", "attributes", "events")
"""What a span carries, each as JSON; None where there is none."""

_KINDS: tuple[str, ...] = get_args(SpanKind)


def head_of(span: Span) -> list[Any]:
    """The values of `HEAD`."""
    return [plain_text(getattr(span, name)) for name in HEAD]


def payloads_of(span: Span) -> list[bytes | None]:
    """The values of `PAYLOADS`."""
    attributes = json_of(span.attributes) if span.attributes else None
    events = json_of(span.events) if span.events else None
    return [span.input_json, span.output_json, span.error_json, attributes, events]


def span_of(row: Mapping[str, Any]) -> Span:
    """The span that `row` is about; its payloads are JSON bytes.

    Raises:
        ValueError: The row is damaged. KeyError and TypeError mean the same.
    """
    if row["status"] not in SPAN_STATUSES or row["kind"] not in _KINDS:
        raise ValueError("no status or kind of a span")
    span = Span(
        _text(row["span_id"]),
        _text(row["trace_id"]),
        _text_or_none(row["parent_id"]),
        _text_or_none(row["session_id"]),
        cast("SpanKind", row["kind"]),  # checked above
        _text(row["name"]),
        float(row["started_at"]),
    )
    span.duration = float(row["duration"])
    span.status = row["status"]
    span.input_json = _checked(row["input"], dict)
    span.output_json = _checked(row["output"], object)
    span.error_json = _checked(row["error"], dict)
    span.attributes = json.loads(_checked(row["attributes"], dict) or b"{}")
    span.events = json.loads(_checked(row["events"], list) or b"[]")
    return span


def json_of(tree: Any) -> bytes:
    """JSON of attributes or events, whatever is in them."""
    try:
        return encoded(tree)
    except Exception:  # noqa: BLE001 - a middleware may have put anything into the call's own counters
        return encoded(Walk(str).copy(tree))


def plain_text(value: Any) -> Any:
    """`value` as it can be stored: a plain text, a number, or None."""
    # A session id or a name may be anything that the user's code calls a text; a row that raises would stop all others.
    kind = type(value)
    if kind is str or kind is float or value is None:
        return value
    return str.__str__(value) if isinstance(value, str) else f"<{kind.__name__}>"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _checked(payload: bytes | None, kind: type) -> bytes | None:
    # Decoded only to be thrown away: a payload that cannot be read must be counted here, not raise in a property.
    if payload is not None and not isinstance(json.loads(payload), kind):
        raise ValueError("a payload of another kind")
    return payload
