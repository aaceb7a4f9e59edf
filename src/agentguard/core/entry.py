"""How a call begins: from sync code, from a coroutine, as a stream; always into the same handler."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import copy_context
from typing import Any

from agentguard.core.bodies import Stopped
from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler
from agentguard.core.drivers import SUSPENDED, adrive, as_seen_inside, drive
from agentguard.core.portal import PORTAL
from agentguard.core.result import StoppedEarly, ToolResult
from agentguard.core.streams import StreamEnded
from agentguard.core.suspended_chain import Stream


def step(handler: Handler, call: ToolCall) -> Any:
    """Run a call that never suspends, in this thread, and give its value."""
    chain: Any = handler(call)
    try:
        chain.send(None)
    except StopIteration as done:
        return done.value.return_value
    except Stopped as stopped:
        raise stopped.error from None
    chain.close()
    raise RuntimeError(SUSPENDED)


async def wait(handler: Handler, call: ToolCall) -> Any:
    """Run a call on the current event loop, and give its value.

    A StopIteration of a blocking function becomes a RuntimeError here: no coroutine can raise one (PEP 479).
    """
    try:
        return (await handler(call)).return_value
    except Stopped as stopped:
        raise stopped.error from None


def send_through_portal(handler: Handler, call: ToolCall) -> Any:
    """Run a call on the background event loop, and block until it gives its value."""
    try:
        result: ToolResult = PORTAL.run(_result(handler, call))
    except Stopped as stopped:
        raise stopped.error from None
    return result.return_value


async def _result(handler: Handler, call: ToolCall) -> ToolResult:
    return await handler(call)


def stream(handler: Handler, call: ToolCall) -> Generator[Any, Any, Any]:
    """The guarded generator of a call that never suspends."""
    return drive(lambda: handler(call))


def astream(handler: Handler, call: ToolCall) -> AsyncGenerator[Any, Any]:
    """The guarded async generator of a call."""
    return adrive(lambda: handler(call))


def stream_through_portal(handler: Handler, call: ToolCall) -> Generator[Any, Any, Any]:
    """The guarded generator of a call whose every step runs on the background event loop."""
    chain: Any = handler(call)
    stream = Stream(chain)
    # One for all steps: what the body sets in one, it finds and may reset in the next.
    context = copy_context()
    advance: Callable[[Any], Any] = chain.send
    argument: Any = None
    try:
        while True:
            try:
                item = PORTAL.run(stream.step(advance, argument), context=context)
            except StreamEnded as ended:
                result: ToolResult = ended.args[0]
                return result.return_value
            except StoppedEarly as stopped:
                return stopped.value
            try:
                argument = yield item.value
                advance = stream.current.send
            except BaseException as error:  # noqa: BLE001 - early close and thrown errors travel into the tool
                if sys.is_finalizing():
                    # The program left it half used, and there is no loop left to close it on.
                    stream.close()
                    return None
                advance, argument = stream.current.throw, as_seen_inside(error)
    finally:
        # The portal may have refused to start it. An exception whose traceback holds this frame would be held by it.
        if inspect.getcoroutinestate(chain) == inspect.CORO_CREATED:
            chain.close()
        del argument
