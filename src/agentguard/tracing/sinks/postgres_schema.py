"""The tables of a trace store in PostgreSQL, and their version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import psycopg

from agentguard.errors import StorageError
from agentguard.tracing.address import Address
from agentguard.tracing.row import HEAD, PAYLOADS

VERSION: Final = 1
"""Version of the tables that this agentguard writes."""

COLUMNS: Final = (*HEAD, *PAYLOADS)
"""Columns of a span, in the order in which rows are written and read."""

LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('agentguard traces'), hashtext(current_schema()))"
"""One writer at a time, so that spans are numbered in the order in which they become visible: a reader that follows
the store asks for what has a higher number than the last one it saw."""

_TEXTS: Final = frozenset(COLUMNS) - {"started_at", "duration"}
TYPES: Final = tuple("text" if name in _TEXTS else "double precision" for name in COLUMNS)
"""Types of the columns. Payloads are texts: a `json` column is picky about values that our other stores keep."""

_TABLES: Final = (
    "CREATE TABLE agentguard_meta (key text PRIMARY KEY, value text NOT NULL)",
    # Bytewise order, so that one index serves equality and beginnings, whatever language the database speaks.
    "CREATE TABLE agentguard_spans (number bigserial PRIMARY KEY, "
    + ", ".join(
        f"{name} {kind}{(' COLLATE ' + chr(34) + 'C' + chr(34)) if kind == 'text' else ''}"
        for name, kind in zip(COLUMNS, TYPES, strict=True)
    )
    + ")",
    "CREATE UNIQUE INDEX agentguard_spans_by_id ON agentguard_spans (span_id)",
    "CREATE INDEX agentguard_spans_by_start ON agentguard_spans (started_at, number)",
    "CREATE INDEX agentguard_spans_by_session ON agentguard_spans (session_id, started_at)",
    "CREATE INDEX agentguard_spans_by_trace ON agentguard_spans (trace_id)",
    "CREATE INDEX agentguard_spans_by_name ON agentguard_spans (name, started_at)",
    "CREATE INDEX agentguard_spans_by_status ON agentguard_spans (status, started_at)",
    'CREATE TABLE agentguard_recorded (recorder_id text, span_id text COLLATE "C", PRIMARY KEY (recorder_id, span_id))',
)

Connection = psycopg.Connection[tuple[Any, ...]]

MIGRATIONS: dict[int, Callable[[Connection], None]] = {}
"""What brings tables of the version that is the key to the next one; runs inside the opening transaction."""

_LIMITS: Final = {
    "connect_timeout": "5",  # seconds
    "tcp_user_timeout": "10000",  # milliseconds without a sign of life from the other side
    "application_name": "agentguard",
}
_STATEMENT_LIMIT: Final = "SET statement_timeout = '30s'"


def connected(address: Address) -> Connection:
    """A connection, each statement a transaction of its own; with time-limits, unless the address has its own.

    Raises:
        psycopg.Error: It cannot be reached.
    """
    own = parse_qs(urlsplit(address.url).query)
    limits: dict[str, Any] = {name: value for name, value in _LIMITS.items() if name not in own}
    connection = psycopg.connect(address.url, autocommit=True, **limits)
    if "statement_timeout" not in address.url:
        connection.execute(_STATEMENT_LIMIT)
    return connection


def prepare(connection: Connection, shown: str) -> None:
    """Create the tables, or bring them up to this version, in one transaction.

    Raises:
        StorageError: A newer agentguard has written them.
    """
    with connection.transaction():
        connection.execute(LOCK)
        version = version_of(connection, shown)
        if version == 0:
            for statement in _TABLES:
                connection.execute(statement)
        for step in range(max(version, 1), VERSION):
            MIGRATIONS[step](connection)
        if version != VERSION:
            connection.execute(
                "INSERT INTO agentguard_meta VALUES ('schema_version', %s) ON CONFLICT (key) DO UPDATE SET value = %s",
                [str(VERSION), str(VERSION)],
            )


def version_of(connection: Connection, shown: str) -> int:
    """Version of the tables; 0 when there are none.

    Raises:
        StorageError: The version is newer than this agentguard's.
    """
    found = connection.execute("SELECT to_regclass('agentguard_meta') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return 0
    row = connection.execute("SELECT value FROM agentguard_meta WHERE key = 'schema_version'").fetchone()
    version = int(row[0]) if row else 0
    if version > VERSION:
        raise StorageError(
            f"The trace store {shown!r} was written by a newer agentguard (its tables have version {version}, this one"
            f" knows {VERSION}). Upgrade agentguard, or record into another schema."
        )
    return version


def reason_of(error: psycopg.Error) -> str:
    """What is wrong, in one line and without the address: the driver's own text may name a user and a host."""
    return error.diag.message_primary or type(error).__name__
