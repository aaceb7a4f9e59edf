"""What a record survives, by the name of its durability, seen from the outside."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from agentguard import RetryConfig, ToolResult, guard
from agentguard.errors import ConfigError
from agentguard.tracing import open_store, record_session
from tests.tracing.calls import begin, make_call
from tests.tracing.journal.journals import files, kinds

START = 3

PRELUDE = """
import os, signal, sqlite3, sys, threading, time
from agentguard import RetryConfig, ToolResult, guard
from agentguard.tracing import record_session
from tests.tracing.calls import begin, finish, make_call
folder = sys.argv[1]
"""


def run(code, folder, *, check=True):
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + code, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def values(folder):
    return sorted(entry.result.return_value for entry in open_store(folder).entries())


def test_recorders_are_durable_unless_told_otherwise(tmp_path):
    with record_session(tmp_path):
        make_call("search", "found")
        assert len(files(tmp_path)) == 1
    assert files(tmp_path) == []
    assert values(tmp_path) == ["found"]


@pytest.mark.parametrize("durability", ["buffered", "durable", "fsync"])
@pytest.mark.parametrize("backend", ["sqlite", "jsonl"])
def test_every_level_keeps_what_a_recorder_is_given(tmp_path, backend, durability):
    with record_session(tmp_path, backend, durability=durability) as recorder:
        for number in range(10):
            make_call("search", number)
        assert len(files(tmp_path)) == (durability != "buffered")
        assert len(recorder.entries()) == 10
    assert values(tmp_path) == list(range(10))
    assert files(tmp_path) == []


def test_recorders_of_different_levels_share_a_store(tmp_path):
    with (
        record_session(tmp_path, durability="buffered") as first,
        record_session(tmp_path, durability="durable") as second,
        record_session(tmp_path, durability="fsync") as third,
    ):
        make_call("search", 1)
        assert [len(each.entries()) for each in (first, second, third)] == [1, 1, 1]
    assert values(tmp_path) == [1]


def test_an_unknown_level_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="'safe' is none of buffered, durable, fsync"):
        record_session(tmp_path, durability="safe")


def test_a_store_in_memory_has_no_journal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with record_session("traces", "memory") as recorder:
        make_call("search", 1)
        assert len(recorder.entries()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("effect", "starts"), [("read", 0), ("idempotent", 1), ("write", 1), (None, 1)])
@pytest.mark.parametrize("record", ["recorder", "tool"])
def test_a_start_is_written_before_the_body_of_every_tool_that_does_not_only_read(tmp_path, effect, starts, record):
    seen = []

    @guard(effect=effect, record=record == "tool", trace_dir=tmp_path)
    async def act(text: str) -> str:
        names = files(tmp_path)
        seen.append(kinds(tmp_path / names[0]).count(START) if names else 0)
        return text

    if record == "recorder":
        with record_session(tmp_path):
            asyncio.run(act.acall("x"))
    else:
        asyncio.run(act.acall("x"))
    assert seen == [starts]
    assert [span.status for span in open_store(tmp_path).spans()] == ["ok"]


def test_a_start_is_written_once_however_often_the_tool_is_tried(tmp_path):
    starts = []

    @guard(retry=RetryConfig(2, initial_delay=0.0))
    def act():
        (name,) = files(tmp_path)
        starts.append(kinds(tmp_path / name).count(START))
        raise ConnectionError

    with record_session(tmp_path), pytest.raises(ConnectionError):
        act()
    assert starts == [1, 1, 1]


def test_a_call_that_ends_after_its_recorder_leaves_nothing_behind(tmp_path):
    with record_session(tmp_path) as recorder:
        call, span = begin()
        span.collectors = call.origin.collectors
        span.note_start()
    assert len(files(tmp_path)) == 1
    span.end(ToolResult(call, "late", 0.1))
    recorder.collect(span)
    assert recorder.dropped == 1
    assert files(tmp_path) == []
    assert [span for span in open_store(tmp_path).spans() if span.status == "unknown"] == []


@pytest.mark.realtime
def test_a_store_that_is_locked_for_a_while_catches_up_without_duplicates(tmp_path):
    with record_session(tmp_path) as recorder:
        make_call("search", 0)
        assert recorder.flush(10)
        other = sqlite3.connect(tmp_path / "agentguard_traces.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        for number in range(1, 100):
            make_call("search", number)
        assert recorder.flush(0.01) is False
        other.execute("ROLLBACK")
        other.close()
        assert recorder.flush(30)
    assert values(tmp_path) == list(range(100))
    assert recorder.dropped == 0


# What processes leave.


@pytest.mark.realtime
def test_a_process_that_ends_without_a_word_loses_nothing(tmp_path):
    run("record_session(folder).__enter__(); [make_call('search', n) for n in range(100)]; os._exit(0)", tmp_path)
    assert values(tmp_path) == list(range(100))
    assert files(tmp_path) == []


@pytest.mark.realtime
def test_sigterm_loses_nothing(tmp_path):
    code = """
