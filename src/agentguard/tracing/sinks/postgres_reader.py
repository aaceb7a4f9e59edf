"""Reading a trace store in PostgreSQL, also while others write it. Changes nothing in it.

Every name in a statement is ours; every value of the caller is bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, LiteralString

import psycopg

from agentguard.errors import StorageError
from agentguard.tracing.address import Address
from agentguard.tracing.query import Query
from agentguard.tracing.row import HEAD, PAYLOADS, span_of
from agentguard.tracing.sinks.port import Outcome, SessionSummary
from agentguard.tracing.sinks.postgres_schema import COLUMNS, connected, reason_of, version_of
from agentguard.tracing.sinks.store_reader import AT_ONCE, Position
from agentguard.tracing.sinks.stored_text import readable, storable
from agentguard.tracing.sinks.summary import outcome_of, sessions_of
from agentguard.tracing.span import Span

_PAGE = 2_000
"""Rows read at once: few enough for memory."""
_EVERYTHING = Query()
_LAST = "\U0010ffff"
"""Sorts after every text that can follow a beginning."""

_Rows = list[tuple[Any, ...]]


class PostgresReader:
    """Answers questions about one database. May be shared by threads: each answer has a connection of its own.

    Every method raises StorageError when the database cannot be reached, or was written by a newer agentguard. Text and
    details of a status are looked for here, row by row; everything else is asked of the database.
    """

    def __init__(self, address: Address) -> None:
        self.skipped = 0
        """Rows that could not be read, in the latest answer."""
        self._address = address

    def spans(self, query: Query, /) -> list[Span]:
        """The spans asked for, by start."""
        return list(self.each(query))

    def each(self, query: Query, /) -> Iterator[Span]:
        """The spans asked for, one after the other, by start."""
        self.skipped = 0
        if query.limit is None:
            yield from self._paged(query, newest_first=False)
            return
        newest: list[Span] = []
        pages = self._paged(query, newest_first=True)
        while len(newest) < query.limit and (span := next(pages, None)) is not None:
            newest.append(span)
        yield from reversed(newest)

    def outcomes(self, query: Query, /) -> Iterator[Outcome]:
        """The tool calls asked for, by start."""
        return (outcome_of(span) for span in self.each(query) if span.kind == "tool")

    def sessions(self, query: Query = _EVERYTHING, /) -> list[SessionSummary]:
        """Every session that the spans asked for belong to, by start."""
        self.skipped = 0
        return sessions_of(self._paged(query, newest_first=False))

    def ids(self, beginning: str, most: int, /) -> list[str]:
        """Ids of sessions and traces that begin like this, in order, at most so many of each."""
        return sorted({*self._texts("session_id", beginning, most), *self._texts("trace_id", beginning, most)})

    def calls(self, beginning: str, most: int, /) -> list[str]:
        """Ids of tool calls that begin like this, in order, at most so many."""
        return self._texts("span_id", beginning, most, "kind = 'tool'")

    def tools(self, beginning: str, most: int, /) -> list[str]:
        """Names of tools that begin like this, in order, at most so many."""
        return self._texts("name", beginning, most, "kind = 'tool'")

    def end(self) -> Position:
        """Where the store ends now."""
        rows = self._ask("SELECT 'agentguard_spans'::regclass::oid::bigint, MAX(number) FROM agentguard_spans")
        return (rows[0][0], rows[0][1] or 0) if rows else (0, 0)

    def arrivals(self, after: Position, query: Query, /) -> tuple[list[Span], Position]:
        """At most `AT_ONCE` of the spans asked for that arrived after a position, in that order, and where they end."""
        self.skipped = 0
        table, last = self.end()
        # Another table, or emptied: the numbers begin anew.
        start = after[1] if after[0] == table and after[1] <= last else 0
        where, values = _where(query, ["number > %s", "number <= %s"], [start, last])
        statement = f"SELECT {_NUMBERED} FROM agentguard_spans WHERE {where} ORDER BY number LIMIT %s"  # noqa: S608
        rows = self._ask(statement, [*values, AT_ONCE])
        found = [span for span in map(self._span, rows) if span is not None and query.matches(span)]
        return found, (table, rows[-1][0] if len(rows) == AT_ONCE else last)

    def _paged(self, query: Query, *, newest_first: bool) -> Iterator[Span]:
        """The spans asked for, `limit` aside, a page at a time."""
        beyond: LiteralString = "<" if newest_first else ">"
        order: LiteralString = "DESC" if newest_first else "ASC"
        after = [float("inf") if newest_first else float("-inf"), 0]
        while True:
            where, values = _where(query, [f"(started_at, number) {beyond} (%s, %s)"], after)
            sorting: LiteralString = f"started_at {order}, number {order}"
            statement = f"SELECT {_NUMBERED} FROM agentguard_spans WHERE {where} ORDER BY {sorting} LIMIT %s"  # noqa: S608
            rows = self._ask(statement, [*values, _PAGE])
            spans = [self._span(row) for row in rows]
            yield from (span for span in spans if span is not None and query.matches(span))
            if len(rows) < _PAGE:
                return
            after = [rows[-1][1 + HEAD.index("started_at")], rows[-1][0]]

    def _texts(self, column: LiteralString, beginning: str, most: int, condition: LiteralString = "true") -> list[str]:
        tests: LiteralString = f"{column} >= %s AND {column} < %s AND {condition}"
        statement = f"SELECT DISTINCT {column} FROM agentguard_spans WHERE {tests} ORDER BY 1 LIMIT %s"  # noqa: S608
        rows = self._ask(statement, [beginning, beginning + _LAST, most])
        texts = [readable(text) for (text,) in rows]
        return [text for text in texts if text is not None and text.startswith(beginning)]

    def _span(self, row: tuple[Any, ...]) -> Span | None:
        _, *values = row
        head = {
            name: readable(value) if isinstance(value, str) else value
            for name, value in zip(HEAD, values, strict=False)
        }
        payloads = {
            name: None if value is None else value.encode()
            for name, value in zip(PAYLOADS, values[len(HEAD) :], strict=True)
        }
        try:
            return span_of({**head, **payloads})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self.skipped += 1
            return None

    def _ask(self, statement: LiteralString, values: Sequence[Any] = ()) -> _Rows:
        """The rows of one answer; none while there are no tables yet."""
        try:
            with closing(connected(self._address)) as connection:
                if version_of(connection, self._address.shown) == 0:
                    return []
                return connection.execute(statement, values).fetchall()
        except psycopg.Error as error:
            shown = self._address.shown
            raise StorageError(f"Cannot read the trace store {shown!r}: {reason_of(error)}.") from error


_NUMBERED: Any = ", ".join(("number", *COLUMNS))


def _where(query: Query, tests: list[LiteralString], values: Sequence[Any]) -> tuple[LiteralString, list[Any]]:
    """Conditions that every row asked for meets, after `tests`, and their values."""
    asked = list(values)
    columns: Any = query.equalities
    for column, value in columns.items():
        tests.append(f"{column} = %s")
        asked.append(storable(value))
    bounds: tuple[tuple[LiteralString, float | str | None], ...] = (
        ("started_at >= %s", query.since),
        ("started_at < %s", query.until),
        ("span_id IN (SELECT span_id FROM agentguard_recorded WHERE recorder_id = %s)", query.recorder),
    )
    for test, bound in bounds:
        if bound is not None:
            tests.append(test)
            asked.append(bound)
    return " AND ".join(tests), asked
