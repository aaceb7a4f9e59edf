"""A little world of processes on virtual time, in which the reference guard runs. It shares nothing with asyncio.

A process is a generator that yields the seconds it wants to sleep, and gets True if somebody woke it before they were
over.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

Steps = Generator[float, bool, Any]

CLOSE = 1e-6
"""Seconds. Two timers nearer than this are a tie, and nothing says which of them comes first."""


class GivenUpError(Exception):
    """Thrown into a process that somebody gave up."""


class Timer:
    """Something to do at a time."""

    def __init__(self, when: float, act: Callable[[], object]) -> None:
        self.when = when
        self.act = act
        self.is_off = False


class World:
    """Runs processes in the order of their times."""

    def __init__(self, start: float, between: Callable[[float], object]) -> None:
        self.now = start
        self.has_ties = False
        """Whether two independent things were due at the same time: then the order, and what follows, is open."""
        self._between = between  # called with a time between two events, once nothing is left to do at the first
        self._numbers = itertools.count()
        self._timers: list[tuple[float, int, Timer]] = []
        self._soon: deque[Callable[[], object]] = deque()

    def at(self, when: float, act: Callable[[], object]) -> Timer:
        """Do something at a time; at once, if it is past."""
        timer = Timer(when, act)
        if when <= self.now:
            self.soon(lambda: timer.is_off or act())
        elif when < float("inf"):
            heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def soon(self, act: Callable[[], object]) -> None:
        """Do something now, after what is being done."""
        self._soon.append(act)

    def spawn(self, steps: Steps) -> "Process":
        """Start a process now."""
        process = Process(self, steps)
        self.soon(process.begin)
        return process

    def run(self) -> None:
        """Go on until nothing is left to do."""
        while True:
            while self._soon:
                self._soon.popleft()()
            while self._timers and self._timers[0][2].is_off:
                heapq.heappop(self._timers)
            if not self._timers:
                return
            when, _, timer = heapq.heappop(self._timers)
            if when - self.now < CLOSE:
                self.has_ties = True
            else:
                self._between((self.now + when) / 2)
            self.now = when
            timer.act()


class Process:
    """One line of events."""

    def __init__(self, world: World, steps: Steps) -> None:
        self._world = world
        self._steps = steps
        self._timer: Timer | None = None
        self.has_ended = False

    def begin(self) -> None:
        """Take the first step."""
        self._go_on(self._steps.send, None)

    def wake(self) -> None:
        """End its sleep."""
        self._interrupt(lambda: self._go_on(self._steps.send, True))

    def cancel(self) -> None:
        """Give it up where it sleeps; nothing happens if it has ended."""
        if not self.has_ended:
            self._interrupt(lambda: self._go_on(self._steps.throw, GivenUpError()))

    def _interrupt(self, act: Callable[[], object]) -> None:
        if self._timer is not None:
            self._timer.is_off = True
        self._world.soon(act)

    def _go_on(self, step: Callable[[Any], float], argument: Any) -> None:
        try:
            seconds = step(argument)
        except StopIteration:
            self.has_ended = True
        else:
            self._timer = self._world.at(self._world.now + seconds, lambda: self._go_on(self._steps.send, False))
