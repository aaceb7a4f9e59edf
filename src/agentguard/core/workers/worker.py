"""One worker process, as its parent sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import astuple
from types import UnionType

from agentguard.core.workers.frames import BrokenChannelError, Channel, Header, TimeUpError
from agentguard.core.workers.naming import MainModule

_BOOT = (
    "import sys; connection, lifeline, idle, *sys.path[:] = sys.argv[1:]; "
    "from agentguard.core.workers.program import main; main(int(connection), int(lifeline), float(idle))"
)
"""Not `-m`, which would look for agentguard before the worker has its parent's path."""
LOAD_SECONDS = 60.0
"""How long a worker may take to start and import a tool's module, while calls that wait for it come and go."""
_GONE_SECONDS = 1.0
"""How long to wait for a killed process. Only one that waits for a device takes longer; it runs no more of its code."""
_PAUSE_SECONDS = 0.02
"""How long a worker that ended its connection may take to end itself, so that its exit code can be told."""


_DESCRIPTION = {"type": str, "text": str, "traceback": str, "left_behind": list}
_FIELDS: dict[str, dict[str, type | UnionType]] = {
    "ready": {},
    "left": {},
    "unloadable": {**_DESCRIPTION},
    "value": {"call": int, "seconds": float | int},
    "uncrossable": {"call": int, "problem": str, "path": str},
    "refused": {"call": int, "problem": str},
    "raised": {"call": int, **_DESCRIPTION},
}
"""What a worker may say. It is checked, because a tool's body may write into the connection too."""


class LeftError(BrokenChannelError):
    """The worker had ended, mostly because it had been idle for too long. It did not take the call."""


class UnloadableError(Exception):
    """The worker cannot import the tool; `args[0]` describes what was raised."""


