"""A span per call on somebody else's tracer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.result import StoppedEarly, ToolResult

T = TypeVar("T")

_logger = logging.getLogger("agentguard")


class Tracer(Protocol):
    """What is needed of a tracer: the two methods of OpenTelemetry's."""

    def start_span(self, name: str, /) -> Any:
        """A span that is not made current."""

    def start_as_current_span(self, name: str, /) -> Any:
        """A context manager that makes its span current, and records an exception that leaves it."""


class TelemetryMiddleware(Layer):
    """Opens a span per call on any OpenTelemetry-shaped tracer: an extra middleware, not part of `ORDER`.

    Names follow the GenAI conventions (`execute_tool {name}`, `gen_ai.tool.name`, `gen_ai.tool.call.id`,
    https://github.com/open-telemetry/semantic-conventions-genai). Spans that the tool's body opens become its children;
    for a generator tool they do not, because its consumer's spans would too. A tracer that raises never breaks a call:
    it is logged once.
    """

    name: ClassVar[str] = "Telemetry"

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._has_failed = False
        self.settings = type(tracer).__name__

    def link(self, inner: Handler, /) -> Handler:
        """Run the call inside a span."""

        async def traced(call: ToolCall) -> ToolResult:
            span = self._quietly(self._start, call)
            try:
                result = await inner(call)
            except BaseException as error:
                self._quietly(self._end, span, error)
                raise
            self._quietly(self._end, span, None)
            return result

        return traced

    def _start(self, call: ToolCall) -> _OpenSpan:
        name = f"execute_tool {call.tool_name}"
        if call.target.is_stream:
            opened = _OpenSpan(self._tracer.start_span(name), None)
        else:
            manager = self._tracer.start_as_current_span(name)
            opened = _OpenSpan(manager.__enter__(), manager)
        self._quietly(opened.describe, call)
        return opened

    def _end(self, opened: _OpenSpan | None, error: BaseException | None) -> None:
        if opened is None:
            return
        if error is not None and not isinstance(error, StoppedEarly):
            self._quietly(opened.span.set_attribute, "error.type", type(error).__qualname__)
        if opened.manager is None:
            opened.span.end()
        else:
            opened.manager.__exit__(*_raised(error))

    def _quietly(self, observe: Callable[..., T], *args: Any) -> T | None:
        """Call the tracer; an observer fails open, and says so once."""
        try:
            return observe(*args)
        except Exception:
            if not self._has_failed:
                self._has_failed = True
                _logger.exception("the tracer of TelemetryMiddleware raised; further errors of it are not logged")
            return None


class _OpenSpan(NamedTuple):
    """A span, and the context manager that made it current; None for a stream's, which never is."""

    span: Any
    manager: Any

    def describe(self, call: ToolCall) -> None:
        self.span.set_attribute("gen_ai.operation.name", "execute_tool")
        self.span.set_attribute("gen_ai.tool.name", call.tool_name)
        self.span.set_attribute("gen_ai.tool.call.id", call.call_id)


def _raised(error: BaseException | None) -> tuple[Any, Any, Any]:
    return (None, None, None) if error is None else (type(error), error, error.__traceback__)
