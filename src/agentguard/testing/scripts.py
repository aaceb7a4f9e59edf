"""Failures on demand: what a function is to do before it does what it does.

A script wraps the real function, of any kind (`def`, `async def`, both kinds of generator, methods), and keeps its
kind, name and signature, so it goes under a guard as the function itself would:

    search = guard(max_retries=3)(fail_times(2, ConnectionError("reset"))(real_search))

A script acts when the body starts, that is once per attempt; for a generator, when its first item is asked for.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from agentguard.testing.stand_in import Latch, Part, stand_in

F = TypeVar("F", bound=Callable[..., Any])

Failure = BaseException | type[BaseException]
"""An exception, or a class to make one of."""


class Script:
    """What a function is to do before its own work. Made by `fail_times`, `slow_by` and `hang`; call it to wrap one.

    Safe to share by tasks and threads. If it wraps several functions, they share its count.
    """

    def __init__(self, part_of: Callable[[int], Part]) -> None:
        self._part_of = part_of
        self._lock = threading.Lock()
        self.starts = 0
        """How often a body that it wraps has started."""

    def __call__(self, fn: F) -> F:
        """A function of the same kind, name and signature, that follows the script and then runs `fn`."""
        wrapped: F = stand_in(fn, self._next_part)
        return wrapped

    def _next_part(self) -> Part:
        with self._lock:
            self.starts += 1
            number = self.starts
        return self._part_of(number)


class Hang(Script):
    """The script of a body that hangs. Made by `hang`."""

    def __init__(self) -> None:
        self._latch = Latch()
        part = Part(latch=self._latch)
        super().__init__(lambda _number: part)

    def release(self) -> None:
        """Let every body that hangs go on with the real function, and hang no more. From any task or thread."""
        self._latch.open()


def fail_times(
    times: int, error: Failure | Sequence[Failure] = ConnectionError, *, then: Script | None = None
) -> Script:
    """Fails so many times, then works.

    Args:
        times: How many starts of the body fail; 0 for none.
        error: An instance is raised as it is, every time the same object, so that a test can say
            `caught.value is error`. A class is instantiated for each failure, with a text that says which failure it
            is. A sequence gives one for each failure, and the last one to the rest.
        then: Another script for the starts after the failures, such as `slow_by(5)`; None for the function by itself.

    Raises:
        ValueError: `times` is negative, or `error` is empty.
        TypeError: `error` is no exception.
    """
    errors = _checked(times, error)

    def part_of(number: int) -> Part:
        if number <= times:
            return Part(error=_made(errors[min(number, len(errors)) - 1], number, times))
        return Part() if then is None else then._next_part()

    return Script(part_of)


def slow_by(seconds: float) -> Script:
    """Takes `seconds` longer than it would: of virtual time under `virtual_time`, and of a `FakeRuntime`'s; else real.

    A blocking function rests in its thread, and meets its `timeout=` as if the time had passed.

    Raises:
        ValueError: `seconds` is negative, infinite or no number; for a body that never ends, use `hang`.
    """
    if not 0 <= seconds < math.inf:
        msg = f"slow_by: {seconds!r} is not a number of seconds from 0; for a body that never ends, use hang()"
        raise ValueError(msg)
    part = Part(seconds=seconds)
    return Script(lambda _number: part)


def hang() -> Hang:
    """Never returns: a coroutine until it is cancelled, a blocking function until `release()` is called.

    A guard gives up a blocking body that hangs at its `timeout=`, at once where the clock is a fake one, and leaves its
    thread behind, as in production; call `release()` at the end of the test to let the thread go. Without a time-out,
    a plain call of it blocks the test for ever.
    """
    return Hang()


def _checked(times: int, error: Failure | Sequence[Failure]) -> Sequence[Failure]:
    if times < 0:
        msg = f"fail_times: {times!r} is less than none"
        raise ValueError(msg)
    errors = error if isinstance(error, Sequence) else (error,)
    if not errors:
        msg = "fail_times: no error is given"
        raise ValueError(msg)
    wrong = [each for each in errors if not _is_failure(each)]
    if wrong:
        msg = f"fail_times: {wrong[0]!r} is no exception"
        raise TypeError(msg)
    return errors


def _is_failure(error: object) -> bool:
    return isinstance(error, BaseException) or (isinstance(error, type) and issubclass(error, BaseException))


def _made(error: Failure, number: int, times: int) -> BaseException:
    return error if isinstance(error, BaseException) else error(f"failure {number} of {times}, from fail_times")
