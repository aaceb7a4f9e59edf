"""Bodies of tools that fail, wait and count, for tests of the layers around them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import Any


class BoomError(Exception):
    """What a failing body raises."""


class Script:
    """A body that does one thing after the other: raises what is an exception, and gives back anything else.

    The last thing is done again and again. Counts its runs.
    """

    def __init__(self, *steps: Any) -> None:
        self._steps = steps
        self.runs = 0

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        step = self._steps[min(self.runs, len(self._steps) - 1)]
        self.runs += 1
        if isinstance(step, BaseException) or (isinstance(step, type) and issubclass(step, BaseException)):
            raise step
        return step


class Crowd:
    """An async body that takes some (virtual) seconds, and knows how many of it run at once."""

    def __init__(self, seconds: float = 1.0, error: BaseException | None = None) -> None:
        self.seconds = seconds
        self.error = error
        self.runs = 0
        self.running = 0
        self.most = 0
        self.order: list[Any] = []

    async def __call__(self, name: Any = None) -> Any:
        self.runs += 1
        self.running += 1
        self.most = max(self.most, self.running)
        self.order.append(name)
        try:
            await asyncio.sleep(self.seconds)
            if self.error is not None:
                raise self.error
            return name
        finally:
            self.running -= 1


async def outcomes(calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """The values of all, exceptions included, in order."""
    return await asyncio.gather(*calls, return_exceptions=True)


def values_of(results: Iterable[Any]) -> list[Any]:
    return [result for result in results if not isinstance(result, BaseException)]


def errors_of(results: Iterable[Any], kind: type[BaseException]) -> list[Any]:
    return [result for result in results if isinstance(result, kind)]


async def cancelled(task: "asyncio.Task[Any]") -> bool:
    """Cancel `task`, await its end, and say whether it ended cancelled."""
    task.cancel()
    await asyncio.wait({task})
    return task.cancelled()


async def started(awaitable: Any, seconds: float = 0.1) -> "asyncio.Task[Any]":
    """A task for `awaitable` that has been running for some (virtual) seconds."""
    task = asyncio.ensure_future(awaitable)
    await asyncio.sleep(seconds)
    return task


async def elapsed(awaitable: Awaitable[Any]) -> float:
    """(Virtual) seconds until `awaitable` has ended, however it ends."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await outcomes([awaitable])
    return loop.time() - began


async def items_of(stream: AsyncIterator[Any]) -> list[Any]:
    """The items of `stream`, and last the exception that ended it, if one did."""
    items: list[Any] = []
    try:
        async for item in stream:
            items.append(item)  # noqa: PERF401 - a comprehension would lose them all at an error
    except Exception as error:
        items.append(error)
    return items
