"""The program of a worker process: imports tools by name, calls them one at a time, and answers.

It talks to its parent over a socket of its own, so that a tool may print, or close its output. It never sees another
call while one runs, and ends when its parent does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from contextvars import copy_context
from typing import Any

from agentguard.core.call import ToolCall
from agentguard.core.context import CURRENT, Scope, enter
from agentguard.core.workers.decoding import NotDecodableError, decode
from agentguard.core.workers.encoding import CannotCrossError, crosses, encode
from agentguard.core.workers.frames import BrokenChannelError, Channel, Header
from agentguard.core.workers.lifeline import die_with_parent
from agentguard.core.workers.memory import limited
from agentguard.core.workers.naming import LOADING, MainModule, load

_ALARM_SECONDS = 1.0
"""How long after its time-out a call may go on that the parent has not killed, because it cannot: it is gone itself
while C code holds the interpreter lock, or it is stopped."""
_MAX_TEXT_CHARS = 20_000

Facts = dict[str, Any]
"""What the parent tells of the call: what `current_call()` shows."""


def main(connection: int, lifeline: int, idle_seconds: float) -> None:
    """Serve the parent at the other end of the descriptor `connection`, until one of the two ends, or nothing was to
    be done for `idle_seconds`.
    """
    for descriptor in (connection, lifeline):
        # Programs that a tool starts must not keep them open.
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - positional only
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    die_with_parent(lifeline)
    # Broken when the parent lets go, or when a tool closed the descriptor: either way nobody can be answered.
    with contextlib.suppress(BrokenChannelError, OSError), socket.socket(fileno=connection) as ours:
        _serve(Channel(ours), idle_seconds)


def _serve(channel: Channel, idle_seconds: float) -> None:
    while channel.wait(idle_seconds):
        header, body = channel.receive()
        if header["kind"] == "prepare":
            channel.send(_prepare(header))
        else:
            channel.send(*_answer(header, body))
            # Only now, because sending a large result takes time too.
            signal.setitimer(signal.ITIMER_REAL, 0.0)
    channel.send({"kind": "left"})


def _prepare(header: Header) -> Header:
    """Import the module of a tool."""
    sys.path[:] = header["path"]
    sys.argv[:] = header["argv"]
    LOADING.main = None if header["main"] is None else MainModule(*header["main"])
    try:
        load(header["tool"])
    except BaseException as error:  # noqa: BLE001 - a module may raise SystemExit too; the parent says what to do
        return {"kind": "unloadable", **_described(error)}
    finally:
        _flush()
    return {"kind": "ready"}


def _answer(header: Header, body: bytes) -> tuple[Header, bytes]:
    number = {"call": header["call"]}
    try:
        args, kwargs, facts = decode(body, may_import=True)
    except NotDecodableError as error:
        return {"kind": "refused", "problem": str(error), **number}, b""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, header["seconds"] + _ALARM_SECONDS)
    call = _as_in_parent(facts, args, kwargs)
    began = time.perf_counter()
    try:
        # A context of its own, so that what the body sets there is gone with it.
        value = copy_context().run(_call, load(header["tool"]), call, header["memory_bytes"])
    except BaseException as error:  # noqa: BLE001 - the parent raises it
        return _raised(error, {"seconds": time.perf_counter() - began, **number})
    finally:
        _flush()
    return _returned(value, {"seconds": time.perf_counter() - began, **number})


def _call(fn: Any, call: ToolCall, memory_bytes: int | None) -> Any:
    CURRENT.set(call)
    with limited(memory_bytes):
        value = fn(*call.args, **call.kwargs)
        if hasattr(type(value), "__await__"):
            # Imported here, because most tools that are worth a process are not async.
            import asyncio  # noqa: PLC0415

            value = asyncio.run(_awaited(value))
    return value


async def _awaited(value: Any) -> Any:
    return await value


def _as_in_parent(facts: Facts, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ToolCall:
    """What `current_call()` gives, and what the calls made by the body are in."""
    enter(Scope(session_id=facts["session_id"], metadata=facts["scope_metadata"]))
    call = ToolCall(facts["tool_name"], args, kwargs)
    call._call_id = facts["call_id"]
    call.idempotency_key = facts["idempotency_key"]
    call.session_id = facts["session_id"]
    call.metadata = facts["metadata"]
    call.attempt = facts["attempt"]
    call.bodies = facts["bodies"] + 1
    call.started_at = time.monotonic()
    if facts["seconds_left"] is not None:
        call.deadline = call.started_at + facts["seconds_left"]
    return call


def _returned(value: Any, header: Header) -> tuple[Header, bytes]:
    try:
        return {"kind": "value", **header}, encode(value)
    except CannotCrossError as problem:
        return {"kind": "uncrossable", "problem": problem.problem, "path": problem.path, **header}, b""


def _raised(error: BaseException, header: Header) -> tuple[Header, bytes]:
    header = {"kind": "raised", **_described(error), **header}
    try:
        return header, encode(error)
    except CannotCrossError:
        # The parent raises an error that tells of it.
        return header, b""


def _described(error: BaseException) -> Header:
    """What there is to say about an exception that may not cross."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    lines = traceback.TracebackException(type(error), error, trace).format()
    kind = type(error)
    return {
        "type": kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}",
        "text": _text_of(error)[:_MAX_TEXT_CHARS],
        "traceback": "".join(lines)[-_MAX_TEXT_CHARS:],
        "left_behind": [str(name) for name, value in error.__dict__.items() if not crosses(value)],
    }


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - a `__str__` of the user's may raise anything
        return f"(its text cannot be had: {type(second).__name__})"


def _flush() -> None:
    """Let what the tool printed appear before its result. It may have closed or replaced its output."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
