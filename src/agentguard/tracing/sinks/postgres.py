"""Spans in PostgreSQL: one connection, owned by the writer thread; readers open their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from agentguard.errors import StorageError
from agentguard.tracing.address import Address
from agentguard.tracing.notices import warn_once
from agentguard.tracing.row import head_of, payloads_of
from agentguard.tracing.sinks.port import TryLater
from agentguard.tracing.sinks.postgres_schema import COLUMNS, LOCK, TYPES, Connection, connected, prepare, reason_of
from agentguard.tracing.sinks.stored_text import storable
from agentguard.tracing.span import Span
from agentguard.tracing.spool import Record


def _insert() -> LiteralString:
    columns: Any = ", ".join(COLUMNS)
    arrays: Any = ", ".join(f"%s::{kind}[]" for kind in TYPES)
    # One statement for a batch, whatever its size: a parameter a column, and not a value.
    statement: LiteralString = (
        f"INSERT INTO agentguard_spans ({columns}) SELECT * FROM unnest({arrays}) ON CONFLICT (span_id) DO NOTHING"  # noqa: S608
    )
    return statement


_INSERT_SPANS = _insert()
_INSERT_RECORDED: LiteralString = (
    "INSERT INTO agentguard_recorded SELECT * FROM unnest(%s::text[], %s::text[]) ON CONFLICT DO NOTHING"
)


class PostgresSink:
    """Writes tables named `agentguard_...` in the first schema of the connection's search path.

    A batch is one transaction; what is stored already stays as it is.
    """

    def __init__(self, address: Address) -> None:
        self.rejected = 0
        """Spans that the database will never take, and that are dropped."""
        self._address = address
        self._connection: Connection | None = None
        self._inherited: list[Connection] = []

    def open(self) -> None:
        """Connect, and create or check the tables. A server that is down is no error: spans wait for it.

        Raises:
            StorageError: The tables cannot be made, or a newer agentguard made them.
        """
        try:
            self._opened()
        except psycopg.OperationalError:
            self.close()  # down, starting, or out of connections: `write` will say so
        except psycopg.Error as error:
            self.close()
            raise StorageError(
                f"Cannot record into {self._address.shown!r}: {reason_of(error)}. Choose a database and a schema in"
                " which this user may create tables."
            ) from error

    def write(self, records: Sequence[Record], /) -> None:
        """Store all of `records` in one transaction.

        Raises:
            TryLater: The database cannot be reached, or takes nothing now; it has none of them.
        """
        try:
            self._write(self._opened(), records)
        except psycopg.Error as error:
            self.close()  # whatever is wrong, the next attempt begins with a sound connection
            raise TryLater(f"{self._address.shown} stores nothing: {reason_of(error)}.") from error

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        """Forget a connection of the parent process without closing it: the goodbye would end the parent's."""
        if self._connection is not None:
            self._inherited.append(self._connection)
            self._connection = None

    def _opened(self) -> Connection:
        if self._connection is None:
            connection = connected(self._address)
            try:
                prepare(connection, self._address.shown)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _write(self, connection: Connection, records: Sequence[Record]) -> None:
        try:
            _store(connection, records)
        except psycopg.DataError:
            if len(records) == 1:
                self._drop()
                return
            # One of them is something that no text column takes; it must not stop all the others for ever.
            half = len(records) // 2
            self._write(connection, records[:half])
            self._write(connection, records[half:])

    def _drop(self) -> None:
        self.rejected += 1
        warn_once(
            ("rejected", self._address.shown),
            "agentguard: %s refuses spans for good; they are dropped and counted",
            self._address.shown,
        )


def _store(connection: Connection, records: Sequence[Record]) -> None:
    spans = {span.span_id: span for _, span in records}
    columns = [list(column) for column in zip(*map(_row, spans.values()), strict=True)]
    pairs = [recorder_id for recorder_id, _ in records], [storable(span.span_id) for _, span in records]
    with connection.transaction():
        connection.execute(LOCK)
        connection.execute(_INSERT_SPANS, columns)
        connection.execute(_INSERT_RECORDED, pairs)


def _row(span: Span) -> list[Any]:
    # No text column holds a NUL or a lone surrogate.
    head = [storable(value) if isinstance(value, str) else value for value in head_of(span)]
    return [*head, *(None if payload is None else payload.decode() for payload in payloads_of(span))]
