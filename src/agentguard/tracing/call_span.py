"""The spans that layers open: one around a call, and one for each of its attempts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from agentguard.core.context import span_around
from agentguard.core.result import CallStatus
from agentguard.tracing.notices import warn_once
from agentguard.tracing.open_span import STATUS_OF_CALL, OpenSpan
from agentguard.tracing.snapshot import redactor_for, snapshot
from agentguard.tracing.span import Span, SpanKind

if TYPE_CHECKING:
    from agentguard.core.call import ToolCall
    from agentguard.core.config import GuardConfig
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


_SUCCESS = CallStatus.SUCCESS  # looking into an enum costs as much as three attributes


class CallPlan:
    """What all calls of one tool have in common for their spans. Immutable; made once for the tool."""

    __slots__ = ("capture_input", "capture_output", "cleaner", "tags")

    def __init__(self, config: GuardConfig | None) -> None:
        self.cleaner = redactor_for(() if config is None else config.redact)
        """Takes the secrets out."""
        self.capture_input = config is None or config.capture_input
        """Whether the arguments are recorded."""
        self.capture_output = config is None or config.capture_output
        """Whether the result is."""
        self.tags = () if config is None else config.tags
        """Words to find the tool's traces by."""


class CallSpan(OpenSpan):
    """The span of one tool call, from the outermost layer to the innermost. Belongs to one call, like the call itself.

    An observer: whatever goes wrong in recording is logged once for its kind, and the call goes on. Only what is no
    `Exception` (KeyboardInterrupt out of an argument's `__repr__`) passes.
    """

    __slots__ = ("_plan", "children", "collectors")

    def __init__(self, call: ToolCall, plan: CallPlan, collectors: Sequence[Collector] = ()) -> None:
        # Everything that a span has, written out: made once a call, and handing it up twice costs a tenth of the span.
        above = span_around(call.origin_node)
        self.span_id = self.trace_id = call.call_id
        self.parent_id = None
        if above is not None:
            self.trace_id, self.parent_id = above.trace_id, above.span_id
        self.session_id = call.session_id
        self.kind = "tool"
        self.name = call.tool_name
        self.status = "unknown"
        self.duration = 0.0
        self.input_json = self.output_json = self.error_json = None
        self.attributes = {}
        self.events = []
        self._call = call
        self._cleaner = plan.cleaner
        self._plan = plan
        self.children: Sequence[AttemptSpan] = ()
        """The attempts and other stretches inside, in order of their start."""
        self.collectors = collectors
        """Who gets it."""
        self.started_at = time.time()
        self._began = time.perf_counter()

    @classmethod
    def open(cls, call: ToolCall) -> CallSpan:
        """Start the span of `call`, under the span of the nearest recorded call whose body makes it."""
        return cls(call, CallPlan(call.config))

    def take_input(self, call: ToolCall) -> None:
        """Take the arguments as they are about to run; what the tool does to them afterwards does not show."""
        if not self._plan.capture_input:
            return
        try:
            self.input_json = snapshot(_arguments(call), self._cleaner)
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once("input", "agentguard: the arguments of a call could not be recorded; the call goes on")

    def note_start(self) -> None:
        """Tell every collector that wants to know it that the call is about to run."""
        for collector in self.collectors:
            try:
                note: Callable[[Span], None] | None = getattr(collector, "note_start", None)
                if note is not None:
                    note(self)
            except Exception:  # noqa: BLE001 - an observer fails open
                warn_once("start", "agentguard: the start of a call could not be recorded; the call goes on")

    def child(self, kind: SpanKind, name: str) -> AttemptSpan:
        """Start a span inside this one, such as an attempt; it is delivered together with this one."""
        span_id = f"{self.span_id}.{len(self.children) + 1}"
        child = AttemptSpan(
            self._call, self._cleaner, span_id, self.trace_id, self.span_id, self.session_id, kind, name
        )
        self.children = (*self.children, child)
        return child

    def end(self, result: ToolResult) -> None:
        """End with the result that the caller gets; the whole value is recorded, also where it was shortened."""
        call = self._call
        if call is None:
            return
        try:
            attributes = self.attributes
            status = result.status
            if status is _SUCCESS:
                self.status = "ok"
            else:
                self.status = STATUS_OF_CALL.get(status, "error")
                attributes["call_status"] = status.value
            attributes["execution_time"] = result.execution_time
            if result.truncated:
                attributes["truncated"] = True
            if self._plan.capture_output:
                self.output_json = snapshot(result.whole_value, self._cleaner)
            self._take_rest(call)
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once("span", "agentguard: the end of a call could not be recorded in full; the call goes on")
        self.close()

    def _take_error(self, call: ToolCall, error: BaseException) -> None:
        super()._take_error(call, error)
        self.attributes["ran"] = call.has_run
        self._take_rest(call)

    def _take_rest(self, call: ToolCall) -> None:
        if self.input_json is None and self._plan.capture_input:
            self.take_input(call)  # refused before it was about to run
        attributes = self.attributes
        attempts = call.attempt
        if attempts > 1:
            attributes["attempts"] = attempts
        if call.bodies != attempts:
            attributes["bodies"] = call.bodies
        if call.items:
            attributes["items"] = call.items
        if call.cost is not None:
            attributes["cost"] = call.cost
        if self._plan.tags:
            attributes["tags"] = list(self._plan.tags)
        if call.has_metadata:
            self.note("metadata", call.metadata)


def deliver(span: CallSpan, collectors: Iterable[Collector]) -> None:
    """Give an ended span, after its children, to every collector; a collector that raises misses it, and only that."""
    children = span.children
    for child in children:
        if child.is_open:
            child.close()
    for collector in collectors:
        try:
            for child in children:
                collector.collect(child)
            collector.collect(span)
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once(type(collector), "agentguard: %s failed to take a span; the call goes on", type(collector))


def _arguments(call: ToolCall) -> dict[str, Any]:
    try:
        return call.arguments
    except Exception:  # noqa: BLE001 - arguments that do not fit the signature are what a refused call is about
        return {"args": call.args, "kwargs": call.kwargs}
