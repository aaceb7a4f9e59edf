import subprocess
import sys

import pytest

from tests.cli.terminal import COMMAND, MODULE, run


@pytest.mark.parametrize("command", [COMMAND, MODULE], ids=["script", "module"])
def test_version_is_printed(command, tmp_path):
    done = run("--version", cwd=tmp_path, command=command)
    assert done.code == 0
    assert done.output.startswith("agentguard ")


def test_without_a_command_it_says_what_there_is(tmp_path):
    done = run(cwd=tmp_path)
    assert "demo" in done.output + done.errors
    assert "traces" in done.output + done.errors


def test_an_unknown_command_is_refused_without_a_traceback(tmp_path):
    done = run("tarces", cwd=tmp_path)
    assert done.code == 2
    assert "tarces" in done.errors
    assert "Traceback" not in done.errors


def test_help_does_without_what_only_some_commands_need():
    code = """
import sys
from agentguard.cli import main
sys.argv[1:] = ["--help"]
try:
    main()
finally:
    print({"asyncio", "http.server", "pydantic", "rich", "sqlite3"} & set(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--install-completion" in done.stdout
    assert done.stderr == "set()\n"


def test_the_library_does_not_load_the_command_line():
    code = "import sys, agentguard; print({'agentguard.cli', 'rich', 'typer'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
