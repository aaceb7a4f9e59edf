"""Measuring: CPU time per call, as the minimum of many rounds. Imports nothing but the standard library.

The minimum, because on a shared machine everything that goes wrong only adds. CPU time of the calling thread, because
wall time also counts the neighbours; where other threads work for the call, that of the whole process stands beside it.
Garbage collection is off, so that one row does not pay for another's garbage.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

_QUESTION = "which of the orders of last week were shipped late, and what did the customers write to us about"
ARGUMENTS = [f"{number:04d} {_QUESTION}" for number in range(1_000)]
"""Distinct texts of 102 characters: with equal ones the loop guard would see a loop."""

Batch = Callable[[Sequence[str]], Awaitable[None]]
"""Makes one call for each argument, or has one stream yield one item for each."""


@dataclass(frozen=True)
class Scale:
    """How thoroughly to measure. The tests of the benchmark itself take the smallest."""

    rounds: int = 15
    """Measured rounds, after one that is not; more, if these take less than `seconds`."""
    seconds: float = 0.25
    """How long rounds go on at least: longer than a neighbour's burst of work, which slows all that runs meanwhile."""
    calls: int = len(ARGUMENTS)
    """Calls in a round, at most; slow subjects make fewer."""


@dataclass(frozen=True)
class Subject:
    """Something to measure, with the proof that it was really done."""

    name: str
    """The row's name."""
    batch: Batch
    """Makes the calls of a round."""
    runs: Callable[[], int]
    """How often the body of the called function ran so far."""
    includes: str = ""
    """One line for readers: what is done in a call."""
    limit_us: float | None = None
    """What the design allows a call, in microseconds of the caller. None: there is no budget."""
    limit_of_span: float | None = None
    """What the design allows the caller, as a part of one OpenTelemetry span."""
    limit_process_of_span: float | None = None
    """The same for the whole process until everything has arrived."""
    span: str = "one span, async"
    """Which row of the OpenTelemetry program is meant by that."""
    has_background: bool = False
    """Whether other threads work for the call: the CPU of the whole process is then part of the row."""
    settle: Callable[[], object] = field(default=lambda: None)
    """Waits for the background work of a round; it counts for the process, not for the caller."""
    records: Callable[[], int] | None = None
    """How many records of calls have arrived so far, asked when everything is settled. None: nothing is recorded."""
    calls: int = len(ARGUMENTS)
    """Calls in a round."""


@dataclass(frozen=True)
class Row:
    """One measured figure."""

    name: str
    us: float
    """Microseconds of the caller's CPU time, per call or item; of wall time where the name says so."""
    limit_us: float | None = None
    limit_of_span: float | None = None
    limit_process_of_span: float | None = None
    span: str = ""
    """Which row of the OpenTelemetry program these are parts of."""
    process_us: float | None = None
    """Microseconds of the whole process's CPU time, until all records have arrived. None: no other thread works."""
    includes: str = ""
    count_expected: int = 0
    count_seen: int = 0
    """How often the body ran."""
    records_expected: int = 0
    records_seen: int = 0


def measure(subject: Subject, scale: Scale) -> Row:
    """The subject's row.

    Raises:
        SystemExit: Calls or records were lost; the figure would mean nothing.
    """
    calls = min(subject.calls, scale.calls)
    runs, records = subject.runs(), _arrived(subject)
    us, process_us, rounds = _fastest(subject, ARGUMENTS[:calls], scale)
    expected = calls * rounds
    row = Row(
        name=subject.name,
        us=us,
        limit_us=subject.limit_us,
        limit_of_span=subject.limit_of_span,
        limit_process_of_span=subject.limit_process_of_span,
        span=subject.span if subject.limit_of_span else "",
        process_us=process_us if subject.has_background else None,
        includes=subject.includes,
        count_expected=expected,
        count_seen=subject.runs() - runs,
        records_expected=expected if subject.records else 0,
        records_seen=_arrived(subject) - records,
    )
    check(f"{row.name}: calls", row.count_seen, row.count_expected)
    check(f"{row.name}: records", row.records_seen, row.records_expected)
    return row


def check(what: str, seen: int, expected: int) -> None:
    """Stop when something was lost."""
    if seen != expected:
        msg = f"{what}: {seen} instead of {expected}; the figure would mean nothing"
        raise SystemExit(msg)


def bare(scale: Scale) -> Row:
    """What everything is compared with: the same function, awaited as it is. Nothing counts in it: that would show."""

    async def echo(query: str, limit: int = 5) -> str:
        return query

    subject = Subject("bare await", awaiting(echo), lambda: 0)
    us, _, _ = _fastest(subject, ARGUMENTS[: scale.calls], scale)
    return Row(subject.name, us, includes="the function itself")


def awaiting(call: Callable[[str], Awaitable[object]]) -> Batch:
    """A batch that awaits `call` once for each argument."""

    async def batch(arguments: Sequence[str]) -> None:
        for argument in arguments:
            await call(argument)

    return batch


def calling(call: Callable[[str], object]) -> Batch:
    """A batch that calls `call` once for each argument, inside a running loop."""

    async def batch(arguments: Sequence[str]) -> None:
        for argument in arguments:
            call(argument)

    return batch


def _arrived(subject: Subject) -> int:
    return subject.records() if subject.records else 0


def _fastest(subject: Subject, arguments: Sequence[str], scale: Scale) -> tuple[float, float, int]:
    """Microseconds per call, of the caller and of the process, each in its best round; and the number of rounds."""

    async def all_rounds() -> list[tuple[int, int]]:
        await _time_once(subject, arguments)
        end = time.perf_counter() + scale.seconds
        measured: list[tuple[int, int]] = []
        while len(measured) < scale.rounds or time.perf_counter() < end:
            measured.append(await _time_once(subject, arguments))
        return measured

    gc.collect()
    gc.disable()
    try:
        times = asyncio.run(all_rounds())
    finally:
        gc.enable()
    per_call = len(arguments) * 1_000
    caller_us, process_us = (min(column) / per_call for column in zip(*times, strict=True))
    return caller_us, process_us, len(times) + 1


async def _time_once(subject: Subject, arguments: Sequence[str]) -> tuple[int, int]:
    """Nanoseconds of one round: of the caller until its calls are back, of the process until all is settled."""
    process_started = time.process_time_ns()
    started = time.thread_time_ns()
    await subject.batch(arguments)
    caller = time.thread_time_ns() - started
    subject.settle()
    return caller, time.process_time_ns() - process_started
