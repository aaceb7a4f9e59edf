"""`Repetition`: whether an agent is going round in circles.

A circle of period p is a stretch in which every call equals the one p calls before it: A A A (p = 1), A B A B (p = 2).
Instead of scanning the history at each call, the place of the last *break* is kept for each period, where a call
differed from the one p before it. How often the circle has been gone round follows from the distance to that break.
Breaks only depend on pairs of calls, so results may come late and in any order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Final, Literal

from agentguard.core.config import LoopGuardConfig

Rung = Literal["ok", "warn", "ask", "block", "halt"]
"""What is to be done about a call, mildest first."""

LOOK_BACK_SECONDS: Final = 60.0
"""How far back to look where no session or run limits the history. Ours: loops seen in agents turn within seconds, and
a tool called alike once a minute for ever is a scheduled one."""

_LONGEST_HISTORY: Final = 4096
"""Calls remembered at most, however far apart the thresholds are (about 0.5 MB)."""


class Sighting:
    """One call as the history saw it; hand it back to `conclude`."""

    # What nearly every call is stands on the class.

    count: int = 1
    """How often the circle has now been gone round, this call included; 1 when nothing repeats."""
    period: int = 1
    """Calls in the circle."""
    rung: Rung = "ok"
    """What to do about it."""
    _digest: Hashable = None  # not known (yet), which equals anything

    def __init__(self, index: int, key: Hashable, seen_at: float) -> None:
        self._index = index
        self._key = key
        self._seen_at = seen_at


class Repetition:
    """The history of one session, run or tool.

    A call is its key (tool and canonical arguments) together with the digest of its result. Calls with different
    arguments never repeat each other, whatever their results; equal calls with different results are progress. While a
    result is pending it equals any other. Not safe to share: the caller holds the lock.
    """

    __slots__ = ("_breaks", "_config", "_fresh_at", "_history", "_latest", "_look_back", "_recent")

    def __init__(self, config: LoopGuardConfig, look_back: float | None = None) -> None:
        """`look_back`: seconds after which a call is forgotten; None: never."""
        self._config = config
        self._look_back = look_back
        # As many calls as it takes to go round the longest circle `halt_after` times.
        most = min(config.max_period * config.halt_after, _LONGEST_HISTORY)
        self._history: deque[Sighting] = deque(maxlen=most)
        self._recent: deque[Hashable] = deque(maxlen=config.max_period)
        self._latest = 0
        self.reset()

    def reset(self) -> None:
        """Forget every call; sightings still open conclude into nothing."""
        # Numbers go on, so that a sighting from before is never taken for one from after.
        self._fresh_at = self._latest
        self._breaks = [self._latest] * (self._config.max_period + 1)
        self._history.clear()
        self._recent.clear()

    def observe(self, key: Hashable, now: float) -> Sighting:
        """See a call before it runs, and say how often it has come round.

        `now` is monotonic seconds and must not go backwards. The key is kept for some 80 calls, so digest a long one.
        """
        self._latest = index = self._latest + 1
        if key in self._recent:
            sighting = self._find(key, index, now)
        else:
            self._fresh_at = index  # unlike each of the last calls: a break for every period at once
            sighting = Sighting(index, key, now)
        self._recent.append(key)
        self._history.append(sighting)
        return sighting

    def conclude(self, sighting: Sighting, digest: Hashable) -> None:
        """Say what came of the call: the digest of its result or error; None when it did not run.

        A call that did not run says nothing about the tool, so it goes on equalling any result. That holds for every
        call on the rungs "block" and "halt", whatever the digest: the refusal of a loop must not look like progress,
        or `halt_after` would never be reached.
        """
        if self.note(sighting, digest):
            self.compare(sighting)

    def note(self, sighting: Sighting, digest: Hashable) -> bool:
        """The first half of `conclude`, without the lock: True when the caller must take it and `compare`.

        Nothing to compare with means that no equal call has been seen since, and none just before. One that is seen
        from now on finds the digest when it concludes itself, because it is stored before anything is read.
        """
        if digest is None or sighting.rung in _STOPPED:
            return False
        sighting._digest = digest
        return sighting._index != self._latest or sighting._index > self._fresh_at

    def _find(self, key: Hashable, index: int, now: float) -> Sighting:
        """The longest count among all periods; of equal ones the shortest period."""
        calls = self._calls_in_sight(now)
        history, breaks, fresh_at = self._history, self._breaks, self._fresh_at
        best, period = 1, 1
        size = len(history)
        for p in range(1, len(breaks)):
            if p > size or history[-p]._key != key:
                breaks[p] = index
                continue
            last_break = breaks[p] if breaks[p] > fresh_at else fresh_at
            # From the break on every call equals the one p before it, so the circle began p calls earlier still.
            count = min(index - last_break + p, calls) // p
            if count > best:
                best, period = count, p
        sighting = Sighting(index, key, now)
        sighting.count, sighting.period, sighting.rung = best, period, self._rung(best)
        return sighting

    def _calls_in_sight(self, now: float) -> int:
        """How many of the latest calls, with the one being observed, are recent enough to count."""
        if self._look_back is None:
            return self._latest
        oldest = now - self._look_back
        in_sight = 1
        for sighting in reversed(self._history):
            if sighting._seen_at < oldest:
                break
            in_sight += 1
        return in_sight

    def compare(self, sighting: Sighting) -> None:
        """The second half of `conclude`: a break wherever the result differs from that of an equal call p before or
        after it.
        """
        history, breaks, index, digest = self._history, self._breaks, sighting._index, sighting._digest
        size, newer = len(history), self._latest - index
        if newer >= size:
            # So many calls since that it has left the history, and changes nothing.
            return
        for p in range(1, len(breaks)):
            if newer + p < size and _differ(history[-1 - newer - p], sighting, digest):
                breaks[p] = max(breaks[p], index)
            if p <= newer and _differ(history[p - 1 - newer], sighting, digest):
                breaks[p] = max(breaks[p], index + p)

    def _rung(self, count: int) -> Rung:
        config = self._config
        if count < config.warn_after:
            return "ok"
        if count < config.ask_after:
            return "warn"
        if count < config.block_after:
            return "ask"
        return "block" if count < config.halt_after else "halt"


_STOPPED: Final = ("block", "halt")


def _differ(other: Sighting, sighting: Sighting, digest: Hashable) -> bool:
    """Whether two calls with the same key had results that are both known and not the same."""
    return other._digest is not None and other._digest != digest and other._key == sighting._key