class Worker:
    """A worker process and the connection to it. Used by one thread at a time, but for `kill`.

    Raises OSError when no process can be started.
    """

    def __init__(self, idle_seconds: float) -> None:
        self.calls = 0
        """How many calls it was given."""
        self.loaded: set[str] = set()
        """Names of the tools it has imported."""
        self._asked: deque[str] = deque()
        """Names of the tools it was asked to import and has not answered about."""
        self._asked_at = 0.0
        # Guards the process's id: once it is waited for, the id may be another process's.
        self._lock = threading.RLock()
        ours, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, with a program of our own
                [*_interpreter(), "-c", _BOOT, str(theirs.fileno()), str(lifeline), str(idle_seconds), *_path()],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), lifeline),
                # A session of its own, so that Ctrl-C does not reach it, and what it starts can be killed with it.
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            os.close(self._lifeline)
            raise
        finally:
            theirs.close()
            os.close(lifeline)
        self._channel = Channel(ours)

    @property
    def pid(self) -> int:
        """The id of the process, and of its group."""
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether it waits for a call, and loads nothing."""
        return not self._asked

    def is_usable(self) -> bool:
        """Whether an idle worker is there, has said nothing without being asked, and does not load for too long."""
        try:
            while self._asked and self._channel.wait(0):
                self._note_answer(time.monotonic() + _PAUSE_SECONDS)
            return time.monotonic() - self._asked_at <= LOAD_SECONDS if self._asked else not self._channel.wait(0)
        except (BrokenChannelError, TimeUpError):
            return False

    def ask_to_load(self, tool: str) -> None:
        """Have it import `tool` as soon as it can. Raises `LeftError` when it has ended."""
        if tool in self.loaded or tool in self._asked:
            return
        main = MainModule.of_this_process()
        header = {
            "kind": "prepare",
            "tool": tool,
            "path": _path(),
            "argv": list(map(str, sys.argv)),
            "main": None if main is None else astuple(main),
        }
        try:
            self._channel.send(header)
        except BrokenChannelError as error:
            raise LeftError from error
        self._asked.append(tool)
        self._asked_at = time.monotonic()

    def load(self, tool: str, *, until: float, goes_on: Callable[[], bool]) -> None:
        """Wait until it has imported `tool`.

        Raises:
            TimeUpError: It has not, in time; it goes on with it.
            UnloadableError: It cannot.
            BrokenChannelError: It has ended.
        """
        self.ask_to_load(tool)
        while tool not in self.loaded:
            answered, header = self._note_answer(until, goes_on)
            if answered == tool and tool not in self.loaded:
                raise UnloadableError(header)

    def start(self, header: Header, body: bytes, *, until: float) -> None:
        """Send it a call. Raises `TimeUpError` and `BrokenChannelError`; the tool then does not run."""
        self.calls += 1
        header = {**header, "call": self.calls, "seconds": max(until - time.monotonic(), 0.0)}
        self._channel.send({"kind": "call", **header}, body, until=until)

    def answer(self, *, until: float) -> tuple[Header, bytes]:
        """What it says about the call. Raises `TimeUpError`, and `BrokenChannelError` when it ends without a word."""
        header, body = self._receive(until, None)
        if header.get("call") != self.calls:
            msg = "it sent an answer to another call"
            raise BrokenChannelError(msg)
        return header, body

    def kill(self) -> None:
        """Kill it with all it has started, unless it is gone already. Does not wait; safe from every thread."""
        with self._lock:
            if self._process.returncode is None:
                self._kill_group()

    def end(self, *, pause: bool = False) -> bool:
        """Kill it, and wait until there is no such process; False when it is not gone after a second.

        With `pause`, it gets a moment to end by itself before, so that `how_it_ended` can tell.
        """
        if pause:
            time.sleep(_PAUSE_SECONDS)
        self.kill()
        return self.has_ended(_GONE_SECONDS) and self.let_go()

    def has_ended(self, seconds: float = 0.0) -> bool:
        """Whether the process has ended and is gone, within `seconds`."""
        ends = time.monotonic() + seconds
        nap = 0.0002
        while True:
            if self._is_reaped():
                return True
            if time.monotonic() >= ends:
                return False
            time.sleep(nap)
            nap = min(nap * 1.5, 0.01)

    def how_it_ended(self) -> str:
        """The end of the process, as the end of a sentence."""
        code = self._process.returncode
        if code is None:
            return "does not end"
        if code >= 0:
            return f"ended with exit code {code}"
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
        return f"was killed by signal {-code}"

    def say_goodbye(self) -> None:
        """Let an idle one end by itself."""
        self._channel.close()

    def let_go(self) -> bool:
        """Close what connects to it; it is killed if it still runs. True."""
        with self._lock:
            self._channel.close()
            if self._lifeline >= 0:
                os.close(self._lifeline)
                self._lifeline = -1
        return True

    def disown(self) -> None:
        """Forget a worker that is another process's: the one that this process was forked from."""
        # A thread that is not there any more may have held it.
        self._lock = threading.RLock()
        self.let_go()
        # Or it would be waited for when the object goes.
        self._process.returncode = 0

    def _is_reaped(self) -> bool:
        with self._lock:
            if self._process.returncode is not None:
                return True
            try:
                pid, status = os.waitpid(self._process.pid, os.WNOHANG)
            except ChildProcessError:
                # Somebody waits for all children of this process, and knows how it ended.
                self._process.returncode = 0
                return True
            if not pid:
                return False
            # What it started and left behind is in its group, whose id is not used again as long as it is there.
            self._kill_group()
            self._process.returncode = os.waitstatus_to_exitcode(status)
            return True

    def _kill_group(self) -> None:
        # Nobody there; or, on macOS, only the dead.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _note_answer(self, until: float, goes_on: Callable[[], bool] | None = None) -> tuple[str, Header]:
        """What it says about the tool that it was asked first to load."""
        header, _ = self._receive(until, goes_on)
        answered = self._asked.popleft()
        if header.get("kind") == "ready":
            self.loaded.add(answered)
        return answered, header

    def _receive(self, until: float, goes_on: Callable[[], bool] | None) -> tuple[Header, bytes]:
        header, body = self._channel.receive(until=until, goes_on=goes_on)
        fields = _FIELDS.get(str(header.get("kind")))
        if fields is None or not all(isinstance(header.get(name), kind) for name, kind in fields.items()):
            msg = "it sent a message that no worker sends"
            raise BrokenChannelError(msg)
        if header["kind"] == "left":
            raise LeftError
        return header, body


def _path() -> list[str]:
    # A `Path` there is allowed.
    return list(map(str, sys.path))


def _interpreter() -> list[str]:
    if not sys.executable or getattr(sys, "frozen", False):
        msg = "this program is not run by a Python interpreter that could be started again"
        raise OSError(msg)
    options = [f"-X{name}" if value is True else f"-X{name}={value}" for name, value in sys._xoptions.items()]
    return [sys.executable, *["-O"] * sys.flags.optimize, *[f"-W{each}" for each in sys.warnoptions], *options]
