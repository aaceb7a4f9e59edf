"""One function of each kind, and one way to run them all."""

import inspect
from collections.abc import Callable
from typing import Any

from agentguard.testing import run_virtual


def function(query: str, *, limit: int = 2) -> list[str]:
    """Search."""
    return [query] * limit


async def coroutine_function(query: str, *, limit: int = 2) -> list[str]:
    """Search."""
    return [query] * limit


def generator_function(query: str, *, limit: int = 2):
    """Search."""
    for _ in range(limit):
        yield query


async def async_generator_function(query: str, *, limit: int = 2):
    """Search."""
    for _ in range(limit):
        yield query


KINDS = (function, coroutine_function, generator_function, async_generator_function)


def outcome(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The items that a function of any kind gives in the end. Runs it under virtual time."""

    async def main():
        made = fn(*args, **kwargs)
        if inspect.isawaitable(made):
            made = await made
        if hasattr(made, "__anext__"):
            return [item async for item in made]
        return list(made) if inspect.isgenerator(made) else made

    return run_virtual(main())
