"""Generators on the same layers as functions.

The innermost stage does not run the tool's generator: it awaits a `Source`, which travels up through the suspended
layers to the driver at the top, and the driver draws the items from there, one by one, past the layers. What becomes of
the source (its result, its exception, an early close) is the answer that goes down to the innermost stage, and passes
through the layers like that of any call. So slots, permits and outcomes last until the stream's end, no layer needs a
second version, and an item costs the same however many layers there are. ContextVars and timers live inside one step
only: between two items the consumer's own code runs, perhaps in another task.
"""

from __future__ import annotations

import sys
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Protocol

from agentguard.core.call import ToolCall
from agentguard.core.context import CURRENT, leave
from agentguard.core.pool import POOL, Job, Tally
from agentguard.core.result import StoppedEarly, ToolResult

Following = Callable[[ToolCall], Awaitable[ToolResult]]
"""The rest of a chain."""


class Item:
    """Carries a stream's items out, one after the other. What the consumer sends back is the answer to it. A layer may
    await one of its own, before or after the source's.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def __await__(self) -> Generator[Item, Any, Any]:
        return (yield self)


class Source:
    """Where the items of one attempt come from. Awaiting it gives the attempt's `ToolResult`, or its exception."""

    __slots__ = ("items",)

    def __init__(self, items: Generator[Any, Any, ToolResult]) -> None:
        self.items = items

    def __await__(self) -> Generator[Source, ToolResult, ToolResult]:
        return (yield self)


class StreamEnded(Exception):  # noqa: N818 - an event, like StopIteration
    """The tool's generator has returned; `args[0]` is its return value."""


class _Steps(Protocol):
    """One generator, advanced a step at a time. What a step gives must be awaited if it `waits`; one of `_ENDS` is
    raised when the generator has returned.
    """

    waits: bool

    @property
    def send(self) -> Callable[[Any], Any]: ...
    @property
    def throw(self) -> Callable[[BaseException], Any]: ...
    @property
    def close(self) -> Callable[[], Any]: ...


_ENDS = (StopIteration, StopAsyncIteration, StreamEnded)


async def call_here(call: ToolCall) -> ToolResult:
    """A generator whose steps run in the calling thread."""
    return await _source(call, _Inline(call.target.fn(*call.args, **call.kwargs)))


async def await_here(call: ToolCall) -> ToolResult:
    """An async generator whose steps run in the task that asks for them."""
    return await _source(call, _Awaited(call.target.fn(*call.args, **call.kwargs)))


async def hand_over(call: ToolCall) -> ToolResult:
    """A generator whose steps each run in a thread of the pool."""
    return await call_elsewhere(call, POOL.run)


async def call_elsewhere(call: ToolCall, run: Callable[[Job], Awaitable[Any]]) -> ToolResult:
    """A generator whose steps are jobs that `run` runs."""
    return await _source(call, _Elsewhere(call.target.fn(*call.args, **call.kwargs), call.target.hung, run))


# A generator that awaits with `yield from`, because then an item goes out by a plain `yield`: an object to await for
# each item would be a third of what an item costs.
def _source(call: ToolCall, steps: _Steps) -> Source:
    return Source(_hand_out(call, steps))


@types.coroutine
def _hand_out(call: ToolCall, steps: _Steps) -> Generator[Any, Any, ToolResult]:
    now, waits, item, limit = call.runtime.now, steps.waits, Item(), call.step_limit
    call.started_at = now()
    call.bodies += 1
    spent = 0.0
    advance, argument, value = steps.send, None, None
    try:
        while True:
            token = CURRENT.set(call)
            begun = now()
            try:
                value = advance(argument)
                if waits:
                    value = yield from (value if limit is None else limit(value, partial(_close, call, steps)))
            except _ENDS as ended:
                return ToolResult(call, ended.args[0] if ended.args else None, spent + now() - begun)
            finally:
                try:
                    CURRENT.reset(token)
                except ValueError:
                    leave(token, call)
            spent += now() - begun
            item.value = value if not call.item_checks else (yield from _checked(call, steps, value))
            call.items += 1
            try:
                argument = yield item
                advance = steps.send
            except StoppedEarly as stopped:
                stopped.value = yield from _close(call, steps, limit)
                raise
            except BaseException as error:
                if waits and type(error) is GeneratorExit and not sys.is_finalizing():
                    # The garbage collector's, for a consumer's is `StoppedEarly`: nothing can be awaited here any more,
                    # and the tool's generator is left to its own finalizer, which can (but at the program's exit).
                    raise
                # What the consumer throws in belongs to the tool.
                advance, argument = steps.throw, error
    finally:
        # An exception whose traceback holds this frame would be held by it.
        del argument, value


async def _checked(call: ToolCall, steps: _Steps, value: Any) -> Any:
    try:
        for check in call.item_checks:
            value = check(value)
    except BaseException:
        # The item is refused, and with it the rest of the stream.
        await _close(call, steps, call.step_limit)
        raise
    return value


async def _close(call: ToolCall, steps: _Steps, limit: Callable[..., Any] | None = None) -> Any:
    token = CURRENT.set(call)
    try:
        value = steps.close()
        if not steps.waits:
            return value
        return await (value if limit is None else limit(value))
    finally:
        leave(token, call)


class _Inline:
    waits = False

    def __init__(self, generator: Generator[Any, Any, Any]) -> None:
        self.send, self.throw, self.close = generator.send, generator.throw, generator.close


class _Awaited:
    waits = True

    def __init__(self, generator: AsyncGenerator[Any, Any]) -> None:
        self.send, self.throw, self.close = generator.asend, generator.athrow, generator.aclose


class _Elsewhere:
    waits = True

    def __init__(self, generator: Generator[Any, Any, Any], hung: Tally, run: Callable[[Job], Awaitable[Any]]) -> None:
        self._generator = generator
        self._hung = hung
        self._run = run
        self._context: Context | None = None

    async def send(self, value: Any) -> Any:
        return await self._step(_without_stop_iteration, self._generator.send, value)

    async def throw(self, error: BaseException) -> Any:
        try:
            return await self._step(_without_stop_iteration, self._generator.throw, error)
        finally:
            del error

    async def close(self) -> Any:
        return await self._step(self._generator.close)

    async def _step(self, fn: Callable[..., Any], *args: Any) -> Any:
        if self._context is None:
            # One for all steps: what the body sets in one, it finds and may reset in the next.
            self._context = copy_context()
        try:
            return await self._run(Job(self._context, self._hung, fn, *args))
        finally:
            del args


def _without_stop_iteration(step: Callable[[Any], Any], value: Any) -> Any:
    # A StopIteration cannot be raised out of a coroutine.
    try:
        return step(value)
    except StopIteration as stop:
        raise StreamEnded(stop.value) from None
    finally:
        del value


async def check_items(following: Following, call: ToolCall, check: Callable[[Any], Any]) -> ToolResult:
    """Run the rest of the chain with `check` on each item, after the checks of layers further in. It gives the item to
    hand out, or raises.
    """
    outer = call.item_checks
    call.item_checks = (check, *outer)
    try:
        return await following(call)
    finally:
        # Not again in the next attempt.
        call.item_checks = outer
