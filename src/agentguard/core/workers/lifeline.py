"""A worker dies with its parent, also when the parent is killed by `kill -9`, and also while C code holds the
interpreter lock.

Each worker has the read end of a pipe on which nothing is ever written. Its write end is the parent's, so that it ends
when the parent does, however that ends. Not `PR_SET_PDEATHSIG`: that is Linux only too, and strikes when the thread
that started the worker ends.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading


def die_with_parent(lifeline: int) -> None:
    """Have this process, with its group, killed when the other end of the pipe `lifeline` is closed."""
    if sys.platform == "linux":
        by_signal(lifeline)
    else:
        by_thread(lifeline)


def by_signal(lifeline: int) -> None:
    """By the kernel itself, whatever this process is doing then: `O_ASYNC` sends a signal when something happens on a
    pipe, and Linux lets us choose the signal (`F_SETSIG` in fcntl(2)). No thread, so that tools may fork.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)  # type: ignore[attr-defined,unused-ignore]  # Linux only
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    # It may have ended before it could signal.
    os.set_blocking(lifeline, False)
    try:
        has_ended = os.read(lifeline, 1) == b""
    except BlockingIOError:
        has_ended = False
    if has_ended:
        os.killpg(0, signal.SIGKILL)


def by_thread(lifeline: int) -> None:
    """By a thread that waits for the pipe's end. It cannot run while C code holds the interpreter lock: then the
    worker's alarm ends it, a moment after the call's time-out.
    """
    threading.Thread(target=_wait, args=(lifeline,), name="agentguard-lifeline", daemon=True).start()


def _wait(lifeline: int) -> None:
    while True:
        try:
            if os.read(lifeline, 1) == b"":
                break
        except OSError:
            # A tool's body closed the descriptor: there is nothing to wait for any more.
            return
    os.killpg(0, signal.SIGKILL)
