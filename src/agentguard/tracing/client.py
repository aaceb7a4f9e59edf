"""`TraceClient`: a recorder for a whole program, or for a block of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from types import TracebackType
from typing import Any, Self

from agentguard.core.context import CURRENT, Enclosing, Scope, enter, leave
from agentguard.errors import ConfigError
from agentguard.tracing.entry import TraceEntry
from agentguard.tracing.location import AnyPath, Backend, Location, locate
from agentguard.tracing.outlets import release
from agentguard.tracing.recorder import OPEN_SECONDS, ToolRecorder
from agentguard.tracing.recording import WAIT_SECONDS
from agentguard.tracing.span import Span
from agentguard.tracing.spool import Durability
from agentguard.tracing.stats import TraceStats
from agentguard.tracing.writer import answered


class TraceClient:
    """Keeps spans in a store, or sends them: everything in its block, or with `configure_tracing(client)` everything
    in the process that no other recorder takes.

    Recording leaves the caller running: a thread of the store's own writes and sends. May be shared by tasks and
    threads, and its blocks may nest; it is closed with its outermost block, and then takes nothing more. Spans that end
    later are dropped and counted.

    Args:
        storage: "sqlite", "jsonl" or "memory"; "http", "otlp" or "postgres" to send.
        endpoint: Where to send: a URL. None for what the variable AGENTGUARD_ENDPOINT says; without either, nothing is
            ever sent to anybody, spans are kept until an endpoint is known, and that is said once.
        path: The folder of the store's file.
        async_mode: False makes every span wait, up to 2 seconds, until it is written: for scripts and debuggers, and
            never on an event loop.
        session_id: The session of what is called in its blocks; None leaves it as it is.
        durability: As for `record_session`.
        headers: Sent along with every request.

    Raises:
        ConfigError: There is no such storage, or the session id is no string.
    """

    def __init__(
        self,
        storage: Backend = "sqlite",
        endpoint: str | None = None,
        *,
        path: AnyPath = "./traces",
        async_mode: bool = True,
        session_id: str | None = None,
        durability: Durability = "durable",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if session_id is not None and not isinstance(session_id, str):
            raise ConfigError(f"session_id: {session_id!r} is no string")
        self.session_id = session_id
        """The session of what is called in its blocks; None where that is not its business."""
        self.collector = _ClientRecorder(
            _located(storage, endpoint, path, headers), waits=not async_mode, durability=durability
        )
        """What takes the spans."""
        self._entered: list[tuple[Token[Enclosing], Scope]] = []

    def __enter__(self) -> Self:
        """Open the store, and record what is called inside.

        Raises:
            StorageError: The store cannot be written; the message says what to do.
        """
        self.collector.open()
        return self._begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the block; the end of the outermost one waits up to 2 seconds until everything is written."""
        self._end()
        if not self._entered:
            self.close()

    async def __aenter__(self) -> Self:
        """As `__enter__`, with the event loop running on."""
        await _in_thread(self.collector.open)
        return self._begin()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As `__exit__`, with the event loop running on."""
        self._end()
        if not self._entered:
            await self.aclose()

    async def flush(self, timeout: float = WAIT_SECONDS) -> bool:
        """Wait up to `timeout` seconds until every span so far is written, or sent; False when it is not."""
        done: bool = await _in_thread(self.collector.flush, timeout)
        return done

    async def aclose(self) -> None:
        """Have everything written, waiting up to 2 seconds, and take nothing more. Closing twice is fine."""
        await _in_thread(self.collector.close)

    def close(self) -> None:
        """The same, blocking."""
        self.collector.close()

    def entries(self) -> list[TraceEntry]:
        """The tool calls so far, by start. Raises `StorageError` when the store cannot be read."""
        return self.collector.entries()

    def spans(self) -> list[Span]:
        """Everything so far, by start. Raises `StorageError` when the store cannot be read."""
        return self.collector.spans()

    def stats(self) -> TraceStats:
        """How the calls went, in numbers. Raises `StorageError` when the store cannot be read."""
        return self.collector.stats()

    def _begin(self) -> Self:
        here = CURRENT.get()
        # In a block inside its own block it is there already, and would get everything twice.
        new = None if self.collector in here.scope.collectors else self.collector
        scope = here.scope.joined(caller=here.caller, session_id=self.session_id, collector=new)
        self._entered.append((enter(scope), scope))
        return self

    def _end(self) -> None:
        if not self._entered:
            raise ConfigError("This client's block was left without having been entered.")
        # Tasks may have blocks of their own on one client: of those still open, this is the one that is current here.
        here = CURRENT.get()
        mine = next((entered for entered in self._entered if entered[1] is here), self._entered[-1])
        self._entered.remove(mine)
        leave(*mine)


class _ClientRecorder(ToolRecorder):
    """Opens its store with the first span, and is closed for good with its client."""

    def __init__(self, location: Location, *, waits: bool, durability: Durability) -> None:
        super().__init__(location, durability)
        self._waits = waits
        self._is_closed = False

    def open(self) -> None:
        """Open the store now. Raises `StorageError` when it cannot be written."""
        if self._is_closed:
            raise ConfigError("this client is closed; make a new one")
        if self._outlet is None:
            self._open()
        if self._outlet is not None:
            answered(self._outlet.prepare(), OPEN_SECONDS)

    def collect(self, span: Span, /) -> None:
        """Take a finished span; one that comes after the end is dropped and counted."""
        super().collect(span)
        if self._waits:
            self.flush()

    def close(self) -> None:
        """Have everything written, and take nothing more."""
        is_open, self._is_open, self._is_closed = self._is_open, False, True
        if is_open and self._outlet is not None:
            answered(release(self._outlet), 0 if self._goes_nowhere else WAIT_SECONDS)

    def flush(self, timeout: float = WAIT_SECONDS) -> bool:
        """As every recording's; what has no address to go to is not waited for."""
        return super().flush(0 if self._goes_nowhere else timeout)

    @property
    def _goes_nowhere(self) -> bool:
        return self.location.backend in ("http", "otlp") and self.location.address is None

    def _open(self) -> None:
        if not self._is_closed:
            super()._open()


def _located(storage: Backend, endpoint: str | None, path: AnyPath, headers: Mapping[str, str] | None) -> Location:
    return locate(path, storage, endpoint=endpoint, headers=headers)


async def _in_thread(fn: Any, *args: Any) -> Any:
    import asyncio  # noqa: PLC0415 - loaded already wherever a loop runs

    return await asyncio.to_thread(fn, *args)
