"""The one lock of this process's counters."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

LOCK = threading.RLock()
"""Held for microseconds, never across an await, and never while the user's code runs. One for all counters, so that a
decision over several of them (a breaker shared by two tools, a budget of its own) is all or nothing."""


class Turn:
    """A decision: `with TURN:` holds the lock, and what must not come in between waits for its end.

    The garbage collector may finalize an abandoned stream at any allocation, also inside a decision, and the stream
    then settles in the very thread that holds the lock. A plain lock would deadlock, and a reentrant one would let the
    counters change in the middle of the decision; so the settling is deferred.
    """

    __slots__ = ("deferred", "depth")

    def __init__(self) -> None:
        self.depth = 0
        """Decisions under way, one inside the other: a clean-up that the collector runs may call a guarded tool."""
        self.deferred: deque[Callable[[], object]] = deque()
        """What waits for the outermost one."""

    def __enter__(self) -> None:
        LOCK.acquire()
        self.depth += 1

    def __exit__(self, *_raised: object) -> None:
        self.depth -= 1
        if self.deferred and not self.depth:
            self.catch_up()
        LOCK.release()

    def catch_up(self) -> None:
        """Do what was deferred. The caller holds `LOCK`, and no longer decides."""
        while self.deferred:
            self.deferred.popleft()()


TURN = Turn()

# Held during a fork, so that the child's copy is never one that another thread had taken.
os.register_at_fork(before=LOCK.acquire, after_in_child=LOCK.release, after_in_parent=LOCK.release)
