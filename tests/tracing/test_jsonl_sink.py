import json
import logging
import os
import subprocess
import sys

import pytest

from agentguard.tracing import open_store, record_session
from agentguard.tracing.query import Query
from agentguard.tracing.sinks.jsonl import JsonlSink
from agentguard.tracing.sinks.jsonl_reader import JsonlReader
from tests.tracing.calls import make_call


@pytest.fixture
def file(tmp_path):
    return tmp_path / "agentguard_traces.jsonl"


def records(count, **kwargs):
    return [("r", make_call("search", number, **kwargs)) for number in range(count)]


def write(file, batch):
    sink = JsonlSink(str(file))
    sink.write(batch)
    sink.close()


def values(file):
    return [span.output for span in JsonlReader(str(file)).spans(Query())]


def test_each_span_is_one_line_of_json(file):
    write(file, records(3, text="line\nbreak\u2028\r\0"))
    lines = file.read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line)["output"] for line in lines] == [0, 1, 2]


def test_a_batch_is_one_write(file, monkeypatch):
    writes = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(data) or real(fd, data))
    write(file, records(100))
    assert len(writes) == 1


@pytest.mark.parametrize("kept", [1, 10, 100, -2, -1])
def test_a_torn_last_line_is_skipped_and_counted(file, tmp_path, kept):
    write(file, records(3))
    whole = file.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    end = start + kept if kept > 0 else len(whole) + kept
    file.write_bytes(whole[:end])
    store = open_store(tmp_path)
    # Without its newline the last line is still whole.
    assert [span.output for span in store.spans()] == ([0, 1, 2] if kept == -1 else [0, 1])
    assert store.skipped == (0 if kept == -1 else 1)


def test_what_is_appended_after_a_torn_line_starts_on_a_new_one(file, tmp_path):
    write(file, records(2))
    file.write_bytes(file.read_bytes()[:-20])
    write(file, records(2))
    store = open_store(tmp_path)
    assert [span.output for span in store.spans()] == [0, 0, 1]
    assert store.skipped == 1


@pytest.mark.parametrize(
    "line",
    [b"{}", b"[]", b"null", b"\xff\xfe", b'{"half', b"[" * 100_000, b'{"span_id": 5}', b"not json", b"9" * 5_000],
)
def test_a_line_that_is_no_span_is_skipped_and_counted(file, tmp_path, line):
    write(file, records(1))
    with file.open("ab") as damaged:
        damaged.write(line + b"\n")
    write(file, records(1))
    store = open_store(tmp_path)
    assert len(store.spans()) == 2
    assert store.skipped == 1


def test_blank_lines_mean_nothing(file, tmp_path):
    write(file, records(1))
    with file.open("ab") as blank:
        blank.write(b"\n \n\n")
    store = open_store(tmp_path)
    assert (len(store.spans()), store.skipped) == (1, 0)


def test_skipped_lines_are_logged_once(file, tmp_path, caplog):
    write(file, records(1))
    with file.open("ab") as damaged:
        damaged.write(b"torn")
    store = open_store(tmp_path)
    with caplog.at_level(logging.WARNING, "agentguard"):
        store.spans()
        store.spans()
    assert [record.getMessage() for record in caplog.records].count(
        f"agentguard: 1 rows of {tmp_path} cannot be read; skipped"
    ) == 1


def test_what_is_written_twice_is_read_once(file):
    batch = records(3)
    write(file, batch)
    write(file, batch)
    assert values(file) == [0, 1, 2]


def test_a_file_that_is_rotated_away_is_made_anew(file):
    sink = JsonlSink(str(file))
    sink.write(records(1))
    file.rename(file.with_suffix(".old"))
    sink.write(records(2))
    sink.close()
    assert values(file) == [0, 1]


FULL_DISK = """
import resource, signal, sys
from agentguard.tracing.sinks.jsonl import JsonlSink
from tests.tracing.calls import make_call
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
batch = [("r", make_call("search", number, text="x" * 200)) for number in range(20)]
sink = JsonlSink(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
try:
    sink.write(batch)
except OSError:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    sink.write(batch)
    sys.exit(0)
sys.exit("the disk was not full")
"""


def test_a_full_disk_loses_nothing_once_there_is_room_again(file):
    subprocess.run([sys.executable, "-c", FULL_DISK, str(file)], check=True)
    assert values(file) == list(range(20))


def test_lines_of_several_processes_never_mix(tmp_path):
    code = (
        "import sys; from tests.tracing.calls import make_call; from agentguard.tracing import record_session\n"
        "with record_session(sys.argv[1], 'jsonl', sys.argv[2]) as recorder:\n"
        "    for number in range(100): make_call('search', text='x' * 20_000)\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(number)]) for number in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    store = open_store(tmp_path)
    assert [session.calls for session in store.sessions()] == [100] * 4
    assert store.skipped == 0


def test_a_recorder_tells_its_own_lines_from_others(tmp_path):
    with record_session(tmp_path, "jsonl"):
        make_call("other")
    with record_session(tmp_path, "jsonl") as recorder:
        make_call("mine")
    assert [entry.tool_name for entry in recorder.entries()] == ["mine"]
