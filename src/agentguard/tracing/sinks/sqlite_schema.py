"""The tables of a SQLite trace store, and their version."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from agentguard.errors import StorageError
from agentguard.tracing.row import HEAD, PAYLOADS

VERSION = 1
"""Version of the tables that this agentguard writes."""

COLUMNS = (*HEAD, *PAYLOADS)
"""Columns of `spans`, in the order in which rows are written and read."""

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE spans (
    span_id TEXT PRIMARY KEY, trace_id TEXT, parent_id TEXT, session_id TEXT, kind TEXT, name TEXT,
    started_at REAL, duration REAL, status TEXT, input TEXT, output TEXT, error TEXT, attributes TEXT, events TEXT
);
CREATE TABLE recorded (recorder_id TEXT, span_id TEXT, PRIMARY KEY (recorder_id, span_id)) WITHOUT ROWID;
CREATE INDEX spans_by_start ON spans (started_at);
CREATE INDEX spans_by_session ON spans (session_id, started_at);
CREATE INDEX spans_by_trace ON spans (trace_id);
CREATE INDEX spans_by_name ON spans (name, started_at);
CREATE INDEX spans_by_status ON spans (status, started_at);
"""

MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {}
"""What brings a store of the version that is the key to the next one; runs inside the opening transaction."""


def prepare(connection: sqlite3.Connection, path: str) -> None:
    """Create the tables, or bring them up to this version, in one transaction; so it also proves that one can write.

    Raises:
        StorageError: A newer agentguard has written this store.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection, path)
        if version == 0:
            for statement in _TABLES.split(";"):
                connection.execute(statement)
        for step in range(max(version, 1), VERSION):
            MIGRATIONS[step](connection)
        if version != VERSION:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?)", (str(VERSION),))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def version_of(connection: sqlite3.Connection, path: str) -> int:
    """Version of the store's tables; 0 for a file without tables.

    Raises:
        StorageError: The version is newer than this agentguard's, or the file holds something else.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    found = (
        connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        if "meta" in tables
        else None
    )
    if found is None or not str(found[0]).isdecimal():
        raise StorageError(f"{path!r} is a SQLite file, but no trace store of agentguard. Choose another path.")
    version = int(found[0])
    if version > VERSION:
        raise StorageError(
            f"The trace store {path!r} was written by a newer agentguard (its tables have version {version}, this one"
            f" knows {VERSION}). Upgrade agentguard, or record into another folder."
        )
    return version
