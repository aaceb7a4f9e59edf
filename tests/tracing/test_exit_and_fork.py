"""The end of a process, and its children: everything recorded is written once, and soon."""

import subprocess
import sys

import pytest

from agentguard.tracing import open_store

pytestmark = pytest.mark.realtime

PRELUDE = """
import os, signal, sqlite3, sys, threading, time
from agentguard.tracing import record_session, tool_recorder
from tests.tracing.calls import begin, finish, make_call

folder, backend = sys.argv[1:3]

def record(recorder, value):
    call, span = begin("search")
    finish(call, value)
    recorder.collect(span)
"""


@pytest.fixture(params=["sqlite", "jsonl"])
def backend(request):
    return request.param


def run(code, folder, backend, *, prelude=PRELUDE):
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", prelude + code, str(folder), backend],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def values(folder):
    return sorted(entry.result.return_value for entry in open_store(folder).entries())


ENDINGS = {
    "ends": "",
    "calls sys.exit": "sys.exit(0)",
    "raises": "raise ZeroDivisionError",
    "ends in a thread": "threading.Thread(target=lambda: record(recorder, 100)).start()",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_what_was_recorded_is_written_when_the_process_ends(tmp_path, backend, ending):
    code = "recorder = tool_recorder(folder, backend)\nfor number in range(100): record(recorder, number)\n" + ending
    result = run(code, tmp_path, backend)
    assert ("ZeroDivisionError" in result.stderr) == ("ZeroDivisionError" in ending), result.stderr
    assert values(tmp_path)[:100] == list(range(100))
    assert len(values(tmp_path)) == (101 if "Thread" in ending else 100)


def test_a_store_is_closed_when_the_process_ends(tmp_path):
    run("record(tool_recorder(folder, backend), 1)", tmp_path, "sqlite")
    assert [file.name for file in tmp_path.iterdir()] == ["agentguard_traces.db"]


# Handlers run last in, first out: one registered before agentguard's sees how long agentguard's took.
EXIT = """
import atexit, time
began = []
atexit.register(lambda: print(time.monotonic() - began[0]))
"""


def test_an_idle_process_ends_at_once(tmp_path, backend):
    code = """
recorder = tool_recorder(folder, backend)
record(recorder, 1)
recorder.flush(10)
began.append(time.monotonic())
"""
    best = min(float(run(code, tmp_path, backend, prelude=EXIT + PRELUDE).stdout) for _ in range(5))
    assert best <= 0.02


def test_a_process_whose_store_is_locked_ends_after_two_seconds(tmp_path):
    code = """
recorder = tool_recorder(folder, backend)
record(recorder, 1)
recorder.flush(10)
other = sqlite3.connect(folder + "/agentguard_traces.db", isolation_level=None)
other.execute("BEGIN EXCLUSIVE")
for number in range(100): record(recorder, number)
began.append(time.monotonic())
"""
    assert 1.5 <= float(run(code, tmp_path, "sqlite", prelude=EXIT + PRELUDE).stdout) <= 2.5


def test_a_process_that_records_nothing_starts_no_thread(tmp_path, backend):
    code = "tool_recorder(folder, backend); print(threading.active_count())"
    assert run(code, tmp_path, backend).stdout.strip() == "1"


FORK = """
with record_session(folder, backend, session_id="s") as recorder:
    for number in range(10): make_call("search", number)
    child = os.fork()
    if child == 0:
        for number in range(100, 110): make_call("search", number)
        assert recorder.flush(30)
        os._exit(0)
    for number in range(10, 20): make_call("search", number)
    assert os.waitpid(child, 0)[1] == 0
print(len(recorder.entries()))
"""


def test_parent_and_forked_child_both_record_and_nothing_is_written_twice(tmp_path, backend):
    result = run(FORK, tmp_path, backend)
    assert result.stdout.strip() == "30", result.stderr
    assert values(tmp_path) == [*range(20), *range(100, 110)]
    if backend == "jsonl":
        assert len((tmp_path / "agentguard_traces.jsonl").read_bytes().splitlines()) == 30


def test_a_child_that_leaves_the_block_and_ends_normally_writes_everything(tmp_path, backend):
    code = """
with record_session(folder, backend) as recorder:
    make_call("search", 1)
    child = os.fork()
    if child == 0: make_call("search", 2)
if child == 0: sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    assert run(code, tmp_path, backend).returncode == 0
    assert values(tmp_path) == [1, 2]


def test_children_of_multiprocessing_write_everything(tmp_path, backend):
    code = """
import multiprocessing
recorder = tool_recorder(folder, backend)
def work(number):
    for step in range(10): record(recorder, number * 10 + step)
record(recorder, 0)
workers = [multiprocessing.get_context("fork").Process(target=work, args=(number,)) for number in range(1, 4)]
for worker in workers: worker.start()
for worker in workers: worker.join()
sys.exit(sum(worker.exitcode for worker in workers))
"""
    result = run(code, tmp_path, backend)
    assert result.returncode == 0, result.stderr
    assert values(tmp_path) == [0, *range(10, 40)]


def test_forking_while_other_threads_record_locks_up_nobody(tmp_path, backend):
    code = """
recorder = tool_recorder(folder, backend)
done = threading.Event()
def work():
    while not done.is_set(): record(recorder, 0)
threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
for thread in threads: thread.start()
children = []
for number in range(20):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        record(recorder, 1)
        os._exit(0 if recorder.flush(15) else 1)
    children.append(child)
ends = [os.waitpid(child, 0)[1] for child in children]
done.set()
for thread in threads: thread.join()
print(ends.count(0))
"""
    result = run(code, tmp_path, backend)
    assert result.stdout.strip() == "20", result.stderr
    assert values(tmp_path).count(1) == 20


def test_importing_the_room_loads_no_sqlite_and_starts_nothing():
    code = "import agentguard.tracing, sys, threading; print('sqlite3' in sys.modules, threading.active_count())"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "1"]
