import os
import sqlite3
import subprocess
import sys

import pytest

from agentguard.errors import StorageError
from agentguard.tracing import open_store, record_session
from agentguard.tracing.query import Query
from agentguard.tracing.sinks.sqlite import SqliteSink
from agentguard.tracing.sinks.sqlite_reader import SqliteReader
from agentguard.tracing.sinks.sqlite_schema import VERSION
from tests.tracing.calls import make_call


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "agentguard_traces.db")


def records(count, recorder="r", **kwargs):
    return [(recorder, make_call("search", number, **kwargs)) for number in range(count)]


def make_store(path):
    sink = SqliteSink(path)
    sink.open()
    sink.close()


def values(path):
    return [span.output for span in SqliteReader(path).spans(Query())]


def test_a_batch_is_read_back_in_order(path):
    sink = SqliteSink(path)
    sink.write(records(150))
    sink.close()
    assert values(path) == list(range(150))


def test_the_store_is_in_wal_mode_and_folds_up_when_closed(path):
    sink = SqliteSink(path)
    sink.write(records(1))
    assert os.path.exists(path + "-wal")
    sink.close()
    assert not os.path.exists(path + "-wal")


def test_what_is_stored_twice_is_there_once(path):
    batch = records(3)
    sink = SqliteSink(path)
    sink.write(batch)
    sink.write(batch + batch)
    sink.close()
    assert values(path) == [0, 1, 2]


def test_a_closed_sink_opens_again_when_written_to(path):
    sink = SqliteSink(path)
    for _ in range(2):
        sink.write(records(1))
        sink.close()
    assert values(path) == [0, 0]


def test_the_version_of_the_tables_is_in_the_file(path):
    make_store(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() == (str(VERSION),)
    connection.close()


def test_a_store_of_a_newer_agentguard_is_refused_and_left_alone(path, tmp_path):
    sink = SqliteSink(path)
    sink.write(records(1))
    sink.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE meta SET value = '99'")
    connection.close()
    before = (tmp_path / "agentguard_traces.db").read_bytes()
    with pytest.raises(StorageError, match=r"newer agentguard.*version 99.*Upgrade"), record_session(tmp_path):
        pass
    with pytest.raises(StorageError, match="newer agentguard"):
        open_store(tmp_path).spans()
    assert (tmp_path / "agentguard_traces.db").read_bytes() == before


def test_a_sqlite_file_of_something_else_is_refused(path, tmp_path):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE customers (id)")
    connection.close()
    with pytest.raises(StorageError, match="no trace store of agentguard"), record_session(tmp_path):
        pass


def test_a_file_that_is_no_database_is_refused(path, tmp_path):
    (tmp_path / "agentguard_traces.db").write_text("not a database" * 100)
    with pytest.raises(StorageError, match="Cannot record into"), record_session(tmp_path):
        pass
    with pytest.raises(StorageError, match="Cannot read"):
        open_store(tmp_path).spans()


def test_a_full_disk_loses_nothing_once_there_is_room_again(path):
    limit = 30

    def connect(*args, **kwargs):
        connection = sqlite3.connect(*args, **kwargs)
        connection.execute(f"PRAGMA max_page_count = {limit}")
        return connection

    sink = SqliteSink(path, connect=connect)
    batches = [records(20, text="x" * 500) for _ in range(10)]
    refused = []
    reason = ""
    for batch in batches:
        try:
            sink.write(batch)
        except sqlite3.OperationalError as error:
            refused.append(batch)
            reason = str(error)
    assert "full" in reason
    limit = 10_000
    sink.close()
    for batch in refused:
        sink.write(batch)
    sink.close()
    assert len(values(path)) == 200
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


def test_a_store_that_is_removed_while_it_is_open_is_made_anew(path):
    sink = SqliteSink(path)
    sink.write(records(1))
    for suffix in ("", "-wal", "-shm"):
        os.unlink(path + suffix)
    sink.write(records(2))
    sink.close()
    assert values(path) == [0, 1]


@pytest.mark.realtime
def test_a_store_that_another_process_locks_blocks_nobody_and_loses_nothing(path, tmp_path):
    make_store(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with record_session(tmp_path) as recorder:
        for number in range(100):
            make_call("search", number)
        assert recorder.flush(0.01) is False
        assert [entry.result.return_value for entry in recorder.entries()] == list(range(100))
        other.execute("ROLLBACK")
        other.close()
        assert recorder.flush(30) is True
    assert values(path) == list(range(100))


def test_opening_a_recorder_on_a_locked_store_is_no_error(path, tmp_path):
    make_store(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with record_session(tmp_path) as recorder:
        make_call()
        other.execute("ROLLBACK")
        other.close()
        assert recorder.flush(30) is True
    assert values(path) == ["found"]


def test_reading_goes_on_while_another_connection_writes(path, tmp_path):
    sink = SqliteSink(path)
    sink.write(records(1))
    store = open_store(tmp_path)
    assert len(store.spans()) == 1
    sink.write(records(1))
    assert len(store.spans()) == 2
    sink.close()


def test_reading_changes_nothing_in_the_folder(path, tmp_path):
    sink = SqliteSink(path)
    sink.write(records(1))
    sink.close()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    store = open_store(tmp_path)
    store.spans()
    store.sessions()
    store.stats()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE spans SET status = 'great' WHERE rowid = 2",
        "UPDATE spans SET kind = 5 WHERE rowid = 2",
        "UPDATE spans SET input = '{\"half' WHERE rowid = 2",
        "UPDATE spans SET input = '[]' WHERE rowid = 2",
        "UPDATE spans SET attributes = '[]' WHERE rowid = 2",
        "UPDATE spans SET started_at = 'noon' WHERE rowid = 2",
        "UPDATE spans SET name = NULL WHERE rowid = 2",
        "UPDATE spans SET output = x'ff' WHERE rowid = 2",
    ],
)
def test_a_damaged_row_is_skipped_and_counted(path, tmp_path, damage):
    sink = SqliteSink(path)
    sink.write(records(3))
    sink.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(damage)
    connection.close()
    store = open_store(tmp_path)
    assert len(store.spans()) == 2
    assert store.skipped == 1
    assert store.sessions()[0].session_id is None
    assert store.stats().calls >= 2


@pytest.mark.realtime
def test_eight_processes_write_one_store_without_loss(tmp_path):
    code = (
        "import sys; from tests.tracing.calls import make_call; from agentguard.tracing import record_session\n"
        "with record_session(sys.argv[1], session_id=sys.argv[2]) as recorder:\n"
        "    for number in range(200): make_call('search', number)\n"
        "assert recorder.flush(30)\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(number)]) for number in range(8)]
    assert [worker.wait(60) for worker in workers] == [0] * 8
    store = open_store(tmp_path)
    assert [session.calls for session in store.sessions()] == [200] * 8
