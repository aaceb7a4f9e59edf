"""Recorded spans as text for other programs: JSON, lines of JSON, CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from agentguard.tracing.entry import entry_of
from agentguard.tracing.escaping import visible
from agentguard.tracing.span import Span

_FIELDS = (
    "span_id", "trace_id", "parent_id", "session_id", "kind", "name", "started_at", "duration", "status",
    "input", "output", "error", "attributes", "events",
)  # fmt: skip

_COLUMNS = (
    "call_id", "trace_id", "parent_id", "session_id", "tool", "started_at", "duration", "status", "attempts", "ran",
    "error_type", "error", "arguments", "result",
)  # fmt: skip

_FORMULAS = ("=", "+", "-", "@")


def span_row(span: Span) -> dict[str, Any]:
    """A span as plain values: what its attributes say, payloads decoded."""
    return {name: getattr(span, name) for name in _FIELDS}


def json_line(span: Span) -> str:
    """A span as one line of ASCII, its end not included."""
    try:
        return json.dumps(span_row(span))
    except RecursionError:
        # Read by an encoder in C, and too deep for the one that writes: leave out what is nested.
        bare = {**span_row(span), "input": None, "output": None, "error": None, "attributes": {}, "events": []}
        return json.dumps({**bare, "too_deep": True})


def as_json(spans: Iterable[Span]) -> Iterator[str]:
    """One JSON array, in pieces: a span a line."""
    between = "[\n"
    for span in spans:
        yield between + json_line(span)
        between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"


def as_json_lines(spans: Iterable[Span]) -> Iterator[str]:
    """An object a line, for programs that read one line after the other."""
    for span in spans:
        yield json_line(span) + "\n"


def as_csv(spans: Iterable[Span]) -> Iterator[str]:
    """A table of the tool calls, for spreadsheets: a header, then a call a row; arguments and results are JSON.

    A text that a spreadsheet would run as a formula gets an apostrophe in front
    (https://owasp.org/www-community/attacks/CSV_Injection).
    """
    yield _csv_line(_COLUMNS)
    for span in spans:
        if span.kind == "tool":
            yield _csv_line(map(_cell, _call_row(span)))


FORMATS: dict[str, Callable[[Iterable[Span]], Iterator[str]]] = {
    "json": as_json,
    "jsonl": as_json_lines,
    "csv": as_csv,
}
"""What writes each format that takes a span at a time."""


def _call_row(span: Span) -> list[Any]:
    result = entry_of(span).result
    started = datetime.fromtimestamp(span.started_at, UTC).isoformat(timespec="microseconds")
    payloads = [None if payload is None else payload.decode("utf-8") for payload in (span.input_json, span.output_json)]
    outer = [span.span_id, span.trace_id, span.parent_id, span.session_id, span.name, started, span.duration]
    return [
        *outer, result.status.value, result.attempts, result.ran, result.exception_type, result.exception, *payloads
    ]  # fmt: skip


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _csv_line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
