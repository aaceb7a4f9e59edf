"""Guarded calls made by hand: what the layers do with a span, without the layers."""

from typing import Any

from agentguard.core.call import ToolCall
from agentguard.core.result import ToolResult
from agentguard.tracing.call_span import CallSpan, deliver


def begin(tool_name: str = "search", **kwargs: Any) -> tuple[ToolCall, CallSpan]:
    call = ToolCall(tool_name, (), kwargs)
    call.span = CallSpan.open(call)
    call.span.take_input(call)
    return call, call.span


def finish(
    call: ToolCall, value: Any = "found", *, error: BaseException | None = None, seconds: float = 0.25
) -> CallSpan:
    if error is None:
        call.bodies = call.attempt
        call.span.end(ToolResult(call, value, seconds))
    else:
        call.span.fail(error)
    deliver(call.span, call.origin.collectors)
    return call.span


def make_call(
    tool_name: str = "search", value: Any = "found", *, error: BaseException | None = None, **kwargs: Any
) -> CallSpan:
    """One recorded call from beginning to end, in whatever is open around it."""
    call, _ = begin(tool_name, **kwargs)
    return finish(call, value, error=error)


class Kept:
    """A collector that keeps what it gets."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def collect(self, span: Any, /) -> None:
        self.spans.append(span)
