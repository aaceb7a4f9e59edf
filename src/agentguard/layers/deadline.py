"""The total time of a call."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.result import ToolResult


class DeadlineMiddleware(Layer):
    """Starts the clock for the whole call: all attempts, the waits between them, and every queue.

    It only sets `call.deadline`. Retry, the rate limiter, the concurrency queue and Timeout keep to it.
    """

    name: ClassVar[str] = "Deadline"

    def __init__(self, total_seconds: float) -> None:
        self._total_seconds = total_seconds
        self.settings = f"total_seconds={total_seconds:g}"

    def link(self, inner: Handler, /) -> Handler:
        """Set the deadline, then go on."""
        total_seconds = self._total_seconds

        def started(call: ToolCall) -> Awaitable[ToolResult]:
            call.deadline = call.runtime.now() + total_seconds
            return inner(call)

        return started
