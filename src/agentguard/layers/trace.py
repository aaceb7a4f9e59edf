"""The record of each attempt."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.result import ToolResult


class TraceMiddleware(Layer):
    """Takes down the arguments that are about to run, and opens a child span for each attempt.

    That a call is about to run is written down before its body, so that it shows even if the process dies in there;
    not for a tool that only reads.

    Only part of a recorded call's onion. Without retries the one attempt is the call, and has no span of its own.
    """

    name: ClassVar[str] = "Trace"

    def __init__(self, *, has_retries: bool = True, notes_starts: bool = True) -> None:
        self._has_retries = has_retries
        self._notes_starts = notes_starts

    def link(self, inner: Handler, /) -> Handler:
        """Record, then go on."""
        attempt = _spanned(inner) if self._has_retries else inner
        notes_starts = self._notes_starts

        def recorded(call: ToolCall) -> Awaitable[ToolResult]:
            span = call.span
            if span is None:
                return inner(call)
            if call.attempt == 1:
                span.take_input(call)
                if notes_starts:
                    span.note_start()
            return attempt(call)

        return recorded


def _spanned(inner: Handler) -> Handler:
    async def attempted(call: ToolCall) -> ToolResult:
        span = call.span.child("attempt", f"attempt {call.attempt}")
        try:
            result = await inner(call)
        except BaseException as error:
            span.fail(error)
            raise
        span.end(result)
        return result

    return attempted
