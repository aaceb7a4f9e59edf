"""agentguard's own threads for blocking tools.

asyncio's default executor has min(32, cpus + 4) threads: six hung tools there stop every later `to_thread` and every
DNS look-up, and with them every time-out (measured on two cores). Threads here are daemons, so that a hung tool never
delays the process's exit, and a thread that is given up is replaced, so that hung tools never shrink the pool.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from agentguard.core.forks import renew_in_children

if TYPE_CHECKING:
    import asyncio

MAX_THREADS = 200
"""Threads at work at once, given-up ones not counted. 1,000 calls of 50 ms through 200 threads take 0.25 s plus the
hand-overs; more threads make the event loop wait longer for the interpreter lock."""


class Tally:
    """How many bodies of one tool were given up and still run. Safe to share across threads."""

    def __init__(self) -> None:
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Start at none, as in a forked child, which has no other thread."""
        # Reentrant, as in `ThreadPool`.
        self._lock = threading.RLock()
        self.count = 0

    def add(self) -> None:
        """One more was given up."""
        with self._lock:
            self.count += 1

    def remove(self) -> None:
        """One of them has ended after all."""
        with self._lock:
            self.count -= 1


class Job:
    """One function to call in a thread, and what came of it."""

    __slots__ = ("_call", "abandoned", "context", "done", "error", "has_ended", "hung", "is_started", "value")

    def __init__(self, context: Context, hung: Tally, fn: Callable[..., Any], *args: Any) -> None:
        self.context = context
        """Where the function is called."""
        self._call = (fn, args)
        self.hung = hung
        """Counts the job for as long as it runs on abandoned."""
        self.value: Any = None
        self.error: BaseException | None = None
        self.is_started = False
        """Whether a thread has begun it. This and the next two are guarded by the pool's lock."""
        self.has_ended = False
        """Whether its function has returned or raised."""
        self.abandoned = False
        """Whether nobody waits for it any more."""
        self.done: Callable[[Job], object] = _nobody_waits
        """Called in the thread when the job has ended and was not abandoned; must not block."""

    def run(self) -> None:
        """Call the function and keep its value or its exception."""
        fn, args = self._call
        try:
            self.value = self.context.run(fn, *args)
        except BaseException as error:  # noqa: BLE001 - kept and raised where the result is taken
            self.error = error
        finally:
            # An error that was passed in would be held by its own traceback.
            del self._call, args

    def result(self) -> Any:
        """The function's value; raises its own exception, the same object."""
        if self.error is None:
            return self.value
        try:
            raise self.error
        finally:
            # The traceback would keep this frame, and this frame the exception.
            self.error = None


