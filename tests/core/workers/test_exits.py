"""Nothing is left behind, however the program ends."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.core.workers.gone import is_running, wait_until

pytestmark = pytest.mark.realtime
ROOT = Path(__file__).resolve().parents[3]

BEGIN = """
import asyncio, os, sys, threading, time, warnings
from agentguard import *
from agentguard.core.workers.crew import CREW
from tests.core.workers import tools
tools.pid()
while len(CREW.pids) < 2:  # the spare
    time.sleep(0.001)
"""
HANG = """
def hang():
    try:
        tools.hang_for_long(sys.argv[1])
    except WorkerLostError:
        print("lost")
threading.Thread(target=hang, daemon=True).start()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.001)
print(*CREW.pids, flush=True)
"""


def start(tmp_path, program: str) -> subprocess.Popen:
    file = tmp_path / "program.py"
    file.write_text(BEGIN + program)
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(file), str(tmp_path / "pid")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(tmp_path, program: str) -> tuple[str, str, int]:
    started = start(tmp_path, program)
    # Ends only when no process holds the output any more: a worker that was left would.
    out, err = started.communicate(timeout=20)
    return out, err, started.returncode


def pids_in(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def test_a_parent_that_is_killed_leaves_no_worker(tmp_path):
    """Also not one whose body holds the interpreter lock in C."""
    program = start(tmp_path, HANG + "time.sleep(60)")
    pids = pids_in(program.stdout.readline())
    assert len(pids) >= 2
    assert all(map(is_running, pids))
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=5)
    wait_until(lambda: not any(map(is_running, pids)), seconds=1.0)


@pytest.mark.parametrize("end", ["", "os._exit(0)", "os.kill(os.getpid(), 15)"])
def test_no_worker_is_left_however_the_program_ends(tmp_path, end):
    out, err, _ = ended(tmp_path, "print(*CREW.pids, flush=True)\n" + end)
    pids = pids_in(out)
    assert pids
    assert err == ""
    wait_until(lambda: not any(map(is_running, pids)), seconds=1.0)


def test_the_end_does_not_wait_for_a_body(tmp_path):
    began = time.monotonic()
    out, err, code = ended(tmp_path, HANG)
    assert time.monotonic() - began < 10
    assert (err, code) == ("", 0)
    assert not any(map(is_running, pids_in(out)))


def test_tools_can_be_called_while_the_program_ends(tmp_path):
    out, err, _ = ended(
        tmp_path, "import atexit\natexit.register(lambda: print(tools.add(1)))\nprint(tools.add(2), flush=True)"
    )
    assert (out, err) == ("3\n2\n", "")


FORK = """
warnings.simplefilter("ignore", DeprecationWarning)
mine = set(CREW.pids)
child = os.fork()
if child == 0:
    own = CREW.pids
    answer = tools.add(1), tools.pid() in mine, own
    print(*CREW.pids, "child", *answer, flush=True)
    sys.exit(0)
print("forked", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), tools.pid() in mine, flush=True)
"""


def test_a_forked_child_starts_with_an_empty_crew_and_leaves_its_parents_alone(tmp_path):
    out, err, code = ended(tmp_path, FORK)
    first, second = out.splitlines()
    assert first.endswith("child 2 False []")
    assert (second, err, code) == ("forked 0 True", "", 0)
    assert not any(map(is_running, pids_in(first.partition("child")[0])))


def test_a_forked_child_that_lives_on_does_not_keep_its_killed_parents_workers(tmp_path):
    program = start(
        tmp_path,
        """
warnings.simplefilter("ignore", DeprecationWarning)
pids = CREW.pids
child = os.fork()
if child == 0:
    os.close(1), os.close(2)
    time.sleep(60)
print(child, *pids, flush=True)
time.sleep(60)
""",
    )
    child, *pids = pids_in(program.stdout.readline())
    program.kill()
    program.communicate(timeout=5)
    try:
        wait_until(lambda: not any(map(is_running, pids)), seconds=1.0)
        assert is_running(child)
    finally:
        os.kill(child, signal.SIGKILL)


LIFELINE = """
import os, sys, time
from agentguard.core.workers import lifeline
os.setpgid(0, 0)
lifeline.{way}(int(sys.argv[1]))
print("ready", flush=True)
{rest}
"""


@pytest.mark.parametrize(
    ("way", "rest"),
    [
        ("by_signal", "import ctypes; ctypes.PyDLL(None).sleep(60)"),
        ("by_thread", "time.sleep(60)"),
        ("by_thread", "os.close(int(sys.argv[1])); sys.exit(9)"),
    ],
)
def test_a_process_ends_with_its_lifeline(way, rest):
    lifeline, held = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", LIFELINE.format(way=way, rest=rest), str(lifeline)],
        pass_fds=(lifeline,),
        stdout=subprocess.PIPE,
    )
    os.close(lifeline)
    assert process.stdout.readline() == b"ready\n"
    os.close(held)
    process.communicate(timeout=5)
    assert process.returncode in {-signal.SIGKILL, 9}


def test_a_lifeline_that_has_ended_already_kills_at_once():
    lifeline, held = os.pipe()
    os.close(held)
    done = subprocess.run(
        [sys.executable, "-c", LIFELINE.format(way="by_signal", rest=""), str(lifeline)],
        pass_fds=(lifeline,),
        capture_output=True,
        check=False,
    )
    os.close(lifeline)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")


def test_a_worker_whose_parent_is_stopped_ends_by_itself(tmp_path):
    """A second after the time-out: its alarm needs neither the parent nor the interpreter lock."""
    program = start(tmp_path, HANG.replace("hang_for_long", "hang_with_the_lock_held") + "time.sleep(60)")
    pids = set(pids_in(program.stdout.readline()))
    hanging = int((tmp_path / "pid").read_text())
    assert hanging in pids
    program.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: not is_running(hanging), seconds=5.0)
    finally:
        program.kill()
        program.communicate(timeout=5)
