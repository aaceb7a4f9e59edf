"""Spans on one axis of time: where each lies, and how many calls ran at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentguard.tracing.concurrency import Concurrency
from agentguard.tracing.session_log import by_start
from agentguard.tracing.sinks.summary import outcome_of
from agentguard.tracing.span import Span


@dataclass(frozen=True, slots=True)
class Timeline:
    """The stretch of time that some spans cover. Places on it are shares, from 0 to 1."""

    began: float
    """Start of the first span, wall clock."""
    seconds: float
    """From there to the end of the last one."""
    steps: Sequence[tuple[float, int]]
    """When the number of calls that ran at once changed (seconds after the beginning), and to how many."""

    @property
    def peak(self) -> int:
        """Most calls at one moment. Refused calls do not count, nor does a call that waits for calls made inside it."""
        return max((level for _, level in self.steps), default=0)

    def place(self, span: Span) -> tuple[float, float]:
        """Where the span begins, and where it ends."""
        if self.seconds <= 0:
            return 0.0, 1.0
        start = (span.started_at - self.began) / self.seconds
        return min(1.0, max(0.0, start)), min(1.0, max(0.0, start + span.duration / self.seconds))

    def at_once(self, parts: int) -> list[int]:
        """The most calls at one moment in each of so many equal parts of the time."""
        most, level, done = [0] * parts, 0, 0
        for at, following in self.steps:
            part = self._part(at, parts)
            # The level so far lasted until here, and so into this part.
            for each in range(done, part + 1):
                most[each] = max(most[each], level)
            level, done = following, part
            most[part] = max(most[part], level)
        return most

    def _part(self, at: float, parts: int) -> int:
        return 0 if self.seconds <= 0 else min(parts - 1, max(0, int(at / self.seconds * parts)))


def timeline_of(spans: Sequence[Span]) -> Timeline:
    """The time that `spans` cover."""
    began = min((span.started_at for span in spans), default=0.0)
    ended = max((span.started_at + span.duration for span in spans), default=began)
    steps: list[tuple[float, int]] = []
    concurrency = Concurrency(on_change=lambda at, level: steps.append((at - began, level)))
    for span in sorted(spans, key=by_start):
        if span.kind == "tool" and span.status != "denied":
            concurrency.add(outcome_of(span))
    concurrency.finish()
    return Timeline(began, ended - began, steps)
