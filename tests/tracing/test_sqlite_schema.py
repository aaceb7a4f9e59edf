"""The tables: their versions, and that no question reads all of them."""

import sqlite3
from contextlib import closing

import pytest

from agentguard.errors import StorageError
from agentguard.tracing.query import Query
from agentguard.tracing.sinks import sqlite_questions, sqlite_schema
from agentguard.tracing.sinks.sqlite import SqliteSink
from agentguard.tracing.sinks.sqlite_reader import SqliteReader
from tests.tracing.spans import span


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "agentguard_traces.db")


def write(path, *spans):
    sink = SqliteSink(path)
    sink.open()
    sink.write([("r", each) for each in spans])
    sink.close()


def ask(path, statement, *values):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement, values).fetchall()


def version(path):
    ((found,),) = ask(path, "SELECT value FROM meta WHERE key = 'schema_version'")
    return found


@pytest.fixture
def next_version(monkeypatch):
    """As if the next agentguard were running: its tables have one column more. How often it migrated."""
    steps = []

    def add_note(connection):
        steps.append(1)
        connection.execute("ALTER TABLE spans ADD COLUMN note TEXT")

    def start():
        monkeypatch.setattr(sqlite_schema, "VERSION", sqlite_schema.VERSION + 1)
        monkeypatch.setitem(sqlite_schema.MIGRATIONS, sqlite_schema.VERSION - 1, add_note)
        return steps

    return start


def test_a_store_of_an_old_version_is_brought_up_to_date_once_and_keeps_its_spans(path, next_version):
    write(path, span("old"))
    before = int(version(path))
    steps = next_version()
    sink = SqliteSink(path)
    for _ in range(2):
        sink.open()
        sink.close()
    assert steps == [1]
    assert version(path) == str(before + 1)
    assert ask(path, "SELECT name, note FROM spans") == [("old", None)]


def test_a_new_store_has_the_newest_tables_at_once(path, next_version):
    steps = next_version()
    write(path)
    assert steps == [1]  # the first tables are made, and brought up to date
    assert ask(path, "SELECT note FROM spans") == []
    assert version(path) == str(sqlite_schema.VERSION)


def test_a_migration_that_fails_leaves_the_old_store_as_it_was(path, monkeypatch):
    write(path, span("old"))
    before = version(path)

    def fail(connection):
        connection.execute("ALTER TABLE spans ADD COLUMN note TEXT")
        connection.execute("DELETE FROM spans")
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as newer:
        newer.setattr(sqlite_schema, "VERSION", sqlite_schema.VERSION + 1)
        newer.setitem(sqlite_schema.MIGRATIONS, int(before), fail)
        with pytest.raises(StorageError, match="disk I/O"):
            write(path, span())
    assert version(path) == before
    write(path, span("new"))
    assert [each.name for each in SqliteReader(path).spans(Query())] == ["old", "new"]


def test_an_old_store_can_be_read_without_being_changed(path, next_version):
    write(path, span("old"))
    next_version()
    before = version(path)
    assert [each.name for each in SqliteReader(path).spans(Query())] == ["old"]
    assert version(path) == before


QUESTIONS = {
    "newest": (sqlite_questions.newest("name", Query(limit=10)), "spans_by_start"),
    "since": (sqlite_questions.newest("name", Query(since=1.0, limit=10)), "spans_by_start"),
    "session": (sqlite_questions.newest("name", Query(session="s")), "spans_by_session"),
    "trace": (sqlite_questions.newest("name", Query(trace="t")), "spans_by_trace"),
    "span": (sqlite_questions.newest("name", Query(span="x")), "sqlite_autoindex_spans_1"),
    "tool": (sqlite_questions.newest("name", Query(tool="search", limit=10)), "spans_by_name"),
    "status": (sqlite_questions.newest("name", Query(status="error", limit=10)), "spans_by_status"),
    "recorder": (sqlite_questions.newest("name", Query(recorder="r")), "PRIMARY KEY (recorder_id=?)"),
    "page": (sqlite_questions.page("name", Query(), (1.0, 5), 10), "spans_by_start"),
    "arrived": (sqlite_questions.arrived("name", Query(), 5, 10, 10), "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    "sessions": (sqlite_questions.distinct("session_id", "s", 10), "spans_by_session"),
    "tools": (sqlite_questions.distinct("name", "s", 10), "spans_by_name"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_its_index(path, name):
    write(path, *(span(session_id=f"s{number % 10}", started_at=number) for number in range(200)))
    question, index = QUESTIONS[name]
    plan = " | ".join(row[-1] for row in ask(path, f"EXPLAIN QUERY PLAN {question.statement}", *question.values))
    assert index in plan
    assert "SCAN spans |" not in f"{plan} |"


def test_the_store_is_in_wal_mode(path):
    write(path, span())
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]
