"""What a SQLite trace store is asked, as SQL. Every name in it is ours, every value of the caller is bound."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from agentguard.tracing.query import Query, has_detail, search_for
from agentguard.tracing.sinks.stored_text import readable, storable


class Question(NamedTuple):
    """A statement and its values."""

    statement: str
    values: Sequence[Any] = ()


class _Test(NamedTuple):
    condition: str
    values: tuple[Any, ...] = ()


_CAN_HAVE_DETAIL = "spans.status IN ('denied', 'error')"
"""What a call has as status whose details say more; the index on `status` narrows the search to these."""

_SEARCHED = "CAST(name AS BLOB), CAST(input AS BLOB), CAST(output AS BLOB), CAST(error AS BLOB)"
"""As bytes, because a damaged text would raise."""

_ARE_NUMBERS = _Test("typeof(started_at) = 'real' AND typeof(duration) = 'real'")

_LAST = "\U0010ffff"
"""Sorts after every text that can follow a beginning."""


def newest(columns: str, query: Query) -> Question:
    """The rows asked for, newest first, as many as `query.limit` allows."""
    source, values = _source(query, _tests(query))
    limit = -1 if query.limit is None else query.limit
    # A rowid breaks ties, in the order of writing.
    statement = f"SELECT {columns} FROM {source} ORDER BY started_at DESC, spans.rowid DESC LIMIT ?"  # noqa: S608
    return Question(statement, [*values, limit])


def page(columns: str, query: Query, after: tuple[float, int], most: int) -> Question:
    """The next rows asked for by start and rowid, which stand before the `columns`; `after` are those of a row."""
    # Both tests: SQLite takes an index for the first, and skips what the second says.
    beyond = [_Test("started_at >= ?", after[:1]), _Test("(started_at, spans.rowid) > (?, ?)", after)]
    source, values = _source(query, [*_tests(query), *beyond])
    statement = f"SELECT started_at, spans.rowid, {columns} FROM {source} ORDER BY started_at, spans.rowid LIMIT ?"  # noqa: S608
    return Question(statement, [*values, most])


def arrived(columns: str, query: Query, after: int, last: int, most: int) -> Question:
    """The rows asked for that were written after the rowid `after`, up to `last`, in that order; the rowid first."""
    where, values = _where([_Test("spans.rowid > ?", (after,)), _Test("spans.rowid <= ?", (last,)), *_tests(query)])
    # "Not indexed", or SQLite may walk an index by name or by start: what is new is little, and lies together.
    statement = f"SELECT spans.rowid, {columns} FROM spans NOT INDEXED{where} ORDER BY spans.rowid LIMIT ?"  # noqa: S608
    return Question(statement, [*values, most])


def sessions(query: Query) -> Question:
    """Id, first start, last end, calls, errors and refusals of every session, of the rows asked for."""
    source, values = _source(query, [*_tests(query), _ARE_NUMBERS])
    statement = f"""
        SELECT session_id, MIN(started_at), MAX(started_at + duration), SUM(spans.kind = 'tool'),
               SUM(spans.kind = 'tool' AND spans.status NOT IN ('ok', 'stopped_early', 'denied')),
               SUM(spans.kind = 'tool' AND spans.status = 'denied')
        FROM {source} GROUP BY session_id ORDER BY 2
    """  # noqa: S608
    return Question(statement, values)


def distinct(column: str, beginning: str, most: int) -> Question:
    """The distinct values of an indexed column that begin like this, in order.

    It leaps from value to value in the index, so that it takes as long for a million rows as for a few
    (https://wiki.postgresql.org/wiki/Loose_indexscan).
    """
    statement = f"""
        WITH RECURSIVE found(value) AS (
            SELECT MIN({column}) FROM spans WHERE {column} >= ? AND {column} < ?
            UNION ALL
            SELECT (SELECT MIN({column}) FROM spans WHERE {column} > found.value AND {column} < ?)
            FROM found WHERE found.value IS NOT NULL
        ) SELECT value FROM found WHERE value IS NOT NULL LIMIT ?
    """  # noqa: S608
    end = beginning + _LAST
    return Question(statement, [beginning, end, end, most])


def add_functions(connection: sqlite3.Connection, query: Query) -> None:
    """Give `connection` the functions that the tests of `query` use."""
    if query.text is not None:
        connection.create_function("holds_text", 4, _search(query.text), deterministic=True)
    if query.detail is not None:
        connection.create_function("has_detail", 1, _detail_test(query.detail), deterministic=True)


def _source(query: Query, tests: Iterable[_Test]) -> tuple[str, list[Any]]:
    where, values = _where(tests)
    return ("spans" if query.recorder is None else "spans JOIN recorded USING (span_id)") + where, values


def _where(tests: Iterable[_Test]) -> tuple[str, list[Any]]:
    tests = list(tests)
    where = f" WHERE {' AND '.join(test.condition for test in tests)}" if tests else ""
    return where, [value for test in tests for value in test.values]


def _tests(query: Query) -> list[_Test]:
    """The conditions of `query`; quick ones first."""
    tests = [_Test(f"spans.{name} = ?", (storable(value),)) for name, value in query.equalities.items()]
    bounds = {"started_at >= ?": query.since, "started_at < ?": query.until, "recorder_id = ?": query.recorder}
    tests += [_Test(condition, (value,)) for condition, value in bounds.items() if value is not None]
    if query.detail is not None:
        tests.append(_Test(f"{_CAN_HAVE_DETAIL} AND has_detail(CAST(attributes AS BLOB))"))
    if query.text is not None:
        tests.append(_Test(f"holds_text({_SEARCHED})"))
    return tests


def _search(text: str) -> Callable[..., bool]:
    search = search_for(text)

    def holds(name: bytes | None, *payloads: bytes | None) -> bool:
        return search(readable((name or b"").decode("utf-8", "replace")) or "", *payloads)

    return holds


def _detail_test(detail: str) -> Callable[[bytes | None], bool]:
    def test(attributes: bytes | None) -> bool:
        try:
            return has_detail(json.loads(attributes or b"{}"), detail)
        except (ValueError, RecursionError):
            return False  # damaged: it is counted where the row is read

    return test
