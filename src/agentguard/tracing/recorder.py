"""Recorders: what is called inside their block is kept in a store."""

from __future__ import annotations

import os
from concurrent.futures import Future
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Self, get_args

from agentguard.core.context import CURRENT, Enclosing, Scope, enter, leave
from agentguard.errors import ConfigError
from agentguard.tracing.location import AnyPath, Backend, Location, locate
from agentguard.tracing.outlets import Outlet, acquire, release
from agentguard.tracing.recording import WAIT_SECONDS, Recording
from agentguard.tracing.spool import Durability
from agentguard.tracing.writer import answered

if TYPE_CHECKING:
    from agentguard.tracing.span import Span

OPEN_SECONDS = 5.0
"""How long opening waits for a store that does not answer; its spans are then kept in memory until it does."""


class Recorder(Recording):
    """Keeps every guarded call made inside its block, in the block's context: `with`, or `async with`.

    Blocks nest: an outer recorder gets everything, an inner one what is called inside it. Concurrent blocks do not see
    each other's calls. Spans that end after the block are dropped and counted. One recorder is good for one block.
    """

    def __init__(self, location: Location, session_id: str | None = None, durability: Durability = "durable") -> None:
        super().__init__()
        if durability not in get_args(Durability):
            raise ConfigError(f"durability: {durability!r} is none of {', '.join(get_args(Durability))}")
        if session_id is not None and not isinstance(session_id, str):
            raise ConfigError(f"session_id: {session_id!r} is no string")
        self.session_id = os.urandom(8).hex() if session_id is None else session_id
        """The session of the calls inside the block."""
        self.path = location.path
        """The store's file."""
        self._location = location
        self._durability = durability
        self._entered: tuple[Token[Enclosing], Scope] | None = None

    def __enter__(self) -> Self:
        """Open the store, and begin.

        Raises:
            StorageError: The store cannot be written; the message says what to do.
        """
        outlet = self._acquire()
        try:
            answered(outlet.prepare(), OPEN_SECONDS)
        except BaseException:
            self._give_back(outlet)
            raise
        return self._begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and wait up to 2 seconds until everything is in the store."""
        answered(self._end(), WAIT_SECONDS)

    async def __aenter__(self) -> Self:
        """As `__enter__`, with the event loop running on."""
        outlet = self._acquire()
        try:
            await _reply(outlet.prepare(), OPEN_SECONDS)
        except BaseException:
            self._give_back(outlet)
            raise
        return self._begin()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As `__exit__`, with the event loop running on. When cancelled, the writer finishes all the same."""
        await _reply(self._end(), WAIT_SECONDS)

    def _acquire(self) -> Outlet:
        if self._outlet is not None:
            raise ConfigError("A recorder is good for one block; call record_session() again.")
        self._outlet = acquire(self._location, self._durability)
        return self._outlet

    def _give_back(self, outlet: Outlet) -> None:
        self._outlet = None
        release(outlet)

    def _begin(self) -> Self:
        here = CURRENT.get()
        scope = here.scope.joined(caller=here.caller, session_id=self.session_id, collector=self)
        self._is_open = True
        self._entered = enter(scope), scope
        return self

    def _end(self) -> Future[None]:
        if self._entered is None or self._outlet is None:
            raise ConfigError("This recorder was left without having been entered.")
        self._is_open = False
        leave(*self._entered)
        self._entered = None
        return release(self._outlet)


def record_session(
    storage: AnyPath = "./traces",
    backend: Backend = "sqlite",
    session_id: str | None = None,
    *,
    durability: Durability = "durable",
) -> Recorder:
    """A recorder that keeps calls in the folder `storage`, for use in a `with` statement.

    Args:
        storage: The folder. The store in it is `agentguard_traces.db`, or `agentguard_traces.jsonl`.
        backend: "sqlite", "jsonl", or "memory" for a store that ends with the process and is the recorder's own.
        session_id: The session of the calls inside; any string, and never a path. None makes a new one.
        durability: What a finished call's record survives: "durable" the death of this process, "fsync" a power cut as
            well (each record waits for the disk), "buffered" neither. A store in memory ends with the process anyway.

    Raises:
        ConfigError: There is no such backend or durability, or the session id is no string.
    """
    return Recorder(locate(storage, backend), session_id, durability)


def async_record_session(
    storage: AnyPath = "./traces",
    backend: Backend = "sqlite",
    session_id: str | None = None,
    *,
    durability: Durability = "durable",
) -> Recorder:
    """The same recorder, under the name that reads well after `async with`.

    Inside `async with`, opening and closing leave the event loop running. Arguments are those of `record_session`.
    """
    return record_session(storage, backend, session_id, durability=durability)


class ToolRecorder(Recording):
    """Keeps the calls of tools that record always. Opens its store with the first span, and stays open."""

    def __init__(self, location: Location, durability: Durability = "durable") -> None:
        super().__init__()
        self.location = location
        """Which store."""
        self.durability = durability
        """What its records survive."""

    def collect(self, span: Span, /) -> None:
        """Take a finished span, without waiting. A store that cannot be written is logged once, and tried again."""
        if self._outlet is None:
            self._open()
        super().collect(span)

    def note_start(self, span: Span, /) -> None:
        """Take down that the call of `span` is about to run."""
        if self._outlet is None:
            self._open()
        super().note_start(span)

    def _open(self) -> None:
        # Two threads may both do this: they get the same outlet, which nobody will ever give back.
        self._is_open = True
        self._outlet = acquire(self.location, self.durability)


_tool_recorders: dict[tuple[Location, Durability], ToolRecorder] = {}


def tool_recorder(
    trace_dir: AnyPath = "./traces",
    backend: Backend = "sqlite",
    db_path: AnyPath | None = None,
    *,
    durability: Durability = "durable",
) -> ToolRecorder:
    """The recorder that all tools with the same store and durability share in this process.

    Ask once for each tool, not for each call. Touches no file: see `ToolRecorder`.

    `db_path` is the store's file; None means the usual one in `trace_dir`.

    Raises:
        ConfigError: There is no such backend.
    """
    location = locate(trace_dir, backend, db_path)
    if backend == "memory":
        location = Location(backend, os.path.realpath(os.fspath(trace_dir)))
    return _tool_recorders.setdefault((location, durability), ToolRecorder(location, durability))


async def _reply(answer: Future[None], timeout: float) -> None:
    """Wait up to `timeout` seconds for the writer's answer, raising what it raises; without one, go on."""
    import asyncio  # noqa: PLC0415 - loaded already wherever a loop runs

    waiter = asyncio.wrap_future(answer)
    try:
        done, _ = await asyncio.wait({waiter}, timeout=timeout)
    finally:
        if not waiter.done():
            waiter.cancel()  # takes the request back
    for reply in done:
        reply.result()
