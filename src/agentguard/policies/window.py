"""`Window`: how many of the recent calls failed or were slow."""

from __future__ import annotations

from typing import Final

BUCKETS: Final = 10
"""Parts a window is kept in. Our choice: a tenth is exact enough for a rate, and forgetting stays O(1)."""


class Window:
    """Counts over the last `seconds`, forgotten a tenth of the window at a time.

    Looks back between nine tenths and the whole of `seconds`, and costs the same however many calls it holds. Not
    safe to share: the caller holds the lock. Times are monotonic seconds and must not go backwards.
    """

    __slots__ = ("_calls", "_failures", "_per_second", "_slow", "_tick", "calls", "failures", "slow")

    def __init__(self, seconds: float) -> None:
        self._per_second = BUCKETS / seconds
        self._tick = 0
        self._calls = [0] * BUCKETS
        self._failures = [0] * BUCKETS
        self._slow = [0] * BUCKETS
        self.calls = 0
        """Calls in the window, as of the last `add`."""
        self.failures = 0
        """Those that failed."""
        self.slow = 0
        """Those that were slow, failed or not."""

    def add(self, now: float, *, failed: bool, slow: bool) -> None:
        """Count one call that ended at `now`."""
        tick = int(now * self._per_second)
        if tick != self._tick:
            self._forget(tick)
        bucket = tick % BUCKETS
        self.calls += 1
        self._calls[bucket] += 1
        if failed:
            self.failures += 1
            self._failures[bucket] += 1
        if slow:
            self.slow += 1
            self._slow[bucket] += 1

    def clear(self) -> None:
        """Forget every call."""
        self._calls[:] = self._failures[:] = self._slow[:] = [0] * BUCKETS
        self.calls = self.failures = self.slow = 0

    def _forget(self, tick: int) -> None:
        """Empty the buckets between the last call and this one: they hold what is now older than the window."""
        for passed in range(max(self._tick, tick - BUCKETS) + 1, tick + 1):
            bucket = passed % BUCKETS
            self.calls -= self._calls[bucket]
            self.failures -= self._failures[bucket]
            self.slow -= self._slow[bucket]
            self._calls[bucket] = self._failures[bucket] = self._slow[bucket] = 0
        self._tick = tick
