"""Reading a SQLite trace store, also while another process writes it. Changes nothing in the file."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

from agentguard.errors import StorageError
from agentguard.tracing.query import Query
from agentguard.tracing.row import HEAD, PAYLOADS, span_of
from agentguard.tracing.sinks.fork_gate import no_fork
from agentguard.tracing.sinks.port import Outcome, SessionSummary
from agentguard.tracing.sinks.sqlite_questions import (
    Question,
    add_functions,
    arrived,
    distinct,
    newest,
    page,
    sessions,
)
from agentguard.tracing.sinks.sqlite_schema import COLUMNS, version_of
from agentguard.tracing.sinks.store_reader import AT_ONCE, Position
from agentguard.tracing.sinks.stored_text import readable, storable
from agentguard.tracing.sinks.summary import detailed
from agentguard.tracing.span import Span

_SPAN = ", ".join(f"spans.{name}" for name in COLUMNS)
# The details of calls that simply went well are nowhere but in their other columns.
_OUTCOME = """
spans.kind, name, status, duration, spans.span_id, parent_id,
CASE WHEN status != 'ok' OR instr(attributes, '"attempts"') THEN CAST(attributes AS BLOB) END,
CASE WHEN status != 'ok' THEN CAST(error AS BLOB) END
"""
_PAGE = 2_000
"""Rows read at once of an answer that is handed out one by one: few enough for memory, and for those who write."""

_EVERYTHING = Query()
_BUSY_SECONDS = 5.0
_GUESSES = 3


class SqliteReader:
    """Answers questions about one store file. May be shared by threads: each answer has a connection of its own.

    Every method raises StorageError when the file is missing, damaged, or of a newer agentguard.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        """The store file."""
        self.skipped = 0
        """Rows that could not be read, in the latest answer."""

    def spans(self, query: Query, /) -> list[Span]:
        """The spans asked for, by start."""
        rows = self._rows(newest(_SPAN, query), query)
        spans = [span for span in map(_span, rows) if span is not None]
        self.skipped = len(rows) - len(spans)
        spans.reverse()
        return spans

    def each(self, query: Query, /) -> Iterator[Span]:
        """The spans asked for, one after the other, by start."""
        if query.limit is not None:
            yield from self.spans(query)
            return
        self.skipped = 0
        for row in self._paged(_SPAN, query):
            span = _span(row)
            if span is None:
                self.skipped += 1
            else:
                yield span

    def outcomes(self, query: Query, /) -> Iterator[Outcome]:
        """The tool calls asked for, by start."""
        rows = self._paged(_OUTCOME, query, with_start=True) if query.limit is None else self._newest_outcomes(query)
        return (outcome for outcome in map(_outcome, rows) if outcome is not None)

    def sessions(self, query: Query = _EVERYTHING, /) -> list[SessionSummary]:
        """Every session that the spans asked for belong to, by start."""
        return [SessionSummary(readable(row[0]), *row[1:]) for row in self._rows(sessions(query), query)]

    def ids(self, beginning: str, most: int, /) -> list[str]:
        """Ids of sessions and traces that begin like this, in order, at most so many of each."""
        return sorted({*self._texts("session_id", beginning, most), *self._texts("trace_id", beginning, most)})

    def calls(self, beginning: str, most: int, /) -> list[str]:
        """Ids of tool calls that begin like this, in order, at most so many."""
        # The id of an attempt is that of its call with a number behind a dot.
        return [each for each in self._texts("span_id", beginning, most) if "." not in each]

    def tools(self, beginning: str, most: int, /) -> list[str]:
        """Names of tools that begin like this, in order, at most so many."""
        names = self._texts("name", beginning, most)
        # One look at each name: what is a tool once is not an attempt another time.
        statement = "SELECT kind FROM spans WHERE name = ? LIMIT 1"
        kinds = [self._rows(Question(statement, [storable(name)])) for name in names]
        return [name for name, found in zip(names, kinds, strict=True) if found == [("tool",)]]

    def end(self) -> Position:
        """Where the store ends now."""
        rows = self._rows(Question("SELECT MAX(rowid) FROM spans"))
        return self._inode(), (rows[0][0] or 0) if rows else 0

    def arrivals(self, after: Position, query: Query, /) -> tuple[list[Span], Position]:
        """At most `AT_ONCE` of the spans asked for that arrived after a position, in that order, and where they end."""
        inode, last = self.end()
        # Another file, or emptied: the numbers begin anew.
        start = after[1] if after[0] == inode and after[1] <= last else 0
        rows = self._rows(arrived(_SPAN, query, start, last, AT_ONCE), query) if last > start else []
        spans = [span for span in (_span(row[1:]) for row in rows) if span is not None]
        self.skipped = len(rows) - len(spans)
        return spans, (inode, rows[-1][0] if len(rows) == AT_ONCE else last)

    def _paged(self, columns: str, query: Query, *, with_start: bool = False) -> Iterator[tuple[Any, ...]]:
        """The rows asked for by start, a page at a time: memory stays small, and no writer waits for a slow reader."""
        after = (float("-inf"), -1)
        while True:
            rows = self._rows(page(columns, query, after, _PAGE), query)
            for started_at, _, *row in rows:
                yield (started_at, *row) if with_start else tuple(row)
            if len(rows) < _PAGE:
                return
            after = rows[-1][:2]

    def _newest_outcomes(self, query: Query) -> Iterator[tuple[Any, ...]]:
        return iter(self._rows(newest(f"started_at, {_OUTCOME}", query), query)[::-1])

    def _texts(self, column: str, beginning: str, most: int) -> list[str]:
        """The distinct texts of an indexed column that begin like this, in order, at most so many."""
        rows = self._rows(distinct(column, beginning, most))
        # What had to be escaped begins with a quote in the file, whatever it began with.
        escaped = self._rows(distinct(column, '"', most)) if beginning else []
        texts = {readable(value) for (value,) in (*rows, *escaped) if isinstance(value, str)}
        return sorted(text for text in texts if text is not None and text.startswith(beginning))[:most]

    def _rows(self, question: Question, query: Query = _EVERYTHING) -> list[tuple[Any, ...]]:
        """The answer of the file to one question."""
        for _ in range(_GUESSES):
            before = self._at_rest()
            if before is None:
                break
            try:
                rows = self._answer(question, query, "mode=ro&immutable=1")
            except StorageError:
                if before == self._at_rest():
                    raise
            else:
                if before == self._at_rest():
                    return rows
        return self._answer(question, query, "mode=ro")

    def _at_rest(self) -> tuple[int, ...] | None:
        """What the file looks like while nobody has it open; None while somebody has.

        An ordinary read-only connection makes two files beside a WAL store and leaves them there, or fails where it
        cannot. An "immutable" one makes none, but takes no locks either: what it read holds if nothing changed.
        """
        if os.path.exists(self.path + "-wal"):
            return None
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _inode(self) -> int:
        try:
            return os.stat(self.path).st_ino
        except OSError:
            return 0

    def _answer(self, question: Question, query: Query, mode: str) -> list[tuple[Any, ...]]:
        try:
            address = f"file:{quote(self.path)}?{mode}"
            with no_fork(), closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as connection:
                connection.text_factory = _decoded
                if version_of(connection, self.path) == 0:
                    return []
                add_functions(connection, query)
                return connection.execute(*question).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"Cannot read the trace store {self.path!r}: {error}.") from error


def _decoded(text: bytes) -> str:
    # One damaged text must not hide all the others.
    return text.decode("utf-8", "replace")


def _span(row: tuple[Any, ...]) -> Span | None:
    try:
        head = {
            name: readable(value) if isinstance(value, str) else value for name, value in zip(HEAD, row, strict=False)
        }
        payloads = {
            name: None if value is None else value.encode()
            for name, value in zip(PAYLOADS, row[len(HEAD) :], strict=True)
        }
        return span_of({**head, **payloads})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _outcome(row: tuple[Any, ...]) -> Outcome | None:
    started_at, kind, name, status, duration, span_id, parent_id, attributes, error = row
    if kind != "tool" or not isinstance(name, str):
        return None
    if not isinstance(started_at, float) or not isinstance(duration, float):
        return None  # damaged
    outcome = Outcome(readable(name) or "", status, duration, started_at, span_id, parent_id)
    if attributes is None and error is None:
        return outcome._replace(refusal="rejected") if status == "denied" else outcome
    return detailed(outcome, _mapping(attributes), _mapping(error))


def _mapping(payload: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(payload or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
