"""What code may say about the span that it runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentguard.core.context import CURRENT, span_around

if TYPE_CHECKING:
    from agentguard.tracing.open_span import OpenSpan


def current_span() -> OpenSpan | None:
    """The span around the running code: of a traced function, a block, or a recorded tool call. None without one.

    In a task that outlived what started it, the span has ended; what is added to it then is lost.
    """
    span: OpenSpan | None = span_around(CURRENT.get())
    return span


def set_attribute(name: str, value: Any) -> None:
    """Add an attribute to the current span; the value is copied, bounded and redacted. Does nothing without a span."""
    span = current_span()
    if span is not None:
        span.note(name, value)


def add_event(name: str, /, **attributes: Any) -> None:
    """Add an event that happens now to the current span, as `set_attribute` does."""
    span = current_span()
    if span is not None:
        span.add_event(name, **attributes)


def record_exception(error: BaseException) -> None:
    """Add an exception that you handle yourself to the current span, as an event `exception`.

    `@agent` and `@trace` see by themselves what their function handles, on Python 3.12 and later; saying it twice
    records it once. Does nothing without a span.
    """
    span = current_span()
    if span is not None:
        span.record_exception(error)
