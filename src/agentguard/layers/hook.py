"""The tool's own before- and after-hooks."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.result import ToolResult
from agentguard.core.target import is_async

_logger = logging.getLogger("agentguard")


class HookMiddleware(Layer):
    """Runs `before_call(call)` and `after_call(call, result)` immediately around the function, in every attempt.

    What `before_call` raises aborts the call before the body, and is neither retried nor counted as a failure; what it
    does to the arguments does not reach the body. `after_call` sees success and failure alike; what it raises is logged
    once and changes nothing. Both may be async; a cancelled or stopped call skips an async `after_call`.
    """

    name: ClassVar[str] = "Hook"

    def __init__(
        self,
        before_call: Callable[[ToolCall], Any] | None = None,
        after_call: Callable[[ToolCall, ToolResult], Any] | None = None,
    ) -> None:
        self._before = before_call
        self._after = after_call
        self._has_failed = False
        self.needs_loop = is_async(before_call) or is_async(after_call)
        names = {"before_call": before_call, "after_call": after_call}
        self.settings = ", ".join(f"{k}={getattr(v, '__name__', v)}" for k, v in names.items() if v is not None)

    def link(self, inner: Handler, /) -> Handler:
        """Wrap the function; a hook that is not there costs nothing."""
        handler = inner if self._after is None else self._followed(inner, self._after)
        return handler if self._before is None else self._preceded(handler, self._before)

    def _preceded(self, inner: Handler, before: Callable[[ToolCall], Any]) -> Handler:
        def preceded(call: ToolCall) -> Awaitable[ToolResult]:
            args, kwargs = call.args, call.kwargs
            call.kwargs = kwargs.copy()
            try:
                waiting = before(call)
            finally:
                call.args, call.kwargs = args, kwargs
            return inner(call) if waiting is None or not hasattr(type(waiting), "__await__") else waited(waiting, call)

        async def waited(waiting: Awaitable[Any], call: ToolCall) -> ToolResult:
            args, kwargs = call.args, call.kwargs
            call.kwargs = kwargs.copy()
            try:
                await waiting
            finally:
                call.args, call.kwargs = args, kwargs
            return await inner(call)

        return preceded

    def _followed(self, inner: Handler, after: Callable[[ToolCall, ToolResult], Any]) -> Handler:
        async def followed(call: ToolCall) -> ToolResult:
            try:
                result = await inner(call)
            except Exception as error:
                await self._tell(after, call, ToolResult.of_error(call, error))
                raise
            except BaseException as error:
                # A cancelled call must not start waiting again.
                if not is_async(after):
                    await self._tell(after, call, ToolResult.of_error(call, error))
                raise
            # `_tell`, written out: a coroutine for nothing is half of what two hooks cost.
            try:
                waiting = after(call, result)
                if waiting is not None and hasattr(type(waiting), "__await__"):
                    await waiting
            except Exception:  # noqa: BLE001 - as in `_tell`
                self._complain(call)
            return result

        return followed

    async def _tell(self, after: Callable[[ToolCall, ToolResult], Any], call: ToolCall, result: ToolResult) -> None:
        try:
            waiting = after(call, result)
            if waiting is not None and hasattr(type(waiting), "__await__"):
                await waiting
        except Exception:  # noqa: BLE001 - an observer fails open: the call's outcome stands
            self._complain(call)

    def _complain(self, call: ToolCall) -> None:
        if not self._has_failed:
            self._has_failed = True
            _logger.exception("after_call of %r raised; further errors of it are not logged", call.tool_name)
