"""Spans in a SQLite file: one connection, owned by the writer thread; readers open their own."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from agentguard.errors import StorageError
from agentguard.tracing.row import HEAD, head_of, payloads_of
from agentguard.tracing.sinks.fork_gate import close_before_fork, no_fork
from agentguard.tracing.sinks.sqlite_schema import COLUMNS, prepare
from agentguard.tracing.sinks.stored_text import storable
from agentguard.tracing.span import Span
from agentguard.tracing.spool import Record

BUSY_SECONDS = 1.0
"""How long one attempt waits for a lock of another process. Short, for the writer has other things to notice."""

_ROWS = 60  # of one INSERT: 60 x 14 values stay below the 999 that every SQLite allows
_FREE_TEXTS = (HEAD.index("session_id"), HEAD.index("name"))  # ids and words are ours, and plain
_WAITS = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

# Connections that a forked child inherited: closing them, also by garbage collection, would disturb the parent's file.
_inherited: list[sqlite3.Connection] = []

Connect = Callable[..., sqlite3.Connection]


class SqliteSink:
    """Writes one store file.

    In WAL mode with synchronous=NORMAL: what is committed survives the process; a power cut may take the last
    transactions, and never damages the file.
    """

    def __init__(self, path: str, *, connect: Connect = sqlite3.connect) -> None:
        self.path = path
        """The store file."""
        self._connect = connect
        self._synchronous = "NORMAL"
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        close_before_fork(self)

    def open(self) -> None:
        """Create or check the file; a lock that another process holds is no error.

        Raises:
            StorageError: The path cannot be written, is no trace store, or a newer agentguard wrote it.
        """
        try:
            with no_fork():
                self._opened()
        except sqlite3.OperationalError as error:
            if _code(error) not in _WAITS:
                raise self._refusal(error) from error
        except (OSError, sqlite3.Error) as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> StorageError:
        return StorageError(
            f"Cannot record into {self.path!r}: {error}. Choose a folder that this process may write, with room for it."
        )

    def survive_power_cuts(self) -> None:
        """From the next opening on, have the disk confirm every transaction."""
        self._synchronous = "FULL"

    def write(self, records: Sequence[Record], /) -> None:
        """Store all of `records` in one transaction, or raise and store none."""
        with no_fork():
            self._write(self._opened(), records)

    def _write(self, connection: sqlite3.Connection, records: Sequence[Record]) -> None:
        spans = {span.span_id: span for _, span in records}
        connection.execute("BEGIN IMMEDIATE")
        try:
            _insert(connection, "spans", len(COLUMNS), [_row(span) for span in spans.values()])
            _insert(connection, "recorded", 2, [(recorder_id, span.span_id) for recorder_id, span in records])
            connection.execute("COMMIT")
        except BaseException:
            # A full disk has rolled back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the file; the last one to close also folds the WAL into it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        """Forget a connection of the parent process, should there be one in spite of `no_fork`, without closing it."""
        if self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity != _identity(self.path):
            self.close()  # the file was removed or replaced: what is written to the old one, nobody would find
        if self._connection is None:
            self._connection = self._new_connection()
            self._identity = _identity(self.path)
        return self._connection

    def _new_connection(self) -> sqlite3.Connection:
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        # Private from its first moment: traces hold what users say. O_EXCL, because closing a second descriptor of a
        # file that is open elsewhere in this process would drop SQLite's locks on it.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        # Used by the writer thread only, and closed by a thread that forks.
        connection = self._connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            prepare(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection


def _code(error: sqlite3.Error) -> int:
    # The low byte of an extended code, such as SQLITE_BUSY_SNAPSHOT, is the plain one.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _row(span: Span) -> tuple[Any, ...]:
    head = head_of(span)
    for place in _FREE_TEXTS:
        head[place] = storable(head[place])
    # As text, so that SQL can look into the JSON.
    return (*head, *(None if payload is None else payload.decode() for payload in payloads_of(span)))


def _insert(connection: sqlite3.Connection, table: str, width: int, rows: Sequence[Sequence[Any]]) -> None:
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        connection.execute(_statement(table, width, len(part)), list(_flat(part)))


@lru_cache(maxsize=2 * _ROWS)
def _statement(table: str, width: int, count: int) -> str:
    # Many rows in one statement: 2.3 us a row where executemany takes 3.3.
    row = f"({', '.join('?' * width)})"
    return f"INSERT OR IGNORE INTO {table} VALUES {', '.join([row] * count)}"  # noqa: S608 - our own names only


def _flat(rows: Iterable[Sequence[Any]]) -> Iterable[Any]:
    for row in rows:
        yield from row
