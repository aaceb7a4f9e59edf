"""Running the command as a user does: in a pipe, or on a terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path

COMMAND = [str(Path(sys.executable).with_name("agentguard"))]
MODULE = [sys.executable, "-m", "agentguard"]
ESCAPE_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07)")
SECONDS = 50


@dataclass
class Outcome:
    code: int
    output: str
    errors: str = ""

    @property
    def lines(self) -> list[str]:
        """What stands on the screen in the end, or stood there, without colours."""
        return re.split(r"[\r\n]+", ESCAPE_SEQUENCE.sub("", self.output))


def environment(**changes: str) -> dict[str, str]:
    """That of this process, without what would change how things are printed."""
    unwanted = {"COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "PYTHONIOENCODING", "TERM"}
    return {name: value for name, value in os.environ.items() if name not in unwanted} | {"TERM": "xterm"} | changes


def run(*arguments: str, cwd: Path, command: list[str] = MODULE, **changes: str) -> Outcome:
    """In a pipe."""
    done = subprocess.run(
        [*command, *arguments],
        cwd=cwd,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def run_without_stdin(*arguments: str, cwd: Path, **changes: str) -> Outcome:
    """In a pipe, with nothing at all at descriptor 0."""
    return run(*arguments, cwd=cwd, command=["sh", "-c", 'exec "$@" <&-', "sh", *MODULE], **changes)


def run_on_terminal(*arguments: str, cwd: Path, columns: int, **changes: str) -> Outcome:
    """On a pseudo-terminal of that width; what goes to standard error is on it too."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(
        [*MODULE, *arguments], cwd=cwd, env=environment(**changes), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        output = _read_to_end(ours)
        os.close(ours)
        code = process.wait(SECONDS)
    return Outcome(code, output.decode("utf-8"))


def _read_to_end(descriptor: int) -> bytes:
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65_536)
        except OSError:  # Linux: the other end is closed
            part = b""
        if not part:
            return b"".join(parts)
        parts.append(part)
