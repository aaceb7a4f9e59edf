"""Calls of guarded functions that record nothing."""

from __future__ import annotations

from collections.abc import Iterator

from bench.guards import EVERYTHING, INLINE, Counted, pass_on
from bench.meter import Row, Scale, Subject, awaiting, calling, measure

_EVERYTHING = (
    "validation in and out, retries, time-out, budget, rates, breaker, concurrency, loop guard, hooks, answers"
)


def rows(scale: Scale) -> Iterator[Row]:
    for subject in _subjects(Counted()):
        yield measure(subject, scale)


def _subjects(counted: Counted) -> Iterator[Subject]:
    def asynchronous(name: str, limit_us: float | None, includes: str, **options: object) -> Subject:
        call = awaiting(counted.coroutine(**options))
        return Subject(name, call, lambda: counted.runs, includes, limit_us=limit_us)

    def synchronous(name: str, limit_us: float | None, includes: str, **options: object) -> Subject:
        call = calling(counted.function(**options))
        return Subject(name, call, lambda: counted.runs, includes, limit_us=limit_us)

    yield asynchronous("nothing on, async", 1.5, "`@guard`")
    yield synchronous("nothing on, sync", 1.5, "`@guard`")
    yield asynchronous("retries, async", None, "`@guard(max_retries=3)`", max_retries=3)
    yield synchronous("retries, sync", None, "`@guard(max_retries=3)`", max_retries=3)
    yield asynchronous("validation, async", None, "`@guard(validate_input=True)`", validate_input=True)
    yield asynchronous("ten empty layers", 4.0, "`@guard(middleware=[...])`", middleware=[pass_on] * 10)
    yield asynchronous("all in-memory layers, async", 7.0, _EVERYTHING, config=EVERYTHING)
    yield synchronous("all in-memory layers, sync", 7.0, _EVERYTHING, config=INLINE)
