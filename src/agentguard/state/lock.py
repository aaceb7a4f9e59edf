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
    """Whether a decision is being made right now; guarded by `LOCK`.

    The garbage collector may finalize an abandoned stream at any allocation, also inside a decision, and the stream
    then settles in the very thread that holds the lock. A plain lock would deadlock, and a reentrant one would let the
    counters change in the middle of the decision; so the settling waits for the decision's end.
    """

    __slots__ = ("deferred", "is_taken")

    def __init__(self) -> None:
        self.is_taken = False
        self.deferred: deque[Callable[[], object]] = deque()

    def catch_up(self) -> None:
        """Do what had to wait for the decision. The caller holds `LOCK`, and no longer decides."""
        while self.deferred:
            self.deferred.popleft()()


TURN = Turn()

# Held during a fork, so that the child's copy is never one that another thread had taken.
os.register_at_fork(before=LOCK.acquire, after_in_child=LOCK.release, after_in_parent=LOCK.release)
