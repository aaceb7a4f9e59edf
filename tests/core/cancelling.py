"""Striking a call at its n-th suspension, for every n there is, and looking at what it leaves behind.

A suspension is every moment at which the call gives the event loop its turn: in a queue, a pause, a body, a hook. There
are four ways to strike: cancel the task there; cancel it at the very moment when the awaited result is there; raise
something in the result's place; close the coroutine, as happens when its loop is torn down.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

from agentguard.testing import run_virtual


@dataclass
class Struck:
    """What came of one call that was struck."""

    number: int
    """The suspension at which it was struck."""
    value: Any = None
    error: BaseException | None = None
    was_struck: bool = False
    """False when the call ended before: then there are no more suspensions to try."""
    thrown: BaseException | None = None
    """What was raised at the suspension, if that was the way to strike."""


class Suspending:
    """Awaits `work`, and strikes when it suspends for the time number `number` (from 0)."""

    def __init__(self, work: Awaitable[Any], number: int, strike: "Strike") -> None:
        self._number = number
        self._strike = strike
        self.steps = work.__await__()
        self.was_struck = False
        self.to_throw: BaseException | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        advance: Callable[[Any], Any] = self.steps.send
        argument: Any = None
        for number in itertools.count():
            try:
                pending = advance(argument)
            except StopIteration as done:
                return done.value
            if number == self._number:
                self.was_struck = True
                self._strike(self, pending)
                if self.to_throw is not None:
                    advance, argument = self.steps.throw, self.to_throw
                    continue
            try:
                argument = yield pending
                advance = self.steps.send
            except BaseException as error:
                advance, argument = self.steps.throw, error
        raise AssertionError


Strike = Callable[[Suspending, Any], None]
"""Strikes the suspended call; the second argument is what it waits for: a future, or None for one turn of the loop."""


def cancel(_call: Suspending, _pending: Any) -> None:
    """Cancel the task that awaits the call."""
    asyncio.current_task().cancel()


def cancel_with_the_result(_call: Suspending, pending: Any) -> None:
    """Cancel the task in the turn of the loop in which the result it waits for is there."""
    task = asyncio.current_task()
    if pending is None:
        asyncio.get_running_loop().call_soon(task.cancel)
    else:
        pending.add_done_callback(lambda _: task.cancel())


def close(call: Suspending, _pending: Any) -> None:
    """Close the call's coroutine."""
    call.steps.close()
    raise GeneratorExit


def throw(make: Callable[[], BaseException]) -> Strike:
    """Raise a new exception in the place of what the call awaits."""

    def strike(call: Suspending, _pending: Any) -> None:
        call.to_throw = make()

    return strike


async def struck_at(work: Awaitable[Any], number: int, strike: Strike) -> Struck:
    """Await `work` in a task of its own, and strike it at suspension `number`."""
    call = Suspending(work, number, strike)

    async def outcome() -> Struck:
        # Caught inside the task, so that a KeyboardInterrupt does not end the loop.
        try:
            return Struck(number, value=await call)
        except BaseException as error:
            return Struck(number, error=error)

    struck = await asyncio.ensure_future(outcome())
    struck.was_struck, struck.thrown = call.was_struck, call.to_throw
    return struck


Striker = Callable[[Awaitable[Any]], Awaitable[Struck]]
Scenario = Callable[[Striker], Awaitable[None]]
"""A coroutine function that sets up a tool, passes one call of it to the striker, and checks what is left."""


def strike_everywhere(scenario: Scenario, strike: Strike) -> int:
    """Run `scenario` anew for each suspension of its call; how many there were."""
    for number in itertools.count():
        seen: list[Struck] = []

        async def striker(work: Awaitable[Any], number: int = number, seen: list[Struck] = seen) -> Struck:
            seen.append(await struck_at(work, number, strike))
            return seen[0]

        run_virtual(scenario(striker))
        assert len(seen) == 1, "a scenario strikes exactly one call"
        if not seen[0].was_struck:
            return number
    raise AssertionError
