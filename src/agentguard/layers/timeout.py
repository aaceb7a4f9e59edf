"""The time of one attempt."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import Any, ClassVar

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.config import TimeoutConfig
from agentguard.core.result import ToolResult
from agentguard.errors import CallTimedOutError, ConcurrencyLimitError


class TimeoutMiddleware(Layer):
    """Ends an attempt that takes too long with `CallTimedOutError`.

    A coroutine is cancelled and awaited, or let go of after `grace_seconds`. A blocking function runs in a daemon
    thread and is abandoned there: it may still take effect (`may_still_run`), is counted, and when `max_abandoned` of
    this tool's bodies hang, further calls get `ConcurrencyLimitError`. Each step of a generator has the full time. With
    `isolation="inline"` a blocking function runs in the caller's own thread and cannot be timed; with "process" a
    body runs in a worker process, which is killed, and is gone when the error is raised.
    """

    name: ClassVar[str] = "Timeout"

    def __init__(self, config: TimeoutConfig) -> None:
        self.settings = config
        self._seconds = float("inf") if config.timeout_seconds is None else config.timeout_seconds
        self._grace = config.grace_seconds
        self._max_abandoned = config.max_abandoned
        self._times_blocking = config.isolation != "inline"
        self._is_killing = config.isolation == "process"

    def link(self, inner: Handler, /) -> Handler:
        """Run the rest of the chain within the attempt's time, clipped to the call's deadline."""
        if self._is_killing:
            return self._link_killing(inner)
        longest, grace, times_blocking = self._seconds, self._grace, self._times_blocking

        def timed(call: ToolCall) -> Awaitable[ToolResult]:
            target = call.target
            if target.hung.count:
                self._check_abandoned(call)
            if not (times_blocking or target.is_async):
                return inner(call)
            if call.deadline is None:
                return call.runtime.limit(inner, call, longest, grace)
            return call.runtime.limit(inner, call, self._time_left(call), grace)

        return timed

    def _link_killing(self, inner: Handler) -> Handler:
        """Tell the body its time: the stage that runs it in a worker process keeps to it, and kills that. Hooks are not
        timed, and neither is the start of a worker.
        """

        async def timed(call: ToolCall) -> ToolResult:
            seconds = self._seconds if call.deadline is None else self._time_left(call)
            body: Any = call.body
            call.body = partial(body, seconds=seconds)
            try:
                return await inner(call)
            finally:
                # Not for the next attempt.
                call.body = body

        return timed

    def _time_left(self, call: ToolCall) -> float:
        left = (call.deadline or 0.0) - call.runtime.now()
        if left <= 0:
            raise CallTimedOutError(tool_name=call.tool_name, call_id=call.call_id, timeout_seconds=max(left, 0.0))
        return min(self._seconds, left)

    def _check_abandoned(self, call: ToolCall) -> None:
        if call.target.hung.count >= self._max_abandoned:
            raise ConcurrencyLimitError(tool_name=call.tool_name, call_id=call.call_id, limit=self._max_abandoned)
