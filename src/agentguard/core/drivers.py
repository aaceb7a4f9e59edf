"""Handing a stream's items to its consumer: a generator, or an async generator, over a suspended chain."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from agentguard.core.result import StoppedEarly
from agentguard.core.streams import Item, StreamEnded
from agentguard.core.suspended_chain import Stream

Begin = Callable[[], Any]
"""Starts the chain's coroutine; called when the consumer asks for the first item, as with any generator."""


def drive(begin: Begin) -> Generator[Any, Any, Any]:
    """The guarded generator of a chain that never suspends but for what it hands out."""
    stream = Stream(begin())
    advance: Callable[[Any], Any] = stream.current.send
    argument: Any = None
    try:
        while True:
            ended: BaseException | None = None
            try:
                item = advance(argument)
            except BaseException as raised:  # noqa: BLE001 - the tool's, or the chain's
                item, ended = None, raised
            if type(item) is not Item:
                try:
                    item = stream.settle(item, ended)
                except StreamEnded as done:
                    return done.args[0].return_value
                except StoppedEarly as stopped:
                    return stopped.value
                finally:
                    ended = None
                if type(item) is not Item:
                    stream.close()
                    raise RuntimeError(SUSPENDED)
            try:
                argument = yield item.value
                advance = stream.current.send
            except BaseException as error:  # noqa: BLE001 - early close and thrown errors travel into the tool
                advance, argument = stream.current.throw, as_seen_inside(error)
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
    stream = Stream(begin())
    advance: Callable[[Any], Any] = stream.current.send
    argument: Any = None
    try:
        while True:
            ended: BaseException | None = None
            try:
                item = advance(argument)
            except BaseException as raised:  # noqa: BLE001 - as in `drive`
                item, ended = None, raised
            if type(item) is not Item:
                # An item that is there at once needs no coroutine to bring it.
                try:
                    item = await stream.next_item(stream.settle(item, ended))
                except (StreamEnded, StoppedEarly):
                    return
                finally:
                    ended = None
            try:
                argument = yield item.value
                advance = stream.current.send
            except BaseException as error:
                if stream.is_gone():
                    raise
                advance, argument = stream.current.throw, as_seen_inside(error)
    finally:
        # As in `drive`.
        del argument
