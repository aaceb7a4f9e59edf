"""`RateLimit`: when the next call may go.

The shortest window given is a GCRA, the generic cell rate algorithm of ATM networks (ITU-T I.371; as a rate limiter:
https://brandur.org/rate-limiting): one number, the time at which the next call is due, spaces calls evenly after a
burst. A longer window is an exact sliding log of start times. Were it a GCRA too, 5 per second with 100 per hour would
space all calls 36 seconds apart; the log lets 100 go at 5 per second and then waits for the first to be an hour old.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final

from agentguard.core.config import RateLimitConfig

SLACK: Final = 1e-9
"""Seconds a call may come too early. Without it a caller that slept for exactly `wait()` is refused by rounding."""


class RateLimit:
    """Decides for one limit. Times are monotonic seconds that do not go backwards.

    First come, first served by construction: each call that is let in, also one that must wait, moves the time of the
    next. Not safe to share: the caller holds the lock. Memory: one time per call within each
    longer window, and per call that waits.
    """

    __slots__ = ("_before", "_interval", "_latest", "_logs", "_next", "_tolerance", "_undoable")

    def __init__(self, config: RateLimitConfig) -> None:
        rates = ((1.0, config.calls_per_second), (60.0, config.calls_per_minute), (3600.0, config.calls_per_hour))
        (window, rate), *longer = [(window, rate) for window, rate in rates if rate is not None]
        self._interval = window / rate
        self._tolerance = (config.burst - 1) * self._interval
        self._logs = tuple(_log(window, rate) for window, rate in longer)
        # The "theoretical arrival time" less the tolerance: the earliest time at which the next call may start.
        self._next = -inf
        self._latest = -inf  # the start of the latest call
        self._undoable = inf  # the same, as long as that call may still be undone exactly ...
        self._before = (-inf, -inf)  # ... by going back to what was due and the latest start before it

    def wait(self, now: float) -> float:
        """Seconds until a call made now may start; 0.0 when it may start at once. Changes nothing."""
        wait = self._due() - now
        return wait if wait > SLACK else 0.0

    def take(self, now: float) -> float:
        """Let a call in, and return the time at which it may start: `now`, or later by `wait(now)`.

        Does not refuse: ask `wait(now)` first, and take only if the call is prepared to wait that long.
        """
        start = self._due()
        return self._book(now if start <= now + SLACK else start, now)

    def take_now(self, now: float) -> float | None:
        """Like `take` when the call may start at once; None, and nothing is taken, when it would have to wait."""
        due = self._due() if self._logs else max(self._next, self._latest)
        return None if due > now + SLACK else self._book(now, now)

    def give_back(self, start: float) -> None:
        """Undo a `take` whose call did not run; `start` is what it returned.

        When others have taken since, their starts stand and the place in between stays empty: to hand it to the next
        caller would put two calls at the time of one.
        """
        if start >= self._undoable:
            self._next, self._latest = self._before
            self._undoable = inf
        for starts, _, _ in self._logs:
            _remove(starts, start)

    def pause_until(self, when: float) -> None:
        """Let nothing start before `when` (a server's Retry-After), and no burst right after it. Never shortens."""
        if when > self._next:
            self._next = when
            self._undoable = inf

    def reset(self) -> None:
        """Forget every call and pause."""
        self._next = self._latest = -inf
        self._undoable = inf
        for starts, _, _ in self._logs:
            starts.clear()

    def _book(self, start: float, now: float) -> float:
        self._before = self._next, self._latest
        self._undoable = self._latest = start
        refilled = start - self._tolerance
        self._next = (refilled if refilled > self._next else self._next) + self._interval
        for starts, window, limit in self._logs:
            starts.append(start)
            # Only what no later call can meet: a start that is merely crowded out returns with a `give_back`.
            while len(starts) > limit and starts[0] + window <= now:
                starts.popleft()
        return start

    def _due(self) -> float:
        """The earliest time at which the next call may start; may be long past."""
        # Not before the latest start: after a `give_back` a log may have room before a call that is already waiting.
        due = self._next if self._next > self._latest else self._latest
        for starts, window, limit in self._logs:
            if len(starts) >= limit and starts[-limit] + window > due:
                due = starts[-limit] + window
        return due


def _log(window: float, rate: float) -> tuple[deque[float], float, int]:
    """An empty log of starts, and within how many seconds there may be how many."""
    # 2.5 an hour is 2 an hour, on the safe side; 0.5 an hour is 1 in two hours.
    return deque(), (window if rate >= 1 else window / rate), max(1, int(rate))


def _remove(starts: deque[float], start: float) -> None:
    """Forget the latest start that is not after `start`; it is nearly always the last one."""
    for position in range(len(starts) - 1, -1, -1):
        if starts[position] <= start:
            del starts[position]
            return
