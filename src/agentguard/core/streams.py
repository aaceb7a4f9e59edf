"""Generators on the same layers as functions.

The innermost stage does not run the tool's generator: it awaits a `Source`, which travels up through the suspended
layers to the driver at the top, and the driver draws the items from there, one by one, past the layers. What becomes of
the source (its result, its exception, an early close) is the answer that goes down to the innermost stage, and passes
through the layers like that of any call. So slots, permits and outcomes last until the stream's end, no layer needs a
second version, and an item costs the same however many layers there are. ContextVars and timers live inside one step
only: between two items the consumer's own code runs, perhaps in another task.
"""

from __future__ import annotations

import contextlib
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
                stopped.value = yield from _close(call, steps)
                raise
            except BaseException as error:  # noqa: BLE001 - what the consumer throws in belongs to the tool
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
        await _close(call, steps)
        raise
    return value


async def _close(call: ToolCall, steps: _Steps) -> Any:
    token = CURRENT.set(call)
    try:
        value = steps.close()
        return await value if steps.waits else value
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


class Stream:
    """A chain and the source it has come to: whatever of the two goes on next."""

    __slots__ = ("_chain", "current")

    def __init__(self, chain: Any) -> None:
        self._chain = chain
        self.current = chain
        """What the consumer's next step advances: the source while there is one, else the chain."""

    def settle(self, out: Any, ended: BaseException | None = None) -> Any:
        """What comes next, an `Item` or something to await, after `current` has given `out`, or has ended or raised.

        Raises:
            StreamEnded: The chain has ended, with its `ToolResult`. What else it raises is the call's exception.
        """
        argument: Any = None
        try:
            while ended is not None or type(out) is Source:
                advance, argument = self._follow(out) if ended is None else self._tell_chain(ended)
                try:
                    out, ended = advance(argument), None
                except BaseException as raised:  # noqa: BLE001 - the chain's is raised in the next round
                    ended = raised
            return out
        finally:
            # As in `_hand_out`.
            del argument, ended

    async def next_item(self, out: Any) -> Item:
        """What `settle` came to, once everything is awaited that lies before the next item."""
        while type(out) is not Item:
            ended: BaseException | None = None
            try:
                out = await _go_on(self.current, out)
            except BaseException as raised:  # noqa: BLE001 - as in `settle`
                ended = raised
            try:
                out = self.settle(out, ended)
            finally:
                del ended
        return out

    async def step(self, advance: Callable[[Any], Any], argument: Any) -> Item:
        """One step of the consumer's, whole."""
        out, ended = None, None
        try:
            out = advance(argument)
        except BaseException as raised:  # noqa: BLE001 - as in `settle`
            ended = raised
        try:
            return await self.next_item(self.settle(out, ended))
        finally:
            # As in `_hand_out`.
            del argument, ended

    def close(self) -> None:
        """Dispose of everything that is not finished; what its clean-up raises is nobody's news."""
        for part in (self.current, self._chain):
            with contextlib.suppress(Exception):
                part.close()

    def is_gone(self) -> bool:
        """Whether the garbage collector has closed the chain, before it came to whoever drives it."""
        return self._chain.cr_frame is None

    def _follow(self, source: Source) -> tuple[Callable[[Any], Any], Any]:
        self.current = source.items
        return self.current.send, None

    def _tell_chain(self, ended: BaseException) -> tuple[Callable[[Any], Any], Any]:
        """The source has ended: its result or its exception goes down to the innermost stage."""
        is_end_of_all, self.current = self.current is self._chain, self._chain
        try:
            if not is_end_of_all:
                is_return = isinstance(ended, StopIteration | StreamEnded)
                return (self._chain.send, ended.args[0]) if is_return else (self._chain.throw, ended)
            if isinstance(ended, StopIteration):
                raise StreamEnded(ended.value) from None
            raise ended
        finally:
            # As in `_hand_out`.
            del ended


class ChainSteps:
    """A chain's coroutine, advanced from one thing that goes up to the driver (a source, an item) to the next; all else
    that it awaits goes to the event loop as usual.
    """

    __slots__ = ("_chain",)

    def __init__(self, chain: Any) -> None:
        self._chain = chain

    async def send(self, value: Any) -> Any:
        """The next one. Raises `StreamEnded` with the chain's `ToolResult` at the end."""
        return await self._until_next(self._chain.send, value)

    async def throw(self, error: BaseException) -> Any:
        """Raise `error` where the chain stands, and go on to the next one."""
        try:
            return await self._until_next(self._chain.throw, error)
        finally:
            del error

    async def _until_next(self, advance: Callable[[Any], Any], argument: Any) -> Any:
        try:
            out = advance(argument)
            return out if type(out) in _GOING_UP else await _go_on(self._chain, out)
        except StopIteration as done:
            raise StreamEnded(done.value) from None
        finally:
            # As in `_hand_out`.
            del argument


_GOING_UP = (Item, Source)


@types.coroutine
def _go_on(part: Any, out: Any) -> Generator[Any, Any, Any]:
    """Have a chain or a source that waits for `out` go on until it hands out something.

    Raises `StreamEnded` at its end.
    """
    argument = None
    try:
        while True:
            try:
                argument = yield out
                advance = part.send
            except BaseException as error:  # noqa: BLE001 - a cancellation belongs to what is awaited
                advance, argument = part.throw, error
            try:
                out = advance(argument)
            except StopIteration as done:
                raise StreamEnded(done.value) from None
            if type(out) in _GOING_UP:
                return out
    finally:
        # As in `_hand_out`.
        del argument, out
