"""Tools for tests of guarded code: time that passes at once.

`FakeRuntime` moves the clock of every guarded call by hand, and pauses between retries take no time. `virtual_time`
runs async code on an event loop that jumps to its next timer when nothing is ready, so that `asyncio.sleep` takes no
time either and concurrency still comes out right.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from agentguard.core.runtime import LOOP, THREAD, LoopRuntime, ThreadRuntime

T = TypeVar("T")

__all__ = ("FakeRuntime", "VirtualLoop", "run_virtual", "virtual_time")


class FakeRuntime:
    """A clock that stands still until it is moved; sleeping moves it. For the time of a `with` block, everywhere.

    It replaces the clock of every guarded call in the process, so use one at a time. It does not move the timers of an
    event loop: for time-outs of coroutines, and for several tasks at once, use `virtual_time`.
    """

    def __init__(self, start: float = 1_000.0) -> None:
        self._now = start
        self.sleeps: list[float] = []
        """Every pause that was asked for, in order, in seconds."""
        self._saved: list[list[tuple[Any, Any, Any]]] = []

    def now(self) -> float:
        """Monotonic seconds, as guarded calls see them."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        """What a pause does: note it and move the clock."""
        self.sleeps.append(seconds)
        self._now += max(seconds, 0.0)

    def __enter__(self) -> Self:
        self._saved.append([_swap(runtime, self.now, self.sleep) for runtime in (LOOP, THREAD)])
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for runtime, now, sleep in self._saved.pop():
            _swap(runtime, now, sleep)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when nothing else is ready.

    Threads are not virtual: while a blocking tool runs in one, the clock does not wait for it.
    """

    def __init__(self, start: float = 1_000.0) -> None:
        self._virtual_now = start
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Virtual monotonic seconds."""
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._virtual_now += seconds


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for the loop's next timer, moves the loop's clock to it."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout is None:
            # No timer either: only another thread can go on, so wait for it.
            return super().select(None)
        if not ready and timeout:
            self._loop.jump(timeout)
        return ready


@contextmanager
def virtual_time() -> Iterator[VirtualLoop]:
    """A `VirtualLoop` whose clock all guarded calls use, for the time of the block.

    Run coroutines on it with `loop.run_until_complete(...)`. Tasks left over are cancelled at the end.
    """
    loop = VirtualLoop()
    saved = [_swap(runtime, loop.time, runtime.sleep) for runtime in (LOOP, THREAD)]
    try:
        yield loop
    finally:
        for runtime, now, sleep in saved:
            _swap(runtime, now, sleep)
        try:
            loop.run_until_complete(_end(asyncio.all_tasks(loop)))
        finally:
            loop.close()


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on a `VirtualLoop`, as `asyncio.run` would, and give its value."""
    with virtual_time() as loop:
        return loop.run_until_complete(main)


def _swap(runtime: LoopRuntime | ThreadRuntime, now: Any, sleep: Any) -> tuple[Any, Any, Any]:
    saved = (runtime, runtime.now, runtime.sleep)
    runtime.now, runtime.sleep = now, sleep
    return saved


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
