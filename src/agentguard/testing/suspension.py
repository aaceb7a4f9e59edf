"""Striking an awaitable at its n-th suspension.

A suspension is every moment at which it gives the event loop its turn: in a queue, a pause, a body, a hook. There are
four ways to strike: cancel the task there; cancel it at the very moment when the awaited result is there; raise
something in the result's place; close the coroutine, as happens when its loop is torn down.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

from agentguard.testing.whereabouts import whereabouts


@dataclass(slots=True)
class Struck:
    """What came of one awaitable that was struck."""

    number: int
    """The suspension at which it was struck, from 0."""
    value: Any = None
    """What it gave; None when it raised."""
    error: BaseException | None = None
    """What it raised; None when it gave a value."""
    was_struck: bool = False
    """False when it ended before: then there are no more suspensions to try."""
    thrown: BaseException | None = None
    """What was raised at the suspension, if that was the way to strike."""
    where: str = ""
    """The place in the code at which it was struck."""


class Suspending:
    """Awaits `work`, and strikes when it suspends for the time number `number` (from 0)."""

    def __init__(self, work: Awaitable[Any], number: int, strike: Strike, trail: list[str] | None = None) -> None:
        self._work = work
        self._trail = trail
        self._number = number
        self._strike = strike
        self.steps: Any = work.__await__()
        """What drives the work."""
        self.was_struck = False
        """Whether it came that far."""
        self.to_throw: BaseException | None = None
        """What the strike wants raised at the suspension."""
        self.where = ""
        """The place in the code at which it was struck."""

    def __await__(self) -> Generator[Any, Any, Any]:
        advance: Callable[[Any], Any] = self.steps.send
        argument: Any = None
        for number in itertools.count():
            try:
                pending = advance(argument)
            except StopIteration as done:
                return done.value
            if self._trail is not None:
                self._trail.append(whereabouts(self._work))
            if number == self._number:
                self.was_struck = True
                self.where = whereabouts(self._work)
                self._strike(self, pending)
                if self.to_throw is not None:
                    advance, argument = self.steps.throw, self.to_throw
                    continue
            try:
                argument = yield pending
                advance = self.steps.send
            except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the work
                advance, argument = self.steps.throw, error
        raise AssertionError  # the loop above counts for ever


Strike = Callable[[Suspending, Any], None]
"""Strikes the suspended work; the second argument is what it waits for: a future, or None for one turn of the loop."""


def cancel(_work: Suspending, _pending: Any) -> None:
    """Cancel the task that awaits the work."""
    _current_task().cancel()


def cancel_with_the_result(_work: Suspending, pending: Any) -> None:
    """Cancel the task in the turn of the loop in which the result it waits for is there."""
    task = _current_task()
    if pending is None:
        asyncio.get_running_loop().call_soon(task.cancel)
    else:
        pending.add_done_callback(lambda _done: task.cancel())


def close(work: Suspending, _pending: Any) -> None:
    """Close the work's coroutine."""
    work.steps.close()
    raise GeneratorExit


def throw(make: Callable[[], BaseException]) -> Strike:
    """Raise a new exception in the place of what the work awaits."""

    def strike(work: Suspending, _pending: Any) -> None:
        work.to_throw = make()

    return strike


async def struck_at(work: Awaitable[Any], number: int, strike: Strike, trail: list[str] | None = None) -> Struck:
    """Await `work` in a task of its own, and strike it at suspension `number`. `trail` gets the place of each one."""
    suspending = Suspending(work, number, strike, trail)

    async def outcome() -> Struck:
        # Caught inside the task, so that a KeyboardInterrupt does not end the loop.
        try:
            return Struck(number, value=await suspending)
        except BaseException as error:  # noqa: BLE001 - it is what was asked for
            return Struck(number, error=error)

    struck = await asyncio.ensure_future(outcome())
    struck.was_struck, struck.thrown, struck.where = suspending.was_struck, suspending.to_throw, suspending.where
    return struck


def _current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - strikes run inside of `struck_at`'s task
    return task
