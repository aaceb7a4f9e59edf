"""Reading recorded traces: `open_store(path)`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from agentguard.errors import StorageError
from agentguard.tracing.entry import TraceEntry, entries_of
from agentguard.tracing.location import FILE_NAMES, AnyPath, Backend, Location, reader_for
from agentguard.tracing.notices import warn_once
from agentguard.tracing.outlets import flush_within
from agentguard.tracing.query import Query
from agentguard.tracing.recording import WAIT_SECONDS
from agentguard.tracing.sinks.port import Outcome, Reader, SessionSummary
from agentguard.tracing.sinks.summary import merged
from agentguard.tracing.span import Span, SpanKind, SpanStatus
from agentguard.tracing.stats import TraceStats, stats_of
from agentguard.tracing.tree import TraceNode, tree_of


def open_store(path: AnyPath) -> Store:
    """The traces in the folder `path`, or in that `.db` or `.jsonl` file. Creates and changes nothing.

    Raises:
        StorageError: There is nothing at `path`, or no traces in it.
    """
    found = os.fspath(path)
    flush_within(os.path.realpath(found), WAIT_SECONDS)
    if not os.path.exists(found):
        raise StorageError(f"There is no trace store at {found!r}. Record one, or check the path.")
    if os.path.isfile(found):
        backend: Backend = "jsonl" if found.endswith(".jsonl") else "sqlite"
        return Store([reader_for(Location(backend, os.path.realpath(found)))], found)
    files = [(backend, os.path.join(found, name)) for backend, name in FILE_NAMES.items()]
    there = [(backend, os.path.realpath(file)) for backend, file in files if os.path.isfile(file)]
    if not there:
        raise StorageError(f"The folder {found!r} holds no traces: none of {', '.join(FILE_NAMES.values())}.")
    return Store([reader_for(Location(backend, file)) for backend, file in there], found)


class Store:
    """Recorded traces, for reading. Every answer is read anew, also while other processes go on recording.

    Every method raises StorageError when the store can no longer be read. May be shared by threads.
    """

    def __init__(self, readers: list[Reader], name: str) -> None:
        self._readers = readers
        self._name = name

    @property
    def skipped(self) -> int:
        """Rows that could not be read, in the latest answer: damaged, or torn when their process died."""
        return sum(reader.skipped for reader in self._readers)

    def sessions(self) -> list[SessionSummary]:
        """Every session, by start; the one with the id None gathers what was recorded outside of sessions."""
        return merged([session for reader in self._readers for session in self._answer(reader.sessions)])

    def spans(
        self,
        *,
        session: str | None = None,
        tool: str | None = None,
        status: SpanStatus | None = None,
        since: float | None = None,
        until: float | None = None,
        trace: str | None = None,
        kind: SpanKind | None = None,
        limit: int | None = None,
    ) -> list[Span]:
        """The spans that fit every filter given, each once, by start; `limit` keeps the newest.

        Args:
            session: Spans of this session.
            tool: Calls of the tool of this name.
            status: Spans that ended this way.
            since: Spans that started at or after this time, seconds since 1970.
            until: Spans that started before this time.
            trace: Spans of this trace.
            kind: Spans of this kind.
            limit: How many at most.

        Raises:
            ConfigError: `status` is none that a span can have, or `limit` is negative.
        """
        return self._spans(
            Query(
                session=session, tool=tool, status=status, since=since, until=until, trace=trace, kind=kind, limit=limit
            )
        )

    def entries(self, **filters: Any) -> list[TraceEntry]:
        """The tool calls that fit every filter given, by start; the filters are those of `spans`, `kind` aside."""
        return entries_of(self._spans(Query(kind="tool", **filters)))

    def tree(self, trace: str) -> list[TraceNode]:
        """The outermost spans of a trace, or of a session, with what happened inside them."""
        return tree_of(self._spans(Query(trace=trace)) or self._spans(Query(session=trace)))

    def stats(self, **filters: Any) -> TraceStats:
        """How the tool calls that fit every filter went, in numbers; the filters are those of `spans`."""
        query = Query(**{"kind": "tool", **filters})
        outcomes: list[Outcome] = []
        for reader in self._readers:
            outcomes += self._answer(reader.outcomes, query)
        return stats_of(outcomes)

    def _spans(self, query: Query) -> list[Span]:
        found: dict[str, Span] = {}
        for reader in self._readers:
            found |= {span.span_id: span for span in self._answer(reader.spans, query)}
        return query.newest(list(found.values()))

    def _answer(self, ask: Callable[..., list[Any]], *question: Query) -> list[Any]:
        answer = ask(*question)
        if self.skipped:
            warn_once(
                ("skipped", self._name), "agentguard: %d rows of %s cannot be read; skipped", self.skipped, self._name
            )
        return answer
