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

MAX_TURNS: Final = 1_000
"""Turns that can be given back as if they had never been taken. Ours: 0.1 MB, and more than that seldom wait in one
queue; an older one that is given back stays empty, which is only a little too strict."""

_EMPTY: Final = -inf  # the start of a turn that was given back


class RateLimit:
    """Decides for one limit. Times are monotonic seconds that do not go backwards.

    First come, first served by construction: each call that is let in, also one that must wait, moves the time of the
    next. Not safe to share: the caller holds the lock. Memory: one time per call within each
    longer window, and per call that waits.
    """

    __slots__ = ("_interval", "_latest", "_logs", "_next", "_room", "_tolerance", "_turns")

    def __init__(self, config: RateLimitConfig) -> None:
        rates = ((1.0, config.calls_per_second), (60.0, config.calls_per_minute), (3600.0, config.calls_per_hour))
        (window, rate), *longer = [(window, rate) for window, rate in rates if rate is not None]
        self._interval = window / rate
        self._tolerance = (config.burst - 1) * self._interval
        self._logs = tuple(_log(window, rate) for window, rate in longer)
        # The "theoretical arrival time" less the tolerance: the earliest time at which the next call may start.
        self._next = -inf
        self._latest = -inf  # the start of the latest call
        # The latest turns: when each starts, and what was due and the latest start before it, to go back to.
        self._turns: deque[tuple[float, float, float]] = deque(maxlen=MAX_TURNS)
        self._room: float = 0  # calls that no log can stand in the way of; none: not known

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
        # `_due` and `_book`, written out: nearly every call goes through here, and their frames cost half of it.
        soon = now + SLACK
        due, latest = self._next, self._latest
        if due > soon or latest > soon:
            return None
        if self._room <= 0 and not self._has_room(now):
            return None
        self._room -= 1
        self._turns.append((now, due, latest))
        self._latest = now
        refilled = now - self._tolerance
        self._next = (refilled if refilled > due else due) + self._interval
        for starts, _, _ in self._logs:
            starts.append(now)
        return now

    def give_back(self, start: float) -> None:
        """Undo a `take` whose call did not run; `start` is what it returned.

        When others have taken since, their starts stand and the place in between stays empty: to hand it to the next
        caller would put two calls at the time of one. Once all of them have given back too, it is as if none had come.
        """
        self._empty(start)
        self._room = 0
        for starts, _, _ in self._logs:
            _remove(starts, start)

    def pause_until(self, when: float) -> None:
        """Let nothing start before `when` (a server's Retry-After), and no burst right after it. Never shortens."""
        self._next = max(self._next, when)
        # Giving back a turn from before must not go back to before the pause.
        self._turns.clear()

    def reset(self) -> None:
        """Forget every call and pause."""
        self._next = self._latest = -inf
        self._turns.clear()
        self._room = 0
        for starts, _, _ in self._logs:
            starts.clear()

    def _book(self, start: float, now: float) -> float:
        self._turns.append((start, self._next, self._latest))
        self._latest = start
        refilled = start - self._tolerance
        self._next = (refilled if refilled > self._next else self._next) + self._interval
        self._room -= 1
        for starts, window, limit in self._logs:
            starts.append(start)
            _forget(starts, limit, window, now)
        return start

    def _empty(self, start: float) -> None:
        """Mark a turn as empty, and go back to before every empty one that no other follows."""
        turns = self._turns
        for position in range(len(turns) - 1, -1, -1):
            if turns[position][0] == start:
                turns[position] = (_EMPTY, *turns[position][1:])
                break
        while turns and turns[-1][0] == _EMPTY:
            _, self._next, self._latest = turns.pop()

    def _has_room(self, now: float) -> bool:
        """Whether the logs let a call start now; counts how many of them could follow it at once."""
        self._room = inf
        for starts, window, limit in self._logs:
            while starts and starts[0] + window <= now:
                starts.popleft()
            self._room = min(self._room, limit - len(starts))
            if len(starts) >= limit and starts[-limit] + window > now + SLACK:
                return False
        return True

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


def _forget(starts: deque[float], limit: int, window: float, now: float) -> None:
    """Drop what no later call can meet: a start that is merely crowded out returns with a `give_back`."""
    while len(starts) > limit and starts[0] + window <= now:
        starts.popleft()


def _remove(starts: deque[float], start: float) -> None:
    """Forget `start`; it is nearly always the last one, and not there any more after a `reset`."""
    for position in range(len(starts) - 1, -1, -1):
        if starts[position] == start:
            del starts[position]
            return
