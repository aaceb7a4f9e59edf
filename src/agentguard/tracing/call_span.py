"""The spans that layers open: one around a call, and one for each of its attempts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from agentguard.core.context import span_around
from agentguard.core.result import CallStatus
from agentguard.tracing.notices import warn_once
from agentguard.tracing.open_span import STATUS_OF_CALL, OpenSpan
from agentguard.tracing.snapshot import redactor_for, snapshot
from agentguard.tracing.span import SpanKind

if TYPE_CHECKING:
    from agentguard.core.call import ToolCall
    from agentguard.core.context import Collector
    from agentguard.core.result import ToolResult


class AttemptSpan(OpenSpan):
    """One attempt of a call, or another stretch inside it. Delivered together with the call's span."""

    __slots__ = ()

    def end(self, result: ToolResult | None = None) -> None:
        """End well. The value is on the call's span; here is only how long the tool's body took."""
        if self._call is None:
            return
        self.status = "ok"
        if result is not None:
            self.attributes["execution_time"] = result.execution_time
        self.close()


class CallSpan(OpenSpan):
    """The span of one tool call, from the outermost layer to the innermost. Belongs to one call, like the call itself.

    An observer: whatever goes wrong in recording is logged once for its kind, and the call goes on. Only what is no
    `Exception` (KeyboardInterrupt out of an argument's `__repr__`) passes.
    """

    __slots__ = ("_capture_input", "_capture_output", "children")

    def __init__(self, call: ToolCall) -> None:
        config = call.config
        above = span_around(call.origin_node)
        super().__init__(
            call,
            redactor_for(() if config is None else config.redact),
            call.call_id,
            call.call_id if above is None else above.trace_id,
            None if above is None else above.span_id,
            call.session_id,
            "tool",
            call.tool_name,
        )
        self._capture_input = config is None or config.capture_input
        self._capture_output = config is None or config.capture_output
        self.children: list[AttemptSpan] = []
        """The attempts and other stretches inside, in order of their start."""

    @classmethod
    def open(cls, call: ToolCall) -> CallSpan:
        """Start the span of `call`, under the span of the nearest recorded call whose body makes it."""
        return cls(call)

    def take_input(self, call: ToolCall) -> None:
        """Take the arguments as they are about to run; what the tool does to them afterwards does not show."""
        if not self._capture_input:
            return
        try:
            self.input_json = snapshot(_arguments(call), self._cleaner)
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once("input", "agentguard: the arguments of a call could not be recorded; the call goes on")

    def child(self, kind: SpanKind, name: str) -> AttemptSpan:
        """Start a span inside this one, such as an attempt; it is delivered together with this one."""
        span_id = f"{self.span_id}.{len(self.children) + 1}"
        child = AttemptSpan(
            self._call, self._cleaner, span_id, self.trace_id, self.span_id, self.session_id, kind, name
        )
        self.children.append(child)
        return child

    def end(self, result: ToolResult) -> None:
        """End with the result that the caller gets; the whole value is recorded, also where it was shortened."""
        call = self._call
        if call is None:
            return
        try:
            self._take_result(call, result)
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once("span", "agentguard: the end of a call could not be recorded in full; the call goes on")
        self.close()

    def _take_result(self, call: ToolCall, result: ToolResult) -> None:
        status = result.status
        if status is CallStatus.SUCCESS:
            self.status = "ok"
        else:
            self.status = STATUS_OF_CALL.get(status, "error")
            self.attributes["call_status"] = status.value
        self.attributes["execution_time"] = result.execution_time
        if result.truncated:
            self.attributes["truncated"] = True
        if self._capture_output:
            self.output_json = snapshot(result.whole_value, self._cleaner)
        self._take_rest(call)

    def _take_error(self, call: ToolCall, error: BaseException) -> None:
        super()._take_error(call, error)
        self.attributes["ran"] = call.has_run
        self._take_rest(call)

    def _take_rest(self, call: ToolCall) -> None:
        if self.input_json is None:
            self.take_input(call)  # refused before it was about to run
        attributes = self.attributes
        if call.attempt > 1:
            attributes["attempts"] = call.attempt
        if call.bodies != call.attempt:
            attributes["bodies"] = call.bodies
        if call.items:
            attributes["items"] = call.items
        if call.cost is not None:
            attributes["cost"] = call.cost
        config = call.config
        if config is not None and config.tags:
            attributes["tags"] = list(config.tags)
        metadata = call.metadata
        if metadata:
            self.note("metadata", metadata)


def deliver(span: CallSpan, collectors: Iterable[Collector]) -> None:
    """Give an ended span, after its children, to every collector; a collector that raises misses it, and only that."""
    for child in span.children:
        if child.is_open:
            child.close()
    for collector in collectors:
        try:
            for child in span.children:
                collector.collect(child)
            collector.collect(span)
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once(type(collector), "agentguard: %s failed to take a span; the call goes on", type(collector))


def _arguments(call: ToolCall) -> dict[str, Any]:
    try:
        return call.arguments
    except Exception:  # noqa: BLE001 - arguments that do not fit the signature are what a refused call is about
        return {"args": call.args, "kwargs": call.kwargs}
