"""A coroutine cancelled at each of its awaits in turn."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from agentguard.testing.suspension import Struck, cancel, struck_at
from agentguard.testing.virtual_loop import virtual_time

MAX_POINTS = 500
"""Await points after which a coroutine is taken for one that never ends. A scenario of ten guarded calls has 100; the
time it takes grows with the square, and is some seconds for 500."""


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What came of cancelling a coroutine at one of its await points."""

    number: int
    """Which await point, from 1."""
    where: str
    """Its place in the code."""
    outcome: Literal["cancelled", "returned", "raised"]
    """"cancelled" is as it should be: `CancelledError` came out. The others: a value, or another exception."""
    value: Any
    """What it returned although it was cancelled; else None."""
    error: BaseException | None
    """What came out: the `CancelledError`, or another exception; None when it returned."""
    left_over: tuple[str, ...]
    """Names of the tasks that it had started, and that still ran when it was over."""

    def __str__(self) -> str:
        text = {"cancelled": "cancelled", "returned": f"returned {self.value!r}", "raised": f"raised {self.error!r}"}
        leaving = f", and left running: {', '.join(self.left_over)}" if self.left_over else ""
        return f"{self.number}. {self.where}: {text[self.outcome]}{leaving}"


@dataclass(frozen=True, slots=True)
class CancellationReport:
    """What came of cancelling a coroutine everywhere. `print` it to see the await points."""

    points: tuple[Cancellation, ...]
    """One for each await point, in order."""
    value: Any
    """What the coroutine gave when it was not cancelled."""

    def __len__(self) -> int:
        return len(self.points)

    def __str__(self) -> str:
        return "\n".join([f"{len(self)} await points", *(f"  {point}" for point in self.points)])


FOREVER = 10 * 365 * 86_400.0
"""Seconds of virtual time after which a coroutine is taken for one that waits for something that never comes."""

Check = Callable[[Cancellation], Awaitable[None] | None]
"""Looks at what a cancelled coroutine left behind, and raises if it should not be there. May be `async def`."""


def cancel_everywhere(
    make: Callable[[], Awaitable[Any]],
    *,
    check: Check | None = None,
    strict: bool = True,
    max_points: int = MAX_POINTS,
) -> CancellationReport:
    """Run a coroutine once per await point, cancel it there, and look at what it leaves behind.

    It runs on virtual time, from sync code, and one run after the other on the same event loop. A last run is not
    cancelled; whatever that one raises is raised here.

    Args:
        make: Makes a fresh coroutine for each run, and whatever it needs to start from the same state: a coroutine
            function without parameters, or a `lambda`. It is called inside the running loop. A tool that is shared by
            the runs keeps its counters, and a script its count; make them in here.
        check: Called after each cancellation, on the same loop: ask here whether slots, locks and files were given
            back. What it raises is raised here, with a note that says where the coroutine was cancelled.
        strict: Raise unless each cancellation came out as `CancelledError` and left no task running, and all runs went
            the same way. With False, the report says how each cancellation ended.
        max_points: How many await points there may be.

    Raises:
        AssertionError: A cancellation was swallowed or turned into another error, a task was left running, a run waited
            at other places than the ones before (so that some were never tried), or the coroutine does not end by
            itself: it has more than `max_points`, or waits for something that never comes.
    """
    points: list[Cancellation] = []
    with virtual_time() as loop:
        while True:
            trail: list[str] = []
            struck, point = loop.run_until_complete(_one_run(make, points, check, trail))
            if strict:
                _check_way(points, trail)
            if not struck.was_struck:
                break
            points.append(point)
            if len(points) > max_points:
                msg = f"the coroutine did not end after {max_points} await points; the next one is {point.where}"
                raise AssertionError(msg)
    if strict:
        _check_all(points)
    if struck.error is not None:
        raise struck.error
    return CancellationReport(tuple(points), struck.value)


async def _one_run(
    make: Callable[[], Awaitable[Any]], points: list[Cancellation], check: Check | None, trail: list[str]
) -> tuple[Struck, Cancellation]:
    before = asyncio.all_tasks()
    async with asyncio.timeout(FOREVER) as limit:
        struck = await struck_at(make(), len(points), cancel, trail)
    if limit.expired():
        # `struck_at` takes the time-out's cancellation for an outcome, so no TimeoutError is raised.
        place = f"at {points[-1].where}" if points else "at its first await"
        msg = f"the coroutine waits for something that never comes, {place}"
        raise AssertionError(msg)
    if not isinstance(struck.error, Exception | asyncio.CancelledError | None):
        # Ctrl-C, or the time-out of a test runner.
        raise struck.error
    # A task that was cancelled with it says so one turn later.
    await asyncio.sleep(0)
    left_over = asyncio.all_tasks() - before
    point = _point_of(struck, tuple(sorted(_name_of(task) for task in left_over)))
    try:
        if struck.was_struck and check is not None:
            await _ask(check, point)
    finally:
        await _stop(left_over)
    return struck, point


def _point_of(struck: Struck, left_over: tuple[str, ...]) -> Cancellation:
    outcome: Literal["cancelled", "returned", "raised"] = "raised"
    if struck.error is None:
        outcome = "returned"
    elif isinstance(struck.error, asyncio.CancelledError):
        outcome = "cancelled"
    return Cancellation(struck.number + 1, struck.where, outcome, struck.value, struck.error, left_over)


async def _ask(check: Check, point: Cancellation) -> None:
    try:
        answer = check(point)
        if inspect.isawaitable(answer):
            await answer
    except Exception as error:
        error.add_note(f"after the coroutine was cancelled at await point {point}")
        raise


def _name_of(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    return getattr(coroutine, "__qualname__", None) or task.get_name()


async def _stop(tasks: set[asyncio.Task[Any]]) -> None:
    """End what one run left, so that the next starts from nothing."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _check_way(points: list[Cancellation], trail: list[str]) -> None:
    """Check that a run came past the await points at which the ones before it were cancelled."""
    for position, point in enumerate(points):
        here = trail[position] if position < len(trail) else "nothing more: it was at its end"
        if here != point.where:
            msg = (
                f"run {len(points) + 1} went another way than the ones before it: its await point {point.number} was "
                f"{here}; before, it was {point.where}. Each run has to start from the same state: make the tool, and "
                "what it uses, in the coroutine"
            )
            raise AssertionError(msg)


def _check_all(points: list[Cancellation]) -> None:
    bad = [point for point in points if point.outcome != "cancelled" or point.left_over]
    if bad:
        lines = "\n".join(f"  {point}" for point in bad)
        msg = (
            f"{len(bad)} of {len(points)} cancellations did not end well (each should come out as CancelledError, "
            f"with no task left running):\n{lines}"
        )
        raise AssertionError(msg)
