"""`kill -9`: what was acknowledged is in the store, and what was running shows as `unknown`."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentguard.tracing import open_store

pytestmark = pytest.mark.realtime

VICTIM = Path(__file__).with_name("victim.py")
ROUNDS = (
    [(backend, number) for number in range(20) for backend in ("sqlite", "jsonl")]
    if os.environ.get("AGENTGUARD_SOAK")
    else [("sqlite", 1), ("jsonl", 1)]
)
PROCESSES = 3


def killed_at_a_random_moment(folder, backend, said):
    """Several processes record into one folder until they are killed. Gives the ids that began, and that ended."""
    processes = [
        subprocess.Popen(
            [sys.executable, VICTIM, folder, backend, said / f"{number}"], stdout=subprocess.PIPE, text=True
        )
        for number in range(PROCESSES)
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * PROCESSES
    time.sleep(random.uniform(0.01, 0.4))  # the moment is what is being tried out
    for process in processes:
        process.kill()
    for process in processes:
        assert process.wait() == -9
        process.stdout.close()
    lines = [line for file in said.iterdir() for line in file.read_text().splitlines()]
    return tuple({line[6:] for line in lines if line.startswith(word)} for word in ("began ", "ended "))


@pytest.mark.parametrize(("backend", "number"), ROUNDS)
def test_after_kill_9_every_acknowledged_call_is_there_and_those_in_their_bodies_are_unknown(tmp_path, backend, number):
    said = tmp_path / "said"
    said.mkdir()
    folder = tmp_path / "traces"
    began, ended = killed_at_a_random_moment(folder, backend, said)
    # Of this thread, which does all the work: other processes make it no slower.
    started = time.thread_time()
    store = open_store(folder)
    seconds = time.thread_time() - started
    spans = store.spans()
    found = {span.span_id: span for span in spans}
    unknown = {span.span_id for span in spans if span.status == "unknown"}
    print(f"{backend} {number}: {len(ended)} acknowledged, {len(ended - set(found))} missing, ", end="")
    print(f"{len(began - ended)} running, {len(unknown)} unknown, opened in {seconds:.2f} s")
    assert ended - set(found) == set()
    assert {found[call_id].status for call_id in ended} == {"ok"}
    assert began - set(found) == set()
    # A call may have been written down and not begun, or have ended and not come back to its caller.
    assert unknown & ended == set()
    assert len(unknown) <= 9
    assert {span.input["text"] for span in spans} == {"x" * 100}
    assert len(spans) == len(found)
    assert [path.name for path in folder.iterdir() if ".journal." in path.name] == []
    # The line that a process was in the middle of writing when it was killed; its records came again from the journal.
    assert store.skipped <= PROCESSES * (backend == "jsonl")
    assert seconds <= 1.0
    if backend == "sqlite":
        connection = sqlite3.connect(folder / "agentguard_traces.db")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
