"""A stream's chain between two items: suspended, with the source that it has come to, and advanced by a driver."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Generator
from typing import Any

from agentguard.core.streams import Item, Source, StreamEnded


class Stream:
    """A chain and the source it has come to: whatever of the two goes on next."""

    __slots__ = ("_chain", "current")

    def __init__(self, chain: Any) -> None:
        self._chain = chain
        self.current = chain
        """What the consumer's next step advances: the source while there is one, else the chain."""

    def settle(self, out: Any, ended: BaseException | None = None) -> Any:
        """What comes next, an `Item` or something to await, after `current` has given `out`, or has ended or raised.

        Raises:
            StreamEnded: The chain has ended, with its `ToolResult`. What else it raises is the call's exception.
        """
        argument: Any = None
        try:
            while ended is not None or type(out) is Source:
                advance, argument = self._follow(out) if ended is None else self._tell_chain(ended)
                try:
                    out, ended = advance(argument), None
                except BaseException as raised:  # noqa: BLE001 - the chain's is raised in the next round
                    ended = raised
            return out
        finally:
            # An exception whose traceback holds this frame would be held by it.
            del argument, ended

    async def next_item(self, out: Any) -> Item:
        """What `settle` came to, once everything is awaited that lies before the next item."""
        while type(out) is not Item:
            ended: BaseException | None = None
            try:
                out = await _go_on(self.current, out)
            except BaseException as raised:  # noqa: BLE001 - as in `settle`
                ended = raised
            try:
                out = self.settle(out, ended)
            finally:
                del ended
        return out

    async def step(self, advance: Callable[[Any], Any], argument: Any) -> Item:
        """One step of the consumer's, whole."""
        out, ended = None, None
        try:
            out = advance(argument)
        except BaseException as raised:  # noqa: BLE001 - as in `settle`
            ended = raised
        try:
            return await self.next_item(self.settle(out, ended))
        finally:
            # As in `settle`.
            del argument, ended

    def close(self) -> None:
        """Dispose of everything that is not finished; what its clean-up raises is nobody's news."""
        for part in (self.current, self._chain):
            with contextlib.suppress(Exception):
                part.close()

    def is_gone(self) -> bool:
        """Whether the garbage collector has closed the chain, before it came to whoever drives it."""
        return self._chain.cr_frame is None

    def _follow(self, source: Source) -> tuple[Callable[[Any], Any], Any]:
        self.current = source.items
        return self.current.send, None

    def _tell_chain(self, ended: BaseException) -> tuple[Callable[[Any], Any], Any]:
        """The source has ended: its result or its exception goes down to the innermost stage."""
        is_end_of_all, self.current = self.current is self._chain, self._chain
        try:
            if not is_end_of_all:
                is_return = isinstance(ended, StopIteration | StreamEnded)
                return (self._chain.send, ended.args[0]) if is_return else (self._chain.throw, ended)
            if isinstance(ended, StopIteration):
                raise StreamEnded(ended.value) from None
            raise ended
        finally:
            # As in `settle`.
            del ended


class ChainSteps:
    """A chain's coroutine, advanced from one thing that goes up to the driver (a source, an item) to the next; all else
    that it awaits goes to the event loop as usual.
    """

    __slots__ = ("_chain",)

    def __init__(self, chain: Any) -> None:
        self._chain = chain

    async def send(self, value: Any) -> Any:
        """The next one. Raises `StreamEnded` with the chain's `ToolResult` at the end."""
        return await self._until_next(self._chain.send, value)

    async def throw(self, error: BaseException) -> Any:
        """Raise `error` where the chain stands, and go on to the next one."""
        try:
            return await self._until_next(self._chain.throw, error)
        finally:
            del error

    async def _until_next(self, advance: Callable[[Any], Any], argument: Any) -> Any:
        try:
            out = advance(argument)
            return out if type(out) in _GOING_UP else await _go_on(self._chain, out)
        except StopIteration as done:
            raise StreamEnded(done.value) from None
        finally:
            # As in `settle`.
            del argument


_GOING_UP = (Item, Source)


@types.coroutine
def _go_on(part: Any, out: Any) -> Generator[Any, Any, Any]:
    """Have a chain or a source that waits for `out` go on until it hands out something.

    Raises `StreamEnded` at its end.
    """
    argument = None
    try:
        while True:
            try:
                argument = yield out
                advance = part.send
            except BaseException as error:  # noqa: BLE001 - a cancellation belongs to what is awaited
                advance, argument = part.throw, error
            try:
                out = advance(argument)
            except StopIteration as done:
                raise StreamEnded(done.value) from None
            if type(out) in _GOING_UP:
                return out
    finally:
        # As in `settle`.
        del argument, out
