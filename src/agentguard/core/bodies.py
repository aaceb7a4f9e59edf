"""Running a function's or coroutine function's body: the innermost stage of the onion.

Each stage makes the call the current one for the time of the body, notes when the body started, and measures it.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

from agentguard.core.call import ToolCall
from agentguard.core.context import CURRENT, leave
from agentguard.core.pool import POOL, Job
from agentguard.core.result import ToolResult
from agentguard.errors import ConfigError

_PLAIN = frozenset({str, int, float, bool, type(None), dict, list, tuple, bytes})
"""Types of most results, known to be no awaitables: asking takes three times as long as looking here."""


class Stopped(Exception):  # noqa: N818 - carries an error, and is none
    """Carries a StopIteration that a function raised through the coroutines of the layers, where Python would turn it
    into a RuntimeError (PEP 479).
    """

    def __init__(self, error: StopIteration) -> None:
        super().__init__(error)
        self.error = error


async def await_here(call: ToolCall) -> ToolResult:
    """A coroutine function, awaited in the caller's task."""
    now = call.runtime.now
    token = CURRENT.set(call)
    call.started_at = started = now()
    call.bodies += 1
    try:
        value = await call.target.fn(*call.args, **call.kwargs)
    finally:
        try:
            CURRENT.reset(token)
        except ValueError:
            leave(token, call)
    return ToolResult(call, value, now() - started)


async def call_here(call: ToolCall) -> ToolResult:
    """A function, called in the caller's thread. Never suspends."""
    now = call.runtime.now
    token = CURRENT.set(call)
    call.started_at = started = now()
    call.bodies += 1
    try:
        value = call.target.fn(*call.args, **call.kwargs)
    except StopIteration as stop:
        raise Stopped(stop) from None
    finally:
        leave(token, call)
    kind = type(value)
    if kind not in _PLAIN and hasattr(kind, "__await__"):
        _refuse_awaitable(call, value)
    return ToolResult(call, value, now() - started)


async def hand_over(call: ToolCall) -> ToolResult:
    """A function, called in a thread of the pool while the caller's loop goes on.

    Cancelling stops the wait, not the thread: a body that has not started never does, one that has runs on, and the
    pool replaces its thread. A function that returns an awaitable is awaited on the caller's loop.
    """
    job = Job(copy_context(), call.target.hung, timed_body, call)
    bodies_before = call.bodies
    try:
        value, elapsed = await POOL.run(job)
    except BaseException:
        note_start(call, job, bodies_before)
        raise
    if hasattr(type(value), "__await__"):
        return await _await_rest(call, value, elapsed)
    return ToolResult(call, value, elapsed)


async def refuse_here(call: ToolCall) -> ToolResult:
    """What needs an event loop, called where there is none to use. The entries never let this happen."""
    msg = f"{call.tool_name!r} is a {call.target.kind.value} and cannot run without an event loop"
    raise ConfigError(msg)


def note_start(call: ToolCall, job: Job, bodies_before: int) -> None:
    """Take a job that was given up in a thread's hands, just before its first line, for a body that has started."""
    if job.is_started and call.bodies == bodies_before:
        call.started_at = call.runtime.now()
        call.bodies += 1


def timed_body(call: ToolCall) -> tuple[Any, float]:
    """Call the body inside a context of its own, and give its value and its seconds."""
    CURRENT.set(call)
    now = call.runtime.now
    call.started_at = started = now()
    call.bodies += 1
    try:
        value = call.target.fn(*call.args, **call.kwargs)
    except StopIteration as stop:
        raise Stopped(stop) from None
    return value, now() - started


async def _await_rest(call: ToolCall, awaitable: Any, elapsed: float) -> ToolResult:
    """What a function's awaitable gives, as part of its body."""
    now = call.runtime.now
    token = CURRENT.set(call)
    started = now()
    try:
        value = await awaitable
    finally:
        leave(token, call)
    return ToolResult(call, value, elapsed + now() - started)


def _refuse_awaitable(call: ToolCall, value: Any) -> None:
    close = getattr(value, "close", None)
    if close is not None:
        close()
    msg = f"{call.tool_name!r} returned an awaitable; call it with `await tool.acall(...)`"
    raise ConfigError(msg)
