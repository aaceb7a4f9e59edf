"""The record of a call."""

from __future__ import annotations

from typing import ClassVar

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.config import GuardConfig
from agentguard.core.context import Collector
from agentguard.core.result import ToolResult
from agentguard.tracing.call_span import CallPlan, CallSpan, deliver
from agentguard.tracing.recorder import tool_recorder
from agentguard.tracing.session_log import SessionLog


class CallSpanMiddleware(Layer):
    """Opens a span around everything, so that refused calls are recorded too. Outside the onion, whatever the order.

    Every open recorder and session gets the span. A tool with `record=True` writes it into its own trace folder when no
    recorder is open. Recording never alters, delays or breaks a call.
    """

    name: ClassVar[str] = "CallSpan"

    def __init__(self, config: GuardConfig) -> None:
        self._plan = CallPlan(config)
        self._own: tuple[Collector, ...] = ()
        if config.record:
            self._own = (
                tool_recorder(
                    config.trace_dir, config.trace_backend, config.trace_db_path, durability=config.durability
                ),
            )
            self.settings = f"record=True, trace_dir={str(config.trace_dir)!r}"

    def link(self, inner: Handler, /) -> Handler:
        """Run the call inside a span."""
        plan, own = self._plan, self._own

        async def recorded(call: ToolCall) -> ToolResult:
            collectors = call.origin.collectors
            for collector in collectors:  # not `all(...)`, which costs ten times as much
                if not isinstance(collector, SessionLog):
                    break
            else:
                # A session keeps its calls in memory only; the tool's own record is still wanted.
                collectors = (*collectors, *own)
            span = call.span = CallSpan(call, plan, collectors)
            try:
                result = await inner(call)
            except BaseException as error:
                span.fail(error)
                deliver(span, collectors)
                raise
            span.end(result)
            deliver(span, collectors)
            return result

        return recorded
