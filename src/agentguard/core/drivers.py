"""Handing a stream's items to its consumer: a generator, or an async generator, over a suspended chain."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from agentguard.core.result import StoppedEarly
from agentguard.core.streams import Item, StreamEnded, next_item

Begin = Callable[[], Any]
"""Starts the chain's coroutine; called when the consumer asks for the first item, as with any generator."""


def drive(begin: Begin) -> Generator[Any, Any, Any]:
    """The guarded generator of a chain that never suspends but for its items."""
    chain = begin()
    advance: Callable[[Any], Any] = chain.send
    argument: Any = None
    try:
        while True:
            try:
                item = advance(argument)
            except StopIteration as done:
                return done.value.return_value
            except StoppedEarly as stopped:
                return stopped.value
            if type(item) is not Item:
                chain.close()
                raise RuntimeError(SUSPENDED)
            try:
                argument = yield item.value
                advance = chain.send
            except BaseException as error:  # noqa: BLE001 - early close and thrown errors travel into the chain
                advance, argument = chain.throw, as_seen_inside(error)
    finally:
        # An exception whose traceback holds this frame would be held by it.
        del argument


def as_seen_inside(error: BaseException) -> BaseException:
    """What the consumer did, as the chain is told: a closed generator is a stream that was stopped early."""
    return StoppedEarly() if isinstance(error, GeneratorExit) else error


SUSPENDED = (
    "something in this synchronous call suspended, which only works on an event loop: a middleware or hook returned an "
    "awaitable without being an `async def`. Make it `async def`, or call the tool with `await tool.acall(...)`"
)


async def adrive(begin: Begin) -> AsyncGenerator[Any, Any]:
    """The guarded async generator of a chain on an event loop."""
    chain = begin()
    advance: Callable[[Any], Any] = chain.send
    argument: Any = None
    try:
        while True:
            try:
                item = advance(argument)
                if type(item) is not Item:
                    # Something in the chain waits. An item that is there at once needs no coroutine to bring it.
                    item = await next_item(chain, item)
            except (StopIteration, StreamEnded, StoppedEarly):
                return
            try:
                argument = yield item.value
                advance = chain.send
            except BaseException as error:
                if chain.cr_frame is None:
                    # The garbage collector has closed it before it came to this generator.
                    raise
                advance, argument = chain.throw, as_seen_inside(error)
    finally:
        # As in `drive`.
        del argument