class ThreadPool:
    """Daemon threads that call jobs, at most `size` at once. Safe to use from every thread and loop."""

    def __init__(self, size: int = MAX_THREADS) -> None:
        self._size = size
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Start without threads and jobs."""
        # A forked child has none of its parent's threads. The lock is reentrant, because the garbage collector may
        # finalize an abandoned call, which abandons its job, in a thread that holds it.
        self._lock = threading.RLock()
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._threads = 0
        """Threads that can take jobs: those on an abandoned job have left."""
        self._load = 0
        """Jobs waiting or running, abandoned ones not counted."""
        self._inboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, _Inbox] = WeakKeyDictionary()

    async def run(self, job: Job, *, stop: Callable[[], object] | None = None) -> Any:
        """Have `job` run in a thread and give its value. Cancelling abandons the job; with `stop`, which makes a
        running one end at once, it is called and the end awaited.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        inbox = self._inboxes.get(loop)
        if inbox is None:
            inbox = self._inboxes[loop] = _Inbox()
        future: asyncio.Future[None] = loop.create_future()
        job.done = inbox.slot_for(future)
        self.submit(job)
        try:
            await future
        except BaseException as error:
            if stop is not None:
                stop()
                if isinstance(error, asyncio.CancelledError):
                    await self._end_of(job, inbox)
            # Cancelled while waiting: the thread cannot be stopped, but nobody waits for it any more.
            self.abandon(job)
            raise
        return job.result()

    async def _end_of(self, job: Job, inbox: _Inbox) -> None:
        """Wait until a job ends that has been stopped; not for one that has not started, and never will."""
        import asyncio

        ended = asyncio.get_running_loop().create_future()
        with self._lock:
            if job.has_ended or not job.is_started:
                return
            # Read by the thread after it has set `has_ended`.
            job.done = inbox.slot_for(ended)
        try:
            await ended
        except BaseException:
            # Cancelled once more.
            self.abandon(job)
            raise

    def run_blocking(self, job: Job, timeout: float) -> bool:
        """Have `job` run in a thread and block this one until it ends; False if `timeout` seconds passed first, and the
        job is then abandoned.
        """
        if sys.is_finalizing():
            # The pool's threads no longer run. What comes now closes a generator that the program left half used.
            job.run()
            return True
        ended = threading.Event()
        job.done = lambda _job: ended.set()
        self.submit(job)
        try:
            in_time = ended.wait(min(timeout, threading.TIMEOUT_MAX))
        except BaseException:
            self.abandon(job)
            raise
        return in_time or not self.abandon(job)

    def submit(self, job: Job) -> None:
        """Queue `job`, and start a thread for it when all are busy and the pool may grow.

        Raises RuntimeError when no thread can be started and none is there to wait for; the job then never runs.
        """
        with self._lock:
            self._load += 1
        self._jobs.put(job)
        try:
            self._grow()
        except RuntimeError:
            if not self._threads and self.abandon(job):
                raise

    def abandon(self, job: Job) -> bool:
        """Give `job` up: if it has not started it never will; if it runs, its thread no longer counts. False when it
        had already ended.
        """
        with self._lock:
            if job.abandoned or job.has_ended:
                return False
            job.abandoned = True
            self._load -= 1
            if job.is_started:
                self._threads -= 1
                job.hung.add()
        with contextlib.suppress(RuntimeError):
            # Others may have been waiting for the thread that was just written off. If none can be started now, they
            # go on waiting for those that are there.
            self._grow()
        return True

    def _grow(self) -> None:
        with self._lock:
            if self._load <= self._threads or self._threads >= self._size:
                return
            self._threads += 1
        try:
            threading.Thread(target=self._work, name="agentguard-tool", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._threads -= 1
            raise

    def _work(self) -> None:
        while self._do_one():
            pass

    def _do_one(self) -> bool:
        """Wait for one job and do it; False when another thread has taken this one's place meanwhile.

        A function of its own, so that an idle thread does not keep its last job's arguments and result alive.
        """
        job = self._jobs.get()
        with self._lock:
            job.is_started = not job.abandoned
        if not job.is_started:
            return True
        job.run()
        with self._lock:
            job.has_ended = True
            if not job.abandoned:
                self._load -= 1
        if job.abandoned:
            job.hung.remove()
            return False
        job.done(job)
        return True


class _Inbox:
    """Ended jobs on their way to one event loop: one wake-up for all that end together, not one each."""

    def __init__(self) -> None:
        # No reference to the loop: as its key in a weak dictionary it could never go.
        self._ended: deque[asyncio.Future[None]] = deque()
        self._is_woken = False

    def slot_for(self, future: asyncio.Future[None]) -> Callable[[Job], None]:
        def deliver(_job: Job) -> None:
            self._ended.append(future)
            # Cleared before the futures are taken, so that none is left behind without a wake-up.
            if not self._is_woken:
                self._is_woken = True
                try:
                    future.get_loop().call_soon_threadsafe(self._take_all)
                except RuntimeError:
                    # The loop was closed meanwhile, and with it whoever waited.
                    self._ended.clear()

        return deliver

    def _take_all(self) -> None:
        self._is_woken = False
        while self._ended:
            future = self._ended.popleft()
            if not future.done():
                future.set_result(None)


def _nobody_waits(_job: Job) -> None:
    pass


POOL = ThreadPool()
"""The process's pool; tools share it, and bound themselves by their own concurrency limits."""
