"""Reading recorded traces: `open_store(path)`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from heapq import merge
from typing import Any, TypeVar

from agentguard.errors import StorageError
from agentguard.tracing.entry import TraceEntry, entries_of
from agentguard.tracing.location import FILE_NAMES, AnyPath, Backend, Location, is_postgres, locate, reader_for
from agentguard.tracing.notices import warn_once
from agentguard.tracing.outlets import flush_within
from agentguard.tracing.query import Query
from agentguard.tracing.recording import WAIT_SECONDS
from agentguard.tracing.session_log import by_start
from agentguard.tracing.sinks.port import Outcome, SessionSummary
from agentguard.tracing.sinks.store_reader import StoreReader
from agentguard.tracing.sinks.summary import merged
from agentguard.tracing.span import Span, SpanKind
from agentguard.tracing.stats import TraceStats, stats_of
from agentguard.tracing.tree import TraceNode, tree_of

T = TypeVar("T", Span, Outcome)


def open_store(path: AnyPath) -> Store:
    """The traces in the folder `path`, in that `.db` or `.jsonl` file, or at that `postgresql://` address.

    Creates and changes nothing, with one exception: what a process that died has recorded, and could not bring into the
    store itself, is brought into it.

    Raises:
        StorageError: There is nothing at `path`, or no traces in it.
        ConfigError: It is an address, and nothing can be read there, or the extra for it is not installed.
    """
    found = os.fspath(path)
    if is_postgres(found):
        location = locate(found, "postgres")
        flush_within(location.path, WAIT_SECONDS)
        return Store([reader_for(location)], location.path)
    flush_within(os.path.realpath(found), WAIT_SECONDS)
    _recover(found)
    there = locations_in(found)
    if there:
        return Store([reader_for(location) for location in there], found)
    if not os.path.exists(found):
        raise StorageError(f"There is no trace store at {found!r}. Record one, or check the path.")
    raise StorageError(f"The folder {found!r} holds no traces: none of {', '.join(FILE_NAMES.values())}.")


def _recover(path: str) -> None:
    # Here and not above: importing agentguard must not load what only an open store needs.
    from agentguard.tracing.journal.recovery import locations_at, recover_before  # noqa: PLC0415

    for location in locations_at(path):
        recover_before(location)


def locations_in(path: str) -> list[Location]:
    """The stores at `path`, a folder, a file or an address; none when there is nothing yet."""
    if is_postgres(path):
        return [locate(path, "postgres")]
    if os.path.isfile(path):
        backend: Backend = "jsonl" if path.endswith(".jsonl") else "sqlite"
        return [Location(backend, os.path.realpath(path))]
    files = [(backend, os.path.join(path, name)) for backend, name in FILE_NAMES.items()]
    return [Location(backend, os.path.realpath(file)) for backend, file in files if os.path.isfile(file)]


class Store:
    """Recorded traces, for reading. Every answer is read anew, also while other processes go on recording.

    Every method raises StorageError when the store can no longer be read. May be shared by threads.
    """

    def __init__(self, readers: list[StoreReader], name: str) -> None:
        self._readers = readers
        self._name = name

    @property
    def skipped(self) -> int:
        """Rows that could not be read, in the latest answer: damaged, or torn when their process died."""
        return sum(reader.skipped for reader in self._readers)

    def sessions(self, **filters: Any) -> list[SessionSummary]:
        """Every session, by start; the one with the id None gathers what was recorded outside of sessions.

        The filters are those of `spans`: with any, only the spans that fit are counted, and `limit` keeps the newest
        sessions.
        """
        query = Query(**filters)
        found = merged([session for reader in self._readers for session in self._answer(reader.sessions, query)])
        return found if query.limit is None else found[max(0, len(found) - query.limit) :]

    def spans(
        self,
        *,
        session: str | None = None,
        tool: str | None = None,
        status: str | None = None,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        trace: str | None = None,
        span: str | None = None,
        kind: SpanKind | None = None,
        limit: int | None = None,
    ) -> list[Span]:
        """The spans that fit every filter given, each once, by start; `limit` keeps the newest.

        Args:
            session: Spans of this session.
            tool: Calls of the tool of this name.
            status: Spans that ended this way: a status of a span ("denied"), of a call ("circuit_open"), or the code of
                a refusal ("concurrency_limit").
            since: Spans that started at or after this time, seconds since 1970.
            until: Spans that started before this time.
            text: Spans in whose name, arguments, result or error this occurs, in any case of letters.
            trace: Spans of this trace.
            span: The span with this id.
            kind: Spans of this kind.
            limit: How many at most.

        Raises:
            ConfigError: `status` is none that a span can have, or `limit` is negative.
        """
        return self._spans(
            Query(
                session=session,
                tool=tool,
                status=status,
                since=since,
                until=until,
                text=text,
                trace=trace,
                span=span,
                kind=kind,
                limit=limit,
            )
        )

    def each_span(self, **filters: Any) -> Iterator[Span]:
        """The spans that `spans` would give, one after the other. Memory stays small, however large the store is."""
        return self._in_turn([reader.each(Query(**filters)) for reader in self._readers], filters.get("limit"))

    def entries(self, **filters: Any) -> list[TraceEntry]:
        """The tool calls that fit every filter given, by start; the filters are those of `spans`, `kind` aside."""
        return entries_of(self._spans(Query(kind="tool", **filters)))

    def tree(self, trace: str) -> list[TraceNode]:
        """The outermost spans of a trace, or of a session, with what happened inside them."""
        return tree_of(self._spans(Query(trace=trace)) or self._spans(Query(session=trace)))

    def stats(self, **filters: Any) -> TraceStats:
        """How the tool calls that fit every filter went, in numbers; the filters are those of `spans`.

        Memory stays small, however large the store is.
        """
        query = Query(**{"kind": "tool", **filters})
        return stats_of(self._in_turn([iter(reader.outcomes(query)) for reader in self._readers], query.limit))

    def ids(self, beginning: str = "", *, limit: int = 1_000) -> list[str]:
        """Ids of sessions and traces that begin like this, in order; where there is none, those of calls inside.

        Takes as long for a large SQLite store as for a small one. `limit` is how many at most.
        """
        found = {each for reader in self._readers for each in reader.ids(beginning, limit)}
        if not found and beginning:
            found = {each for reader in self._readers for each in reader.calls(beginning, limit)}
        return sorted(found)[:limit]

    def tools(self, beginning: str = "", *, limit: int = 1_000) -> list[str]:
        """Names of recorded tools that begin like this, in order; as quickly as `ids`."""
        return sorted({each for reader in self._readers for each in reader.tools(beginning, limit)})[:limit]

    def _spans(self, query: Query) -> list[Span]:
        found: dict[str, Span] = {}
        for reader in self._readers:
            found |= {span.span_id: span for span in self._answer(reader.spans, query)}
        return query.newest(list(found.values()))

    def _answer(self, ask: Callable[..., list[Any]], query: Query) -> list[Any]:
        answer = ask(query)
        self._mention_skipped()
        return answer

    def _in_turn(self, answers: list[Iterator[T]], limit: int | None) -> Iterator[T]:
        """What several readers give by start, by start, and each span once: two recorders may have kept it."""
        if len(answers) == 1:
            yield from answers[0]
        else:
            found: Iterator[T] = _once(merge(*answers, key=by_start))
            yield from found if limit is None else deque(found, maxlen=limit)
        self._mention_skipped()

    def _mention_skipped(self) -> None:
        if self.skipped:
            warn_once(
                ("skipped", self._name), "agentguard: %d rows of %s cannot be read; skipped", self.skipped, self._name
            )


def _once(each: Iterator[T]) -> Iterator[T]:
    seen: set[str] = set()
    for one in each:
        if one.span_id not in seen:
            seen.add(one.span_id)
            yield one
