"""Programs run in an interpreter of their own, for what would take this one down: forks, exits, deadlocks."""

import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass


@dataclass
class Ended:
    """How a program ended."""

    out: str
    err: str
    code: int
    seconds: float


def run_program(source: str, *, timeout: float = 20.0) -> Ended:
    """Run `source` to its end; raises `subprocess.TimeoutExpired` when it hangs. Warnings are errors in it."""
    began = time.monotonic()
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(source)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    return Ended(ended.stdout, ended.stderr, ended.returncode, time.monotonic() - began)
