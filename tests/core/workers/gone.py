"""Whether processes are there, for tests of what is left of them."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def is_there(pid: int) -> bool:
    """Whether there is such a process, as one that is only not waited for yet counts too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_running(pid: int) -> bool:
    """Whether it runs: one that has ended and is left to somebody else to be waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return is_there(pid) and not Path("/proc/self").exists()


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> float:
    """Poll, and give the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it never came true"
        time.sleep(0.001)
    return time.monotonic() - began


def pid_in(file: Path) -> int:
    """The number that a tool writes into `file`, once it has."""
    wait_until(file.exists)
    return int(file.read_text(encoding="ascii"))
