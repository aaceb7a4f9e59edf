"""Counters across a fork: no lock is left taken, and no slot is held by a thread that is not there."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, threading
from agentguard import BudgetConfig, RateLimitConfig, guard

gate, is_held = threading.Event(), threading.Event()
held = guard(lambda: (is_held.set(), gate.wait()), concurrency=1)
threading.Thread(target=held, daemon=True).start()
is_held.wait()

limit = RateLimitConfig(calls_per_second=1e9, burst=10**9)
tool = guard(lambda: "ok", rate_limit=limit, budget=BudgetConfig(max_calls_per_session=10**9))
is_over = False

def hammer():
    while not is_over:
        tool()

for _ in range(4):
    threading.Thread(target=hammer, daemon=True).start()
for _ in range(25):
    child = os.fork()
    if child == 0:
        gate.set()
        os._exit(0 if tool() == "ok" and held()[1] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
is_over = True
"""


@pytest.mark.realtime
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_can_call_a_tool_that_its_parents_threads_were_calling():
    program = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
