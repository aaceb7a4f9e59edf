"""A stretch of work that is the current one wherever its own code runs: in one block, or in the steps of a stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextvars import Token
from types import TracebackType
from typing import Any, Self

from agentguard.core.context import CURRENT, ROOT, Enclosing, Scope, leave
from agentguard.core.ids import CALL_IDS
from agentguard.core.result import StoppedEarly


class Stretch(ABC):
    """How a stretch is entered and left. Set and reset always happen in one frame, never across a `yield`: so what the
    consumer of a stream does between two items is not inside, and no step is left in another context than it entered.
    """

    __slots__ = ()

    scope: Scope
    _token: Token[Enclosing] | None

    @abstractmethod
    def end(self, value: Any = None) -> None:
        """End well, with what the function returned."""

    @abstractmethod
    def end_stream(self, value: Any = None) -> None:
        """End a stream that has handed out everything; `value` is what its generator returned."""

    @abstractmethod
    def fail(self, error: BaseException) -> None:
        """End with the exception that leaves it."""

    @abstractmethod
    def take_item(self, item: Any) -> None:
        """One more item has come out of the stream."""

    def __enter__(self) -> Self:
        self._token = CURRENT.set(self.scope)  # type: ignore[misc]  # a slot of each class below this one
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """No longer be the current one. It ends only if an exception leaves it; else say `end`."""
        token, self._token = self._token, None  # type: ignore[misc]  # as above
        if token is not None:
            leave(token, self.scope)
        if error is not None:
            self.fail(error)

    def step(self, advance: Callable[..., Any], *argument: Any) -> Any:
        """One step of a sync stream: its next item."""
        scope = self.scope
        token = CURRENT.set(scope)
        try:
            item = advance(*argument)
        except StopIteration as stop:
            self.end_stream(stop.value)
            raise
        except BaseException as error:
            self.fail(error)
            raise
        finally:
            leave(token, scope)
            del argument  # an exception whose traceback holds this frame would be held by it
        self.take_item(item)
        return item

    async def astep(self, advance: Callable[..., Awaitable[Any]], *argument: Any) -> Any:
        """One step of an async stream, in the task that asks for it."""
        scope = self.scope
        token = CURRENT.set(scope)
        try:
            item = await advance(*argument)
        except StopAsyncIteration:
            self.end_stream()
            raise
        except BaseException as error:
            self.fail(error)
            raise
        finally:
            leave(token, scope)
            del argument  # as in `step`
        self.take_item(item)
        return item

    def stop(self, close: Callable[[], Any]) -> Any:
        """Close a stream whose consumer has had enough. Gives what `close` gives."""
        with self:
            value = close()
        self.fail(StoppedEarly())
        return value

    async def astop(self, close: Callable[[], Awaitable[Any]]) -> None:
        """The same for an async stream."""
        with self:
            await close()
        self.fail(StoppedEarly())


class UnrecordedRun(Stretch):
    """An agent's run that nobody records. Counters are kept by run, also when tracing is switched off."""

    __slots__ = ("_token", "scope")

    def __init__(self, here: Enclosing) -> None:
        run_id = CALL_IDS.text(CALL_IDS.next_number())
        # Outside of everything there is nothing to join: a third of the time.
        self.scope = Scope(run_id=run_id) if here is ROOT else here.scope.joined(caller=here.caller, run_id=run_id)
        self._token = None

    def end(self, value: Any = None) -> None:
        """Nothing has to be done."""

    def end_stream(self, value: Any = None) -> None:
        """Nothing has to be done."""

    def fail(self, error: BaseException) -> None:
        """Nothing has to be done."""

    def take_item(self, item: Any) -> None:
        """Nothing has to be done."""
