"""The clock that stands in for the real one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from agentguard.core.runtime import LOOP, THREAD


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that a test moves. Guarded calls, scripts and chaos go by the one that was installed last."""

    now: Callable[[], float]
    """Monotonic seconds."""
    advance: Callable[[float], None]
    """Lets so many seconds pass."""


_INSTALLED: list[Clock] = []


def clock_in_use() -> Clock | None:
    """The fake clock that guarded calls go by; None when they go by the real one."""
    return _INSTALLED[-1] if _INSTALLED else None


@contextmanager
def installed(
    clock: Clock,
    *,
    loop_sleep: Callable[[float], Awaitable[None]],
    thread_sleep: Callable[[float], Awaitable[None]],
) -> Iterator[None]:
    """Make `clock` the clock of every guarded call in the process, for the time of the block."""
    with ExitStack() as swaps:
        for runtime, sleep in ((LOOP, loop_sleep), (THREAD, thread_sleep)):
            swaps.enter_context(swapped(runtime, "now", clock.now))
            swaps.enter_context(swapped(runtime, "sleep", sleep))
        _INSTALLED.append(clock)
        try:
            yield
        finally:
            _INSTALLED.pop()


@contextmanager
def swapped(owner: object, name: str, value: Any) -> Iterator[None]:
    """Give `owner` another attribute for the time of the block. What its class has comes back into sight."""
    own = vars(owner)
    had, before = name in own, own.get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if had:
            setattr(owner, name, before)
        else:
            delattr(owner, name)
