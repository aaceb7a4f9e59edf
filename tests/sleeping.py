"""Nobody sleeps: what a test spends in `time.sleep`, or in `asyncio.sleep` on an event loop in real time, is found.

A test that needs real time says so with the mark `realtime`. Others use `agentguard.testing`. Sleeping is noticed where
it happens, and belongs to the test whose context it happens in: in agentguard's threads and on its background loop too,
and never to a test that runs while an earlier one's thread is still asleep. Bare threads and subprocesses are not seen.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from agentguard.testing import VirtualLoop

TESTS = Path(__file__).resolve().parent
SRC = TESTS.parent / "src"

_SLEPT: ContextVar[list[str] | None] = ContextVar("slept", default=None)
_sleep = time.sleep
_call_later = asyncio.BaseEventLoop.call_later


@contextmanager
def noticed() -> Iterator[list[str]]:
    """Where code called inside the block sleeps, as "file:line"."""
    slept: list[str] = []
    token = _SLEPT.set(slept)
    try:
        yield slept
    finally:
        _SLEPT.reset(token)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    if item.get_closest_marker("realtime") is not None:
        return (yield)
    with noticed() as slept:
        outcome = yield
    if slept:
        pytest.fail(
            f"this test sleeps in real time, at {', '.join(dict.fromkeys(slept))}: use `run_virtual` or `FakeRuntime` "
            "of agentguard.testing, or mark it `realtime` if it is about real threads or clocks",
            pytrace=False,
        )
    return outcome


def _noticing_sleep(seconds: float, /) -> None:
    slept = _SLEPT.get()
    # No time is no sleep. Waiting for a process with a time limit is made of sleeps on POSIX, and is none either.
    if slept is not None and seconds and sys._getframe(1).f_globals.get("__name__") != "subprocess":
        slept.append(_place())
    _sleep(seconds)


def _noticing_call_later(loop: Any, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
    slept = _SLEPT.get()
    # The callback by which `asyncio.sleep` wakes; a time-out is no sleep.
    is_sleep = getattr(callback, "__name__", "") == "_set_result_unless_cancelled"
    if slept is not None and is_sleep and not isinstance(loop, VirtualLoop):
        slept.append(_place())
    return _call_later(loop, delay, callback, *args, context=context)


def _place() -> str:
    """The innermost line of a test that is on the stack; in a thread, of agentguard."""
    found = "an unknown place"
    frame: Any = sys._getframe(2)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(TESTS):
            return f"{path.name}:{frame.f_lineno}"
        if found == "an unknown place" and path.is_relative_to(SRC):
            found = f"{path.name}:{frame.f_lineno}"
        frame = frame.f_back
    return found


# For good: what tells the tests apart is the context.
time.sleep = _noticing_sleep
asyncio.BaseEventLoop.call_later = _noticing_call_later  # type: ignore[method-assign]
