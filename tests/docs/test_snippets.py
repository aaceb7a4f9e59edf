"""Every ```python block of README.md and docs/ runs as a file of its own.

After the word `python`, a fence may say `continued` (the block goes on where the one before it ended) or `no-run` (the
block is only compiled). A block may await at its top level.
"""

import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.docs.snippets import Program, as_program, documents, programs_of

PROGRAMS = [program for document in documents() for program in programs_of(document)]
RUN = [program for program in PROGRAMS if program.runs]
COMPILED = [program for program in PROGRAMS if not program.runs]
SECONDS_EACH = 50


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Program name -> its outcome, to come. All start at once, as many at a time as there are processors."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        yield {program.name: pool.submit(run, program, tmp_path_factory.mktemp("snippet")) for program in RUN}


def run(program: Program, folder) -> subprocess.CompletedProcess:
    file = folder / "snippet.py"
    file.write_text(program.text(), encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(file)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_EACH,
        check=False,
    )


@pytest.mark.parametrize("program", RUN, ids=lambda program: program.name)
def test_snippet_runs(program, outcomes: dict[str, Future]):
    done = outcomes[program.name].result()
    assert done.returncode == 0, f"{program.name}\n{done.stdout}"


@pytest.mark.parametrize("program", COMPILED, ids=lambda program: program.name)
def test_snippet_compiles(program):
    compile(program.text(), program.name, "exec")


def test_code_that_awaits_is_put_into_a_coroutine(tmp_path):
    code = 'import asyncio\ntext = """two\n  lines"""\nawait asyncio.sleep(0)\nprint(text)\n'
    done = run(Program("example", [code]), tmp_path)
    assert done.stdout == "two\n  lines\n"


def test_code_that_awaits_inside_its_functions_only_stays_as_it_is():
    code = "async def f():\n    await g()\n"
    assert as_program(code) == code
