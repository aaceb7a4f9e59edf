"""The crew: worker processes that are kept warm for the tools of this process.

Our own, and neither pebble (5.2.3) nor loky (3.7.0): both send calls and results by pickle (loky by cloudpickle), which
runs whatever code a hostile worker puts into its answer.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections import deque
from contextvars import Context
from queue import Empty, SimpleQueue

from agentguard.core.forks import renew_in_children
from agentguard.core.pool import POOL, Job, Tally
from agentguard.core.workers.frames import BrokenChannelError, TimeUpError
from agentguard.core.workers.worker import Worker

MAX_WORKERS = max(4, os.cpu_count() or 1)
"""Processes at once: one for each processor, and some where there are few, because tools also wait."""
MAX_CALLS = 1_000
"""Calls after which a worker is replaced, so that what tools leak in it does not add up."""
IDLE_SECONDS = 60.0
"""How long a worker waits for its next call. Then it ends: a program that calls no more tools should keep none."""
_LEAVE_SECONDS = 5.0
"""How long a worker that was told to end may take."""
_EXIT_SECONDS = 1.0
"""The same when the program ends, which should not be late."""


_STARTING = threading.Lock()
"""Held while a worker is started. A process that was forked in the middle of it would keep descriptors that nobody
knows of, and with them the worker's lifeline: so a fork waits."""
os.register_at_fork(before=_STARTING.acquire, after_in_parent=_STARTING.release, after_in_child=_STARTING.release)


class Turn:
    """A call's place in the queue for a worker."""

    def __init__(self) -> None:
        self.is_given_up = False
        """Whether nobody wants the worker any more."""
        # Not an Event: the garbage collector may give up the call in the thread that waits, and only this one's `put`
        # may be called in the middle of its `get`.
        self._calls: SimpleQueue[None] = SimpleQueue()

    def call(self) -> None:
        """Have it look again. Safe from every thread."""
        self._calls.put(None)

    def wait(self, until: float) -> None:
        """Block until it should look again. Raises `TimeUpError` when the time is up, or the call was given up."""
        try:
            self._calls.get(timeout=max(until - time.monotonic(), 0.0))
        except Empty:
            raise TimeUpError from None
        if self.is_given_up:
            raise TimeUpError