record_session(folder).__enter__()
for number in range(100): make_call("search", number)
call, span = begin("running")
span.collectors = call.origin.collectors
span.note_start()
signal.raise_signal(signal.SIGTERM)
"""
    assert run(code, tmp_path, check=False).returncode == -signal.SIGTERM
    spans = open_store(tmp_path).spans()
    assert [span.status for span in spans].count("ok") == 100
    assert [span.name for span in spans if span.status == "unknown"] == ["running"]


@pytest.mark.realtime
def test_a_call_that_runs_on_while_its_process_ends_is_unknown(tmp_path):
    code = """
@guard(record=True, trace_dir=folder)
def act():
    running.set()
    time.sleep(60)
running = threading.Event()
threading.Thread(target=act, daemon=True).start()
running.wait()
"""
    run(code, tmp_path)
    assert [span.status for span in open_store(tmp_path).spans()] == ["unknown"]


@pytest.mark.realtime
def test_a_forked_child_writes_a_journal_of_its_own_and_nothing_twice(tmp_path):
    code = """
with record_session(folder, "jsonl") as recorder:
    for number in range(10): make_call("search", number)
    child = os.fork()
    if child == 0:
        for number in range(100, 110): make_call("search", number)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    for number in range(10, 20): make_call("search", number)
    os._exit(0)
"""
    run(code, tmp_path)
    assert values(tmp_path) == [*range(20), *range(100, 110)]
    assert len((tmp_path / "agentguard_traces.jsonl").read_bytes().splitlines()) == 30


@pytest.mark.realtime
def test_a_child_that_lives_on_does_not_keep_its_parents_journal(tmp_path):
    code = """
recorder = record_session(folder).__enter__()
make_call("search", 1)
lives, says = os.pipe()
child = os.fork()
if child == 0:
    os.close(1); os.close(2)
    make_call("search", 2)
    os.write(says, b"!")
    time.sleep(30)
os.read(lives, 1)
print(child, flush=True)
os._exit(0)
"""
    child = int(run(code, tmp_path).stdout)
    try:
        # The child may be taking it over at this very moment; then it is there when that is done.
        end = time.monotonic() + 10
        while 1 not in (found := values(tmp_path)) and time.monotonic() < end:
            time.sleep(0.05)
        assert 1 in found
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.realtime
def test_the_next_recorder_brings_in_what_a_dead_process_has_left(tmp_path):
    run("record_session(folder).__enter__(); make_call('search', 1); os._exit(0)", tmp_path)
    assert len(files(tmp_path)) == 1
    with record_session(tmp_path):
        make_call("search", 2)
    assert files(tmp_path) == []
    connection = sqlite3.connect(tmp_path / "agentguard_traces.db")
    assert connection.execute("SELECT count(*) FROM spans").fetchone() == (2,)
    connection.close()


@pytest.mark.realtime
def test_a_process_whose_store_is_locked_loses_nothing_at_its_end(tmp_path):
    code = """
recorder = record_session(folder).__enter__()
make_call("search", 0)
recorder.flush(10)
other = sqlite3.connect(folder + "/agentguard_traces.db", isolation_level=None)
other.execute("BEGIN EXCLUSIVE")
for number in range(1, 100): make_call("search", number)
"""
    run(code, tmp_path)
    assert values(tmp_path) == list(range(100))
