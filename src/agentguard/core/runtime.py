"""How a call waits: the one place where sync and async meet.

Layers are written once, as `async def`, and wait only through a `Runtime`. `LoopRuntime` awaits. `ThreadRuntime` blocks
and never suspends, so that a synchronous call is its coroutine stepped once, in the caller's own thread, with no thread
and no loop made for it, inside a running loop too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from agentguard.core.bodies import note_start, timed_body
from agentguard.core.call import ToolCall
from agentguard.core.deadline import limit_on_loop
from agentguard.core.pool import POOL, Job, Tally
from agentguard.core.port import Next
from agentguard.core.result import ToolResult
from agentguard.core.streams import call_elsewhere
from agentguard.errors import CallTimedOutError

if TYPE_CHECKING:
    import asyncio


async def _asleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


async def _block(seconds: float) -> None:
    time.sleep(seconds)  # noqa: ASYNC251 - this runtime never runs on a loop


async def _run_user(fn: Callable[..., Any], *args: Any) -> Any:
    value = fn(*args)
    if hasattr(type(value), "__await__"):
        return await value
    return value


class LoopRuntime:
    """Waits on the running event loop."""

    def __init__(self) -> None:
        self.now: Callable[[], float] = time.monotonic
        self.sleep: Callable[[float], Awaitable[None]] = _asleep
        self.run_user = _run_user
        self.limit = limit_on_loop

    async def offload(self, fn: Callable[..., Any], *args: Any) -> Any:
        """Call `fn` in a thread of the pool."""
        return await POOL.run(Job(copy_context(), Tally(), fn, *args))

    def make_waiter(self) -> _LoopWaiter:
        """A place in a queue for the current task."""
        return _LoopWaiter()

    async def acquire(self, waiter: _LoopWaiter, timeout: float) -> bool:
        """Wait for the waiter's turn. Cancelling leaves its place to the caller to withdraw."""
        import asyncio

        try:
            async with asyncio.timeout(timeout):
                await waiter.turn
        except TimeoutError:
            return waiter.has_woken()
        return True


class ThreadRuntime:
    """Blocks the calling thread. Its coroutines never suspend."""

    def __init__(self) -> None:
        self.now: Callable[[], float] = time.monotonic
        self.sleep: Callable[[float], Awaitable[None]] = _block
        self.run_user = _run_user

    async def limit(self, following: Next, call: ToolCall, seconds: float, _grace: float | None) -> ToolResult:
        """Only a body that runs elsewhere can be given up: for this call, it runs in a thread of the pool."""
        body = call.body
        call.body = _HandingOver(seconds).run
        try:
            result: ToolResult = await following(call)
            return result
        finally:
            call.body = body

    async def offload(self, fn: Callable[..., Any], *args: Any) -> Any:
        """Call `fn` in this thread."""
        return fn(*args)

    def make_waiter(self) -> _ThreadWaiter:
        """A place in a queue for this thread."""
        return _ThreadWaiter()

    async def acquire(self, waiter: _ThreadWaiter, timeout: float) -> bool:
        """Block until the waiter's turn."""
        return waiter.turn.wait(min(timeout, threading.TIMEOUT_MAX))


class _HandingOver:
    """The body of a synchronous call that may be given up: the function, or each of a generator's steps, runs in a
    thread of the pool while the caller's thread waits.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def run(self, call: ToolCall) -> Coroutine[Any, Any, ToolResult]:
        if call.target.is_stream:
            return call_elsewhere(call, lambda job: self._finish(call, job))
        return self._run_function(call)

    async def _run_function(self, call: ToolCall) -> ToolResult:
        value, elapsed = await self._finish(call, Job(copy_context(), call.target.hung, timed_body, call))
        return ToolResult(call, value, elapsed)

    async def _finish(self, call: ToolCall, job: Job) -> Any:
        seconds = self._seconds
        if call.deadline is not None:
            seconds = min(seconds, max(0.0, call.deadline - call.runtime.now()))
        bodies_before = call.bodies
        if not POOL.run_blocking(job, seconds):
            note_start(call, job, bodies_before)
            raise CallTimedOutError(
                tool_name=call.tool_name,
                call_id=call.call_id,
                timeout_seconds=seconds,
                may_still_run=job.is_started,
            )
        return job.result()


class _LoopWaiter:
    __slots__ = ("_loop", "_woken", "turn")

    def __init__(self) -> None:
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._woken = False
        self.turn: asyncio.Future[None] = self._loop.create_future()

    def wake(self) -> bool:
        self._woken = True
        try:
            self._loop.call_soon_threadsafe(self._take_turn)
        except RuntimeError:
            return False
        return True

    def _take_turn(self) -> None:
        if not self.turn.done():
            self.turn.set_result(None)

    def has_woken(self) -> bool:
        return self._woken


class _ThreadWaiter:
    __slots__ = ("turn",)

    def __init__(self) -> None:
        self.turn = threading.Event()

    def wake(self) -> bool:
        self.turn.set()
        return True

    def has_woken(self) -> bool:
        return self.turn.is_set()


LOOP = LoopRuntime()
"""The runtime of every call on an event loop."""

THREAD = ThreadRuntime()
"""The runtime of every call stepped in its caller's thread."""
