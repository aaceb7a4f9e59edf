"""The engine: layers composed into one handler, once per tool."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, Protocol

from agentguard.core.call import ToolCall
from agentguard.core.result import ToolResult
from agentguard.core.target import Target, is_async

Handler = Callable[[ToolCall], Awaitable[ToolResult]]
"""Runs a call and everything further in."""


class Middleware(Protocol):
    """What wraps a call: `(ctx, next)`, where `ctx` is the `ToolCall` and `await next(ctx)` runs what is further in.

    May be `async def` or a plain function. Returns the result of `next`, or a value of its own: then the tool does not
    run, and the caller gets that value. A plain function acts before, or replaces; to act after, write `async def`.
    """

    def __call__(self, call: ToolCall, next: Handler, /) -> Any:
        """Act on the call."""


class GuardMiddleware(ABC):
    """A middleware as a class. One object serves every call: keep nothing of a call in it."""

    @abstractmethod
    async def __call__(self, call: ToolCall, next: Handler) -> Any:
        """Act on the call; `await next(call)` runs what is further in and gives its `ToolResult`."""


class Layer(GuardMiddleware):
    """A built-in middleware: it is linked to what is further in once, when the tool is made, and always gives a
    `ToolResult`. One object serves every call of every tool it is linked for.
    """

    name: ClassVar[str] = ""
    """What it is called in `ORDER` and `explain()`."""

    needs_loop: bool = False
    """Whether something of the user's in it is async, so that even a plain call of a sync tool needs a loop."""

    settings: object = None
    """What it was made with, for `explain()`."""

    def prepare(self, target: Target, /) -> None:
        """Compile what it needs to know of `target`. Called once for a tool, when it is made."""

    @abstractmethod
    def link(self, inner: Handler, /) -> Handler:
        """The handler that acts and runs `inner`."""

    async def __call__(self, call: ToolCall, next: Handler) -> ToolResult:
        """Act on one call, as any middleware does."""
        return await self.link(next)(call)


def compose(middleware: Iterable[Middleware], innermost: Handler) -> Handler:
    """The handler that passes a call through `middleware`, outermost first, to `innermost`."""
    handler = innermost
    for each in reversed(list(middleware)):
        handler = _link(each, handler)
    return handler


def needs_loop(middleware: Middleware) -> bool:
    """Whether `middleware` can only run on an event loop."""
    if isinstance(middleware, Layer):
        return middleware.needs_loop
    return is_async(middleware)


def innermost(call: ToolCall) -> Awaitable[ToolResult]:
    """The end of every chain: the tool's body."""
    return call.body(call)


def _link(middleware: Middleware, inner: Handler) -> Handler:
    if isinstance(middleware, Layer):
        return middleware.link(inner)
    # The bound method, because calling an object goes the long way round in CPython.
    act: Callable[[ToolCall, Handler], Any] = getattr(middleware, "__call__", middleware)  # noqa: B004

    async def completed(call: ToolCall) -> ToolResult:
        value = act(call, inner)
        if hasattr(type(value), "__await__"):
            value = await value
        return value if type(value) is ToolResult else ToolResult(call, value)

    return completed
