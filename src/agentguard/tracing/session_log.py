"""The memory of a session: its newest calls, in no file."""

from __future__ import annotations

from collections import deque
from operator import attrgetter

from agentguard.tracing.entry import TraceEntry, entries_of
from agentguard.tracing.span import Span

by_start = attrgetter("started_at")


class SessionLog:
    """A collector that keeps the newest spans in memory. May be shared by tasks and threads.

    Tool calls and what happened inside them are counted apart, so that attempts do not push calls out.
    """

    def __init__(self, limit: int = 10_000, *, max_bytes: int = 64_000_000) -> None:
        self.max_bytes = max_bytes
        """Roughly how much memory it may hold; the oldest go first."""
        self._calls: deque[Span] = deque(maxlen=limit)
        self._inside: deque[Span] = deque(maxlen=limit)
        self._bytes = 0

    def collect(self, span: Span, /) -> None:
        """Keep `span`, at the cost of the oldest one when there is no room."""
        # No lock: appending to a deque is atomic. Two threads may lose an addition to `_bytes`, and a span pushed out
        # by the limit is not taken off; `_trim` counts anew before it drops anything.
        (self._calls if span.kind == "tool" else self._inside).append(span)
        self._bytes += span.weight
        if self._bytes > self.max_bytes:
            self._trim()

    def _trim(self) -> None:
        for spans in (self._inside, self._calls):
            self._bytes = _weight(self._inside) + _weight(self._calls)
            while self._bytes > self.max_bytes * 0.9 and spans:
                self._bytes -= spans.popleft().weight

    def entries(self) -> list[TraceEntry]:
        """The tool calls, by start."""
        return entries_of(sorted(self._calls.copy(), key=by_start))

    def spans(self) -> list[Span]:
        """Everything, by start."""
        return sorted([*self._calls.copy(), *self._inside.copy()], key=by_start)

    def __len__(self) -> int:
        return len(self._calls)


def _weight(spans: deque[Span]) -> int:
    return sum(span.weight for span in spans.copy())
