"""A clock that is moved by hand."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from agentguard.testing.clock import Clock, installed
from agentguard.testing.worker import virtual_blocking


class FakeRuntime:
    """A clock that stands still until it is moved; sleeping moves it. For the time of a `with` block, everywhere.

    Pauses between retries take no time, limits and breakers recover when you say so, and a plain call of a sync tool
    that is `slow_by` so many seconds, or hangs, meets its `timeout=` at once.

    It replaces the clock of every guarded call in the process, so use one at a time, from one thread. It does not move
    the timers of an event loop: for time-outs of coroutines, and for several tasks at once, use `virtual_time`.
    """

    def __init__(self, start: float = 1_000.0) -> None:
        self._now = start
        self.sleeps: list[float] = []
        """Every pause that was asked for, in order, in seconds."""
        self._entered: list[ExitStack] = []

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
        clock = Clock(self.now, self.advance)
        with ExitStack() as stack:
            stack.enter_context(installed(clock, loop_sleep=self.sleep, thread_sleep=self.sleep))
            stack.enter_context(virtual_blocking(clock))
            self._entered.append(stack.pop_all())
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._entered.pop().close()
