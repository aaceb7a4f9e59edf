"""Sessions: calls that belong together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import Token
from types import TracebackType
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar

from agentguard.core.context import CURRENT, Enclosing, Scope, enter, leave
from agentguard.errors import ConfigError
from agentguard.tracing import SessionLog, TraceEntry

P = ParamSpec("P")
C = TypeVar("C")
R = TypeVar("R")
C_co = TypeVar("C_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


class Session:
    """A stretch of code whose guarded calls share a session id. Use it with `with` or `async with`, once.

    It follows the context: concurrent sessions never mix, tasks started inside belong to it, and nothing on any tool
    changes. It remembers its newest 10,000 calls in memory and writes no file by itself.
    """

    def __init__(
        self,
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        only_tool: object | None = None,
    ) -> None:
        self.session_id = os.urandom(16).hex() if session_id is None else session_id
        """The id of all calls inside; a new random one when none was given."""
        self._metadata = dict(metadata or {})
        self._only_tool = only_tool
        self._log = SessionLog()
        self._token: Token[Enclosing] | None = None
        self._state = "new"

    def entries(self) -> list[TraceEntry]:
        """The calls made so far, by start; inside the block and after it."""
        return self._log.entries()

    def __enter__(self) -> Self:
        if self._state != "new":
            msg = f"this session ({self.session_id!r}) was already opened; make a new one"
            raise ConfigError(msg)
        self._state = "open"
        self._entered = self._scope()
        self._token = enter(self._entered)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._state = "closed"
        if self._token is not None:
            leave(self._token, self._entered)
            self._token = None

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """Be inside the session also in a task or thread that was started elsewhere."""
        if self._state != "open":
            msg = f"this session ({self.session_id!r}) is {self._state}; use it inside its `with` block"
            raise ConfigError(msg)
        if self._log in CURRENT.get().scope.collectors:
            yield
            return
        scope = self._scope()
        token = enter(scope)
        try:
            yield
        finally:
            leave(token, scope)

    def _scope(self) -> Scope:
        here = CURRENT.get()
        around = here.scope
        if self._only_tool is None:
            return around.joined(
                caller=here.caller, session_id=self.session_id, collector=self._log, metadata=self._metadata
            )
        meant = around.seen_by(self._only_tool)
        return Scope(
            session_id=self.session_id,
            collectors=(*meant.collectors, self._log),
            metadata={**meant.metadata, **self._metadata},
            caller=here.caller,
            only_tool=self._only_tool,
            outer=around,
            span=around.span if here.caller is around.caller else None,
            run_id=around.run_id,
        )


class SessionTool(Protocol[P, C_co, R_co]):
    """What a session needs of a guarded tool."""

    shared: Any

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> C_co:
        """Call it as its function is called."""

    async def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call it from async code."""

    def call_sync(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call it from sync code."""


class ToolSession(Session, Generic[P, C, R]):
    """A session of one tool: its calls, and what they call in turn."""

    def __init__(self, tool: SessionTool[P, C, R], session_id: str | None, metadata: Mapping[str, Any] | None) -> None:
        super().__init__(session_id, metadata, only_tool=tool.shared)
        self._tool = tool

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> C:
        """Call the tool as its function is called, inside the session."""
        with self._inside():
            return self._tool(*args, **kwargs)

    async def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the tool from async code, inside the session."""
        with self._inside():
            return await self._tool.acall(*args, **kwargs)

    def call_sync(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the tool from sync code, also when it is async, inside the session."""
        with self._inside():
            return self._tool.call_sync(*args, **kwargs)


def session(session_id: str | None = None, metadata: Mapping[str, Any] | None = None) -> Session:
    """A session of every guarded tool called inside its `with` (or `async with`) block.

    Args:
        session_id: Any string; None for a new random one.
        metadata: Supplied to `ctx.metadata` of the calls inside.
    """
    return Session(session_id, metadata)
