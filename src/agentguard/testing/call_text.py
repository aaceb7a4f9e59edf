"""Recorded calls as text, for the messages of failed assertions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from agentguard.tracing import Span, TraceNode
from agentguard.tracing.tree import tree_of

_LONGEST_VALUE = 60
_LONGEST_MESSAGE = 120
_MOST_LINES = 60


def recorded_text(spans: Iterable[Span], meant: Collection[str] = ()) -> str:
    """All recorded tool calls as a tree; those in `meant` (call ids) are marked with a `>`."""
    lines = list(_lines(tree_of(span for span in spans if span.kind == "tool"), meant, ""))
    if not lines:
        return "no guarded call was recorded"
    more = [f"  ... and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return "\n".join(["recorded:", *lines[:_MOST_LINES], *more])


def times_text(times: int) -> str:
    """So many times, in words where English has them."""
    return {0: "never", 1: "once", 2: "twice"}.get(times, f"{times} times")


def brief(value: Any) -> str:
    """A value's `repr`, cut to what fits on a line."""
    return _cut(repr(value), _LONGEST_VALUE)


def _lines(nodes: Iterable[TraceNode], meant: Collection[str], indent: str) -> Iterator[str]:
    for node in nodes:
        mark = ">" if node.span.span_id in meant else " "
        yield f"{mark} {indent}{_call_text(node.span)}"
        yield from _lines(node.children, meant, indent + "  ")


def _call_text(span: Span) -> str:
    arguments = ", ".join(f"{name}={brief(value)}" for name, value in (span.input or {}).items())
    return f"{span.name}({arguments}) -> {_outcome_text(span)}{_runs_text(span)}"


def _outcome_text(span: Span) -> str:
    status = span.attributes.get("call_status", span.status)
    error = span.error
    if error is not None:
        message = error.get("message")
        return f"{status}: {error.get('type')}: {_cut(str(message), _LONGEST_MESSAGE)}"
    return brief(span.output) if span.status == "ok" else str(status)


def _runs_text(span: Span) -> str:
    attempts = span.attributes.get("attempts", 1)
    runs = span.attributes.get("bodies", attempts)
    if runs == 0:
        return " (did not run)"
    return "" if runs == 1 else f" (ran {times_text(runs)})"


def _cut(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
