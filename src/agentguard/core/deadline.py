"""Time limits on an event loop.

Never `asyncio.wait_for`: on Python 3.11 it loses a cancellation that falls in the same loop tick as the result
(https://github.com/python/cpython/issues/86296). A body's first step runs without a timer, because most bodies that
end at once never need one.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from agentguard.core.call import ToolCall
from agentguard.core.result import StoppedEarly, ToolResult
from agentguard.core.streams import StreamEnded
from agentguard.core.suspended_chain import ChainSteps
from agentguard.errors import CallTimedOutError

if TYPE_CHECKING:
    import asyncio

Next = Callable[[ToolCall], Awaitable[ToolResult]]


async def limit_on_loop(following: Next, call: ToolCall, seconds: float, grace: float | None) -> ToolResult:
    """Run the rest of the chain for at most `seconds`.

    Soft without `grace`: cancel the body at its time-out and wait for it to end, in the caller's own task throughout; a
    body that swallows its cancellation is still a time-out, once it ends. With it, the caller is released `grace`
    seconds after the time-out, whatever the body does. A stream has the time for each of its steps.
    """
    if call.target.is_stream:
        return await limit_stream(following, call, seconds)
    if grace is not None:
        return await limit_with_grace(following, call, seconds, grace)
    chain: Any = following(call)
    result: ToolResult
    try:
        pending = chain.send(None)
    except StopIteration as done:
        result = done.value
        return result
    result = await _timed(resume(chain, pending), call, seconds)
    return result


async def limit_stream(following: Next, call: ToolCall, seconds: float) -> ToolResult:
    """Give every step of a stream `seconds`, and all of them together until the call's deadline.

    The consumer's own time between two items does not count as a step's.
    """

    def within(step: Awaitable[Any], close: Callable[[], Awaitable[Any]] | None = None) -> Awaitable[Any]:
        allowed = seconds if call.deadline is None else min(seconds, max(0.0, call.deadline - call.runtime.now()))
        return _timed(step, call, allowed, late=close)

    steps = ChainSteps(following(call))
    outer, call.step_limit = call.step_limit, within
    try:
        advance = steps.send(None)
        while True:
            # What lies before the source and after it, the hooks, has the time of a step as well.
            going_up = await within(advance, partial(_close, steps))
            try:
                answer = await going_up
            except BaseException as error:  # noqa: BLE001 - the tool's, or the consumer's early close, travels on
                advance = steps.throw(error)
            else:
                advance = steps.send(answer)
    except StreamEnded as ended:
        result: ToolResult = ended.args[0]
        return result
    finally:
        call.step_limit = outer


async def limit_with_grace(following: Next, call: ToolCall, seconds: float, grace: float) -> ToolResult:
    """Run the rest of the chain in a task of its own, cancel it at the time-out, and let go of it `grace` seconds
    later, whatever it does.

    A task of its own from the first step on: a coroutine that changes tasks would find its inner `asyncio.timeout`
    cancelling the wrong one. When the caller is cancelled, the task is cancelled too and gets the same grace.
    """
    import asyncio

    task = asyncio.ensure_future(_outcome_of(following, call))
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _let_go(task, grace, call)
        raise
    except BaseException:
        # Closed, because its event loop ends: nothing can be awaited any more.
        task.cancel()
        raise
    if not task.done():
        ended = await _let_go(task, grace, call)
        raise _timed_out(call, seconds, may_still_run=not ended)
    result, error = task.result()
    if error is None:
        return cast("ToolResult", result)  # one of the two is there
    try:
        raise error
    finally:
        # The traceback keeps this frame, and this frame would keep the error.
        del error, task


async def _outcome_of(following: Next, call: ToolCall) -> tuple[ToolResult | None, BaseException | None]:
    """The chain's result or its exception, as a value: a SystemExit that leaves a task ends the whole event loop, and a
    CancelledError of the tool's own would look like the task's.
    """
    try:
        return await following(call), None
    except BaseException as error:  # noqa: BLE001 - raised again in the caller
        return None, error


async def _let_go(task: asyncio.Future[Any], grace: float, call: ToolCall) -> bool:
    """Cancel `task` and wait for it at most `grace` seconds; whether it ended."""
    import asyncio

    task.cancel()
    try:
        await asyncio.wait({task}, timeout=grace)
    finally:
        if not task.done():
            hung = call.target.hung
            hung.add()
            # The loop holds its tasks weakly; what the body awaits keeps this one.
            task.add_done_callback(lambda _ended: hung.remove())
    return task.done()


async def _timed(
    body: Awaitable[Any], call: ToolCall, seconds: float, *, late: Callable[[], Awaitable[Any]] | None = None
) -> Any:
    """Await `body` for at most `seconds`. `late` closes the stream of which a step swallows its cancellation."""
    import asyncio

    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            value = await body
    except Exception as error:
        if not limit.expired():
            raise
        cause = None if isinstance(error, (TimeoutError, StreamEnded, StopAsyncIteration)) else error
        raise _timed_out(call, seconds, may_still_run=_runs_on(call)) from cause
    finally:
        # An error that was thrown in would be held by this frame, which its traceback holds.
        del body
    # A step that was begun after the deadline, and never suspended, is late as well.
    if not limit.expired() and (late is None or seconds):
        return value
    cause = None if late is None else await _error_of(late())
    raise _timed_out(call, seconds, may_still_run=False) from cause


async def _error_of(closing: Awaitable[Any]) -> Exception | None:
    """What the clean-up after a time-out raises, which must not hide the time-out."""
    try:
        await closing
    except Exception as error:  # noqa: BLE001 - becomes the cause
        return error
    return None


async def _close(steps: ChainSteps) -> None:
    try:
        _ = await steps.throw(StoppedEarly())
    except (StoppedEarly, StreamEnded):
        return


def _runs_on(call: ToolCall) -> bool:
    """Whether a body that was given up goes on: a thread cannot be cancelled, a coroutine was."""
    return call.started_at is not None and not call.target.is_async


def _timed_out(call: ToolCall, seconds: float, *, may_still_run: bool) -> CallTimedOutError:
    return CallTimedOutError(
        tool_name=call.tool_name, call_id=call.call_id, timeout_seconds=seconds, may_still_run=may_still_run
    )


@types.coroutine
def resume(chain: Any, pending: Any) -> Generator[Any, Any, Any]:
    """Go on awaiting a coroutine that was already stepped once and waits for `pending`."""
    argument: Any
    try:
        while True:
            try:
                argument = yield pending
                advance = chain.send
            except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the coroutine
                advance, argument = chain.throw, error
            try:
                pending = advance(argument)
            except StopIteration as done:
                return done.value
    finally:
        # An exception whose traceback holds this frame would be held by it.
        del argument, pending
