"""Threads under a fake clock.

A blocking tool may run in a thread of the pool while its caller waits. What it does there takes no time on a fake
clock; only when it *rests*, because it was scripted to be slow or to hang, may the clock move on to the next moment at
which something happens: the end of its rest, or the time-out of its caller, whichever is first.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from agentguard.core.pool import POOL, Job
from agentguard.testing.clock import Clock, clock_in_use, swapped


class Worker(Protocol):
    """A thread at work for somebody who goes by a fake clock."""

    def rest(self, seconds: float, woken: threading.Event) -> None:
        """Block this thread, the worker's own, for `seconds` of the fake clock, or until `woken` is set."""


WORKER: ContextVar[Worker | None] = ContextVar("agentguard.testing.worker", default=None)
"""The worker that the running code is part of. It follows the context, so what a body calls in turn belongs to it."""


def rest(seconds: float, woken: threading.Event | None = None) -> None:
    """Block this thread for `seconds` of the clock that guarded calls go by; infinity lasts until `woken` is set."""
    woken = threading.Event() if woken is None else woken
    worker, clock = WORKER.get(), clock_in_use()
    if woken.is_set():
        return
    if worker is not None:
        worker.rest(seconds, woken)
    elif clock is not None and seconds < math.inf:
        # The thread that the clock's owner runs in: nothing else can happen meanwhile.
        clock.advance(seconds)
    else:
        woken.wait(min(seconds, threading.TIMEOUT_MAX))


async def rest_here(seconds: float) -> None:
    """What a pause of a plain call does under virtual time."""
    rest(seconds)


@contextmanager
def virtual_blocking(clock: Clock) -> Iterator[None]:
    """Have plain calls of sync tools with a time-out wait on `clock`, for the time of the block."""
    workers: list[_BlockingWorker] = []

    def run_blocking(job: Job, timeout: float) -> bool:
        worker = _BlockingWorker(clock)
        workers.append(worker)
        return worker.run(job, timeout)

    with swapped(POOL, "run_blocking", run_blocking):
        try:
            yield
        finally:
            for worker in workers:
                worker.dismiss()


class _BlockingWorker:
    """Works for a caller that blocks its own thread until the job has ended, or its time-out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._has_ended = False
        self._rests_until: float | None = None
        self._woken = threading.Event()
        self._is_dismissed = False

    def run(self, job: Job, timeout: float) -> bool:
        """As `ThreadPool.run_blocking`. A body that blocks without being scripted to is given up after `timeout` real
        seconds.
        """
        job.context.run(WORKER.set, self)
        job.done = lambda _job: self._end()
        POOL.submit(job)
        try:
            in_time = self._follow(self._clock.now() + timeout, timeout)
        except BaseException:
            POOL.abandon(job)
            raise
        return in_time or not POOL.abandon(job)

    def _follow(self, deadline: float, timeout: float) -> bool:
        """Move the clock from rest to rest; whether the job ended before `deadline`."""
        while True:
            with self._changed:
                if not self._changed.wait_for(self._has_news, min(timeout, threading.TIMEOUT_MAX)):
                    self._move_to(deadline)
                    return False
                if self._has_ended:
                    return True
                until = self._rests_until or 0.0
                if until > deadline:
                    self._move_to(deadline)
                    return False
                self._rests_until = None
                self._move_to(until)
                self._woken.set()

    def _has_news(self) -> bool:
        return self._has_ended or self._rests_until is not None

    def _move_to(self, time: float) -> None:
        self._clock.advance(max(0.0, time - self._clock.now()))

    def _end(self) -> None:
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def rest(self, seconds: float, woken: threading.Event) -> None:
        with self._changed:
            if self._is_dismissed and seconds < math.inf:
                return
            self._woken = woken
            self._rests_until = self._clock.now() + seconds
            self._changed.notify_all()
        woken.wait()
        with self._changed:
            self._rests_until = None

    def dismiss(self) -> None:
        """The clock goes away: let a body that only was slow go on; one that hangs waits for its release."""
        with self._changed:
            self._is_dismissed = True
            if self._rests_until is not None and self._rests_until < math.inf:
                self._woken.set()