class Crew:
    """At most `size` worker processes, shared by all tools. Safe to use from every thread.

    Whoever waits for a worker is served in the order they came. While a call runs, a spare worker is made ready, so
    that the call after a time-out finds one warm. At the program's end, none is left.
    """

    def __init__(
        self, size: int = MAX_WORKERS, *, max_calls: int = MAX_CALLS, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._size = size
        self._max_calls = max_calls
        self._idle_seconds = idle_seconds
        self._workers: set[Worker] = set()
        self.renew()
        renew_in_children(self)
        atexit.register(self.close)

    def renew(self) -> None:
        """Start without workers."""
        # A forked child has its parent's descriptors; as long as it held them, workers would outlive the parent.
        for worker in self._workers:
            worker.disown()
        # Reentrant, because the garbage collector may finalize an abandoned call in a thread that holds it.
        self._lock = threading.RLock()
        self._workers = set()
        """All that are not known to be gone."""
        self._idle: list[Worker] = []
        self._leaving: dict[Worker, float] = {}
        """Those that were told to end, and when they must have."""
        self._count = 0
        """Those that take calls or start to, leaving ones not counted."""
        self._queue: deque[Turn] = deque()
        self._is_closed = False

    @property
    def pids(self) -> list[int]:
        """The ids of all worker processes that may be there."""
        with self._lock:
            return sorted(worker.pid for worker in self._workers)

    def take(self, turn: Turn, tool: str, *, until: float) -> Worker | None:
        """A worker of one's own, preferably one that has loaded `tool`; None when there is room for one that `start`
        must start. Give it back, or drop it.

        Raises:
            TimeUpError: None was free in time (monotonic `until`), or the call was given up.
        """
        with self._lock:
            self._sweep()
            self._queue.append(turn)
        try:
            while not self._may_take(turn):
                turn.wait(until)
            return self._pick(tool)
        finally:
            with self._lock:
                self._queue.remove(turn)
                self._call_first()

    def start(self) -> Worker:
        """A new worker, for who has found room for one. Raises OSError when none can be started."""
        try:
            with _STARTING:
                worker = Worker(self._idle_seconds)
                with self._lock:
                    self._workers.add(worker)
        except BaseException:
            self._leave_room()
            raise
        return worker

    def give_back(self, worker: Worker) -> None:
        """The worker has done what it was taken for, and may be used again."""
        if self._is_closed:
            # Nobody would see it end any more.
            self.drop(worker)
            return
        with self._lock:
            if worker.calls >= self._max_calls:
                self._dismiss(worker)
            else:
                self._idle.append(worker)
            self._sweep()
            self._call_first()

    def drop(self, worker: Worker, *, pause: bool = False) -> bool:
        """Kill a worker that was taken, and wait for it to be gone; False when it is not after a second."""
        is_gone = worker.end(pause=pause)
        with self._lock:
            self._count -= 1
            if is_gone:
                self._workers.discard(worker)
            else:
                self._leaving[worker] = 0.0
            self._call_first()
        return is_gone

    def keep_spare(self, tool: str) -> None:
        """Have a worker ready for `tool` while others are at work, if there is room for one."""
        with self._lock:
            if self._idle or self._is_closed or self._count >= self._size:
                return
            self._count += 1
        try:
            # In another thread, because a system that is busy may take longer for it than the call has time.
            POOL.submit(Job(Context(), Tally(), self._start_spare, tool))
        except RuntimeError:
            # Not even a thread can be started. The call at hand does not need a spare.
            self._leave_room()

    def close(self) -> None:
        """End all workers: idle ones by themselves, those at work at once. Blocks for about a second at most."""
        atexit.unregister(self.close)
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            workers, self._workers = self._workers, set()
        for worker in workers:
            # One that is still loading has nothing to clean up.
            if worker in self._leaving or (worker in idle and worker.is_usable() and worker.is_ready):
                worker.say_goodbye()
            else:
                worker.kill()
        ends = time.monotonic() + _EXIT_SECONDS
        for worker in workers:
            if worker.has_ended(ends - time.monotonic()):
                # What it left running behind.
                worker.let_go()
            else:
                worker.end()

    def _start_spare(self, tool: str) -> None:
        # If it cannot be started, the next call will say so.
        with contextlib.suppress(OSError):
            worker = self.start()
            with contextlib.suppress(BrokenChannelError):
                worker.ask_to_load(tool)
            self.give_back(worker)

    def _leave_room(self) -> None:
        with self._lock:
            self._count -= 1
            self._call_first()

    def _may_take(self, turn: Turn) -> bool:
        if turn.is_given_up:
            raise TimeUpError
        with self._lock:
            return self._queue[0] is turn and (bool(self._idle) or self._count < self._size)

    def _pick(self, tool: str) -> Worker | None:
        """The best idle worker; None when one is to be started, which is then counted. The first in the queue asks."""
        with self._lock:
            for worker in list(self._idle):
                if not worker.is_usable():
                    self._idle.remove(worker)
                    worker.kill()
                    self._dismiss(worker)
            if not self._idle:
                self._count += 1
                return None
            # The last of the best, because it is the warmest; the others may fall idle for good.
            best = max(reversed(self._idle), key=lambda each: (each.is_ready, tool in each.loaded))
            self._idle.remove(best)
            return best

    def _dismiss(self, worker: Worker) -> None:
        worker.say_goodbye()
        self._count -= 1
        self._leaving[worker] = time.monotonic() + _LEAVE_SECONDS

    def _sweep(self) -> None:
        """See who of those that were told to end is gone."""
        for worker, ends in list(self._leaving.items()):
            if time.monotonic() > ends:
                worker.kill()
            if worker.has_ended():
                worker.let_go()
                del self._leaving[worker]
                self._workers.discard(worker)

    def _call_first(self) -> None:
        if self._queue and (self._idle or self._count < self._size):
            self._queue[0].call()


CREW = Crew()
"""The process's crew."""
