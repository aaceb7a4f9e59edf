"""The ways to call a guarded tool. Each gives the tool's value; of a generator tool, its last item."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

Way = Callable[..., Any]


async def awaited(value: Any) -> Any:
    """What a coroutine or an async generator comes to, from inside a running loop."""
    if inspect.isasyncgen(value):
        items = [item async for item in value]
        return items[-1] if items else None
    if inspect.isawaitable(value):
        return await value
    return iterated(value)


def iterated(value: Any) -> Any:
    """What a generator comes to; anything else is its own value."""
    if not inspect.isgenerator(value):
        return value
    items = list(value)
    return items[-1] if items else None


def is_async(tool: Any) -> bool:
    return inspect.iscoroutinefunction(tool) or inspect.isasyncgenfunction(tool)


def plain(tool: Any, *args: Any, **kwargs: Any) -> Any:
    """As the undecorated function would be called; what needs a loop to be awaited on gets one."""

    async def main() -> Any:
        return await awaited(tool(*args, **kwargs))

    return asyncio.run(main()) if is_async(tool) else iterated(tool(*args, **kwargs))


def acall(tool: Any, *args: Any, **kwargs: Any) -> Any:
    async def main() -> Any:
        return await awaited(await tool.acall(*args, **kwargs))

    return asyncio.run(main())


def plain_inside_a_loop(tool: Any, *args: Any, **kwargs: Any) -> Any:
    async def main() -> Any:
        return await awaited(tool(*args, **kwargs))

    return asyncio.run(main())


def call_sync(tool: Any, *args: Any, **kwargs: Any) -> Any:
    return iterated(tool.call_sync(*args, **kwargs))


WAYS: tuple[Way, ...] = (plain, acall, plain_inside_a_loop, call_sync)
