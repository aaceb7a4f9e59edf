"""How many calls ran at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush

from agentguard.tracing.sinks.port import Outcome


class Concurrency:
    """Takes calls by start, and holds only those that are going on.

    A call that waits for calls made inside it does not count while they run: two calls inside each other are one at a
    time.
    """

    def __init__(self, on_change: Callable[[float, int], object] | None = None) -> None:
        """Begin with nothing.

        Args:
            on_change: Told each change: when it was, wall clock, and how many run from then on. None: nobody is.
        """
        self._on_change = on_change
        self.peak = 0
        """Most calls at one moment."""
        self.peak_at: float | None = None
        """When that was first so, wall clock; None without calls."""
        self._open: list[tuple[float, str]] = []
        self._above: dict[str, str | None] = {}
        self._inside: Counter[str] = Counter()
        """How many calls go on inside of each that goes on."""

    def add(self, call: Outcome) -> None:
        """Take the next call."""
        self._end_until(call.started_at)
        if call.span_id in self._above:
            return  # twice in a damaged store
        heappush(self._open, (call.started_at + call.duration, call.span_id))
        above = call.parent_id if call.parent_id in self._above else None
        self._above[call.span_id] = above
        if above is not None:
            self._inside[above] += 1
        if self._now > self.peak:
            self.peak, self.peak_at = self._now, call.started_at
        self._tell(call.started_at)

    def finish(self) -> None:
        """Let those that go on come to their end."""
        self._end_until(float("inf"))

    @property
    def _now(self) -> int:
        return len(self._open) - len(self._inside)

    def _tell(self, at: float) -> None:
        if self._on_change is not None:
            self._on_change(at, self._now)

    def _end_until(self, moment: float) -> None:
        while self._open and self._open[0][0] <= moment:
            ended_at, span_id = heappop(self._open)
            self._end(span_id)
            self._tell(ended_at)

    def _end(self, span_id: str) -> None:
        above = self._above.pop(span_id)
        self._inside.pop(span_id, None)
        if above is not None and above in self._inside:
            self._inside[above] -= 1
            if not self._inside[above]:
                del self._inside[above]
