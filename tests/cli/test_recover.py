"""`agentguard traces recover`."""

import json
import os
import subprocess
import sys

import pytest

from tests.cli.in_process import run
from tests.tracing.journal.journals import Died, place, record

DIES = """
import os
from agentguard.tracing import record_session
from tests.tracing.calls import begin, make_call
record_session("traces").__enter__()
make_call("search", 1)
call, span = begin("running")
span.collectors = call.origin.collectors
span.note_start()
os._exit(0)
"""


@pytest.mark.realtime
def test_what_a_dead_process_has_left_is_recovered_once(tmp_path, request):
    here = {**os.environ, "PYTHONPATH": str(request.config.rootpath)}
    subprocess.run([sys.executable, "-c", DIES], cwd=tmp_path, check=True, env=here)
    done = run("traces", "recover", cwd=tmp_path)
    assert (done.code, done.output) == (0, "2 records recovered, 1 of them of calls that were running.\n")
    assert run("traces", "recover", cwd=tmp_path).output == "Nothing was left behind.\n"


def test_json_gives_numbers(tmp_path):
    (tmp_path / "traces").mkdir()
    answer = json.loads(run("traces", "recover", "--json", cwd=tmp_path).output)
    assert answer == {"processes": 0, "records": 0, "unknown": 0, "alive": 0}


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    done = run("traces", "recover", "--path", "nowhere", cwd=tmp_path)
    assert (done.code, done.output) == (2, "")
    assert "nothing at 'nowhere'" in done.errors


def test_a_store_that_cannot_be_written_is_named_and_what_was_left_stays(tmp_path):
    folder = tmp_path / "traces"
    folder.mkdir()
    spool = Died(place(folder))
    spool.put(record())
    spool.die()
    (folder / "agentguard_traces.db").mkdir()
    done = run("traces", "recover", cwd=tmp_path)
    assert (done.code, done.output) == (2, "")
    assert "agentguard_traces.db' cannot be brought into it" in done.errors
    (folder / "agentguard_traces.db").rmdir()
    assert run("traces", "recover", cwd=tmp_path).output.startswith("1 record recovered, 0 of them")
