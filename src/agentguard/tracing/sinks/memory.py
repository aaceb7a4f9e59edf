"""Spans in memory: for tests, and for programs that look at their own traces."""

from __future__ import annotations

from collections.abc import Sequence

from agentguard.tracing.query import Query
from agentguard.tracing.session_log import SessionLog
from agentguard.tracing.sinks.port import Outcome, SessionSummary
from agentguard.tracing.sinks.summary import outcomes_of, sessions_of
from agentguard.tracing.span import Span
from agentguard.tracing.spool import Record


class MemorySink:
    """Sink and reader of one recorder's newest spans. Ends with the process."""

    def __init__(self, limit: int = 100_000, *, max_bytes: int = 256_000_000) -> None:
        self.skipped = 0
        self._log = SessionLog(limit, max_bytes=max_bytes)

    def open(self) -> None:
        """Nothing has to be made ready."""

    def write(self, records: Sequence[Record], /) -> None:
        """Keep the spans; the oldest go when there is no room."""
        for _, span in records:
            self._log.collect(span)

    def close(self) -> None:
        """Nothing is held that has to be let go."""

    def abandon(self) -> None:
        """A forked child has a copy of its own."""

    def spans(self, query: Query, /) -> list[Span]:
        """The spans asked for, by start; `query.recorder` is the one this sink is for."""
        return query.newest([span for span in self._log.spans() if query.matches(span)])

    def outcomes(self, query: Query, /) -> list[Outcome]:
        """The tool calls asked for."""
        return outcomes_of(self.spans(query))

    def sessions(self) -> list[SessionSummary]:
        """Every session, by start."""
        return sessions_of(self._log.spans())
