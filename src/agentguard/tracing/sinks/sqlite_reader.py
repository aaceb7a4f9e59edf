"""Reading a SQLite trace store, also while another process writes it. Changes nothing in the file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import Any
from urllib.parse import quote

from agentguard.errors import StorageError
from agentguard.tracing.query import Query
from agentguard.tracing.row import HEAD, PAYLOADS, span_of
from agentguard.tracing.sinks.fork_gate import no_fork
from agentguard.tracing.sinks.port import Outcome, SessionSummary
from agentguard.tracing.sinks.sqlite_schema import COLUMNS, readable, storable, version_of
from agentguard.tracing.span import Span

_SESSIONS = """
SELECT session_id, MIN(started_at), MAX(started_at + duration), SUM(kind = 'tool'),
       SUM(kind = 'tool' AND status NOT IN ('ok', 'stopped_early'))
FROM spans WHERE typeof(started_at) = 'real' AND typeof(duration) = 'real' GROUP BY session_id ORDER BY 2
"""

_BUSY_SECONDS = 5.0
_GUESSES = 3


class SqliteReader:
    """Answers questions about one store file. May be shared by threads: each answer has a connection of its own."""

    def __init__(self, path: str) -> None:
        self.path = path
        """The store file."""
        self.skipped = 0
        """Rows that could not be read, in the latest answer."""

    def spans(self, query: Query, /) -> list[Span]:
        """The spans asked for, by start.

        Raises:
            StorageError: The file is missing, damaged, or of a newer agentguard.
        """
        rows = self._rows(*_select(", ".join(f"spans.{name}" for name in COLUMNS), query))
        spans = [span for span in map(_span, rows) if span is not None]
        self.skipped = len(rows) - len(spans)
        spans.reverse()
        return spans

    def outcomes(self, query: Query, /) -> list[Outcome]:
        """The tool calls asked for."""
        rows = self._rows(*_select("spans.kind, name, status, duration", query))
        return [
            Outcome(readable(name) or "", status, duration)
            for kind, name, status, duration in rows
            if kind == "tool" and isinstance(name, str) and isinstance(duration, float)
        ]

    def sessions(self) -> list[SessionSummary]:
        """Every session, by start."""
        return [SessionSummary(readable(row[0]), *row[1:]) for row in self._rows(_SESSIONS, [])]

    def _rows(self, statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
        """The answer of the file to one statement."""
        for _ in range(_GUESSES):
            before = self._at_rest()
            if before is None:
                break
            try:
                rows = self._answer(statement, values, "mode=ro&immutable=1")
            except StorageError:
                if before == self._at_rest():
                    raise
            else:
                if before == self._at_rest():
                    return rows
        return self._answer(statement, values, "mode=ro")

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

    def _answer(self, statement: str, values: list[Any], mode: str) -> list[tuple[Any, ...]]:
        try:
            address = f"file:{quote(self.path)}?{mode}"
            with no_fork(), closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as connection:
                connection.text_factory = _decoded
                if version_of(connection, self.path) == 0:
                    return []
                return connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"Cannot read the trace store {self.path!r}: {error}.") from error


def _decoded(text: bytes) -> str:
    # One damaged text must not hide all the others.
    return text.decode("utf-8", "replace")


def _select(columns: str, query: Query) -> tuple[str, list[Any]]:
    """The statement and its values; every name in it is ours, every value of the caller is bound. Newest first."""
    tests = {f"spans.{name} = ?": storable(value) for name, value in query.equalities.items()}
    bounds = {"recorder_id = ?": query.recorder, "started_at >= ?": query.since, "started_at < ?": query.until}
    tests |= {test: value for test, value in bounds.items() if value is not None}  # type: ignore[misc]
    joined = "" if query.recorder is None else " JOIN recorded USING (span_id)"
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    limit = -1 if query.limit is None else query.limit
    # A rowid breaks ties, in the order of writing.
    statement = f"SELECT {columns} FROM spans{joined}{where} ORDER BY started_at DESC, spans.rowid DESC LIMIT ?"  # noqa: S608
    return statement, [*tests.values(), limit]


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
