"""Running the command in this process: quick, and with standard output and standard error apart."""

import contextlib
from pathlib import Path

from typer.testing import CliRunner

from agentguard.cli.app import app
from tests.cli.terminal import Outcome


def run(*arguments: object, cwd: Path, charset: str = "utf-8", **changes: str) -> Outcome:
    """In a pipe that is 200 columns wide."""
    environment = {"COLUMNS": "200", "NO_COLOR": None, "FORCE_COLOR": None, "TERM": "xterm", **changes}
    with contextlib.chdir(cwd):
        done = CliRunner(charset=charset).invoke(
            app, [str(each) for each in arguments], env=environment, prog_name="agentguard"
        )
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Outcome(done.exit_code, done.stdout, done.stderr)
