import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
QUICKSTART = EXAMPLES / "quickstart.py"


def test_the_quickstart_runs_as_it_is(tmp_path):
    done = subprocess.run([sys.executable, str(QUICKSTART)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["True", "order 4711"]
    assert "pieces: expected an integer" in lines[2]
    assert lines[3:] == [
        "in_stock {'product': 'tea', 'pieces': 5} success attempts: 1",
        "order {'product': 'tea', 'pieces': 5} success attempts: 2",
        "in_stock {'product': 'tea', 'pieces': 'many'} validation_failed attempts: 1",
    ]


def test_the_quickstart_is_short_enough_to_copy():
    assert len(QUICKSTART.read_text(encoding="utf-8").splitlines()) <= 40


def test_the_tests_to_copy_pass_in_a_folder_of_their_own_without_any_plugin(tmp_path):
    copied = shutil.copy(EXAMPLES / "test_my_tool.py", tmp_path)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", copied]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
    assert re.search(r"^7 passed in ", done.stdout, re.MULTILINE), done.stdout + done.stderr
