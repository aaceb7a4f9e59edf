"""Measuring: the caller's CPU time per call, as the minimum of many rounds.

The minimum, because on a shared machine everything that goes wrong only adds. CPU time of the calling thread, because
wall time also counts the neighbours. Garbage collection is off, so that one row does not pay for another's garbage.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

ROUNDS = 15
ARGUMENTS = [f"{number:04d}" + "x" * 98 for number in range(1_000)]
"""Distinct texts of 102 characters: with equal ones the loop guard would see a loop."""

Batch = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """One measured figure."""

    name: str
    """What was measured."""
    us: float
    """Microseconds of the caller's CPU time, per call or item."""
    limit_us: float | None = None
    """The budget of the design; None where there is none."""


def time_batch(batch: Batch, *, calls: int = len(ARGUMENTS), rounds: int = ROUNDS) -> float:
    """Microseconds per call of a coroutine function that makes `calls` calls."""

    async def best_of_rounds() -> float:
        await batch()
        return min([await _time_once(batch) for _ in range(rounds)])

    gc.collect()
    gc.disable()
    try:
        return asyncio.run(best_of_rounds()) / calls / 1_000
    finally:
        gc.enable()


async def _time_once(batch: Batch) -> int:
    started = time.thread_time_ns()
    await batch()
    return time.thread_time_ns() - started


def awaiting(call: Callable[[str], Awaitable[object]]) -> Batch:
    """A batch that awaits `call` once for each argument."""

    async def batch() -> None:
        for argument in ARGUMENTS:
            await call(argument)

    return batch


def calling(call: Callable[[str], object]) -> Batch:
    """A batch that calls `call` once for each argument, inside a running loop."""

    async def batch() -> None:
        for argument in ARGUMENTS:
            call(argument)

    return batch
