"""`agentguard traces tail`, and a real process that records."""

import json
import select
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.cli.terminal import COMMAND, environment
from tests.tracing.spans import append, span

pytestmark = pytest.mark.realtime

SECONDS = 30
RECORDER = """
import sys
from agentguard import guard, record_session
with record_session("traces", sys.argv[1], session_id="s"):
    for line in sys.stdin:
        guard(lambda text: text, name="echo")(line.strip())
"""


@contextmanager
def tail(folder, *options):
    command = [*COMMAND, "traces", "tail", *options]
    # Without buffers, so that `select` knows of every line.
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}
    with subprocess.Popen(command, cwd=folder, env=environment(COLUMNS="200"), **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(stream):
    """The next line, within the time that a test has."""
    assert select.select([stream], [], [], SECONDS)[0], "nothing came"
    return stream.readline().decode()


@pytest.mark.parametrize("backend", ["sqlite", "jsonl"])
def test_each_call_of_another_process_is_shown_as_it_ends(tmp_path, backend):
    with tail(tmp_path, "--json") as tailing:
        assert "waiting for traces in 'traces'" in line_of(tailing.stderr)
        recorder = [sys.executable, "-c", RECORDER, backend]
        with subprocess.Popen(recorder, cwd=tmp_path, stdin=subprocess.PIPE, text=True, bufsize=1) as recording:
            for text in ("first", "second"):
                recording.stdin.write(f"{text}\n")
                call = json.loads(line_of(tailing.stdout))
                assert (call["name"], call["output"], call["session_id"]) == ("echo", text, "s")
        tailing.send_signal(signal.SIGINT)
        rest, errors = tailing.communicate(timeout=SECONDS)
        assert (tailing.returncode, rest, errors) == (0, b"", b"")


def test_the_newest_calls_come_first_as_lines_to_read(tmp_path):
    spans = [span(f"tool-{number}", started_at=number, input={"q": "te\x1b[2Ja"}) for number in range(4)]
    append(tmp_path / "traces", "sqlite", *spans, span("attempt 1", kind="attempt"))
    with tail(tmp_path, "-n", "2") as tailing:
        assert r'tool-2(q="te\u001b[2Ja")' in line_of(tailing.stdout)
        assert "tool-3" in line_of(tailing.stdout)
        append(tmp_path / "traces", "sqlite", span("later", status="denied", call_status="circuit_open"))
        line = line_of(tailing.stdout)
        assert line.split()[1:4] == ["circuit_open", "1.00", "s"]
        assert "later()" in line
        tailing.send_signal(signal.SIGINT)
        assert tailing.wait(SECONDS) == 0
        assert tailing.stderr.read() == b""


def test_a_reader_that_goes_away_ends_it_without_a_traceback(tmp_path):
    append(tmp_path / "traces", "sqlite", span("a"))
    with tail(tmp_path, "--json") as tailing:
        line_of(tailing.stdout)
        tailing.stdout.close()
        append(tmp_path / "traces", "sqlite", span("b"), span("c"))
        assert tailing.wait(SECONDS) in (0, 1)
        assert tailing.stderr.read() == b""
