"""Taking the context along into threads: what runs there belongs to the span and session that it was started in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def carry(fn: Callable[P, R], /) -> Callable[P, R]:
    """`fn`, to be called in any thread as if it were called here: for `threading.Thread(target=carry(fn))`.

    It runs in a copy of the context of now, a new one for each call, so that many threads may call it at once.
    `asyncio.to_thread` and tasks carry the context by themselves. Not for other processes.
    """
    context = copy_context()

    @functools.wraps(fn)
    def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        return context.copy().run(fn, *args, **kwargs)

    return carried


class CarryingExecutor(Executor):
    """An executor of threads whose jobs run in the context that they are submitted in.

    Good for `submit`, `map` and `loop.run_in_executor`. Shutting it down shuts the executor inside down.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Have `fn` called in a thread of the executor."""
        return self._executor.submit(carry(fn), *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as Executor has it
        """Shut the executor down; `wait` and `cancel_futures` are as everywhere."""
        self._executor.shutdown(wait, cancel_futures=cancel_futures)
