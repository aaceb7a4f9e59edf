"""A function that stands in for another one: of the same kind, name and signature, with something done around it."""

from __future__ import annotations

import asyncio
import functools
import math
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from typing import Any

from agentguard.core.target import Kind, Target
from agentguard.testing.clock import clock_in_use
from agentguard.testing.virtual_loop import VirtualLoop
from agentguard.testing.worker import rest


class Latch:
    """What a hanging body waits for. May be opened from any thread, and stays open."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self._lock = threading.Lock()
        self._turns: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}

    def open(self) -> None:
        """Let everything go on that waits, now or later."""
        with self._lock:
            self._opened.set()
            turns, self._turns = self._turns, {}
        for turn, loop in turns.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_take_turn, turn)

    def wait_blocking(self) -> None:
        """Block this thread until the latch is open."""
        rest(math.inf, self._opened)

    async def wait(self) -> None:
        """Wait until the latch is open."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        with self._lock:
            if self._opened.is_set():
                return
            self._turns[turn] = loop
        try:
            await turn
        finally:
            with self._lock:
                self._turns.pop(turn, None)


def _take_turn(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


@dataclass(frozen=True, slots=True)
class Part:
    """What one run of a body does that the real function does not. All of it is optional, and happens in this order."""

    latch: Latch | None = None
    """Waits until it is open."""
    seconds: float = 0.0
    """Waits so long."""
    error: BaseException | None = None
    """Raised; the real function does not run."""
    change: Callable[[Any], Any] | None = None
    """Makes the result from the real one; of a stream, each item from the real one."""

    def begin(self) -> None:
        """Wait, and raise, in a function that blocks."""
        if self.latch is not None:
            self.latch.wait_blocking()
        if self.seconds > 0:
            rest(self.seconds)
        self._raise()

    async def abegin(self) -> None:
        """Wait, and raise, in a coroutine."""
        if self.latch is not None:
            await self.latch.wait()
        if self.seconds > 0:
            await _pause(self.seconds)
        self._raise()

    def end(self, value: Any) -> Any:
        """The result."""
        return value if self.change is None else self.change(value)

    def _raise(self) -> None:
        if self.error is not None:
            # The same object may be raised again and again: what it has been through before is no part of its story.
            self.error.__context__ = None
            raise self.error.with_traceback(None)


async def _pause(seconds: float) -> None:
    clock = clock_in_use()
    if clock is None or isinstance(asyncio.get_running_loop(), VirtualLoop):
        await asyncio.sleep(seconds)
    else:
        # A FakeRuntime: its clock moves, and the loop's timers do not.
        clock.advance(seconds)
        await asyncio.sleep(0)


def stand_in(fn: Any, play: Callable[[], Part], kind: Kind | None = None) -> Any:
    """A function of `fn`'s kind that asks `play` for its part each time its body starts."""
    if isinstance(fn, staticmethod | classmethod):
        return type(fn)(stand_in(fn.__func__, play))
    made = _MAKERS[kind or Target(fn).kind](fn, play)
    return functools.update_wrapper(made, fn)


def _function(fn: Callable[..., Any], play: Callable[[], Part]) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        part = play()
        part.begin()
        return part.end(fn(*args, **kwargs))

    return function


def _coroutine_function(fn: Callable[..., Any], play: Callable[[], Part]) -> Callable[..., Any]:
    async def coroutine_function(*args: Any, **kwargs: Any) -> Any:
        part = play()
        await part.abegin()
        return part.end(await fn(*args, **kwargs))

    return coroutine_function


def _generator_function(fn: Callable[..., Any], play: Callable[[], Part]) -> Callable[..., Any]:
    def generator_function(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        part = play()
        part.begin()
        items: Generator[Any, Any, Any] = fn(*args, **kwargs)
        advance: Callable[[Any], Any] = items.send
        argument: Any = None
        # What `yield from` does, but for the change.
        while True:
            try:
                item = advance(argument)
            except StopIteration as ended:
                return ended.value
            try:
                argument = yield part.end(item)
                advance = items.send
            except GeneratorExit:
                items.close()
                raise
            except BaseException as error:  # noqa: BLE001 - what the consumer throws in belongs to the function
                advance, argument = items.throw, error

    return generator_function


def _async_generator_function(fn: Callable[..., Any], play: Callable[[], Part]) -> Callable[..., Any]:
    async def async_generator_function(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        part = play()
        await part.abegin()
        items: AsyncGenerator[Any, Any] = fn(*args, **kwargs)
        try:
            item = await anext(items)
            while True:
                # What `yield from` would do, which async generators do not have.
                try:
                    sent = yield part.end(item)
                except GeneratorExit:
                    await items.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - what the consumer throws in belongs to the function
                    item = await items.athrow(error)
                else:
                    item = await items.asend(sent)
        except StopAsyncIteration:
            return

    return async_generator_function


_MAKERS = {
    Kind.FUNCTION: _function,
    Kind.COROUTINE: _coroutine_function,
    Kind.GENERATOR: _generator_function,
    Kind.ASYNC_GENERATOR: _async_generator_function,
}
