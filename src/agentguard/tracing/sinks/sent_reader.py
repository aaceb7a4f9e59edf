"""What is left to say about spans that were sent away: where they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from agentguard.errors import StorageError
from agentguard.tracing.query import Query
from agentguard.tracing.sinks.port import Outcome, SessionSummary
from agentguard.tracing.sinks.store_reader import Position
from agentguard.tracing.span import Span

_EVERYTHING = Query()


class SentReader:
    """Raises StorageError at every question: a server for spans need not answer any."""

    def __init__(self, shown: str) -> None:
        self.skipped = 0
        self._shown = shown

    def spans(self, query: Query, /) -> list[Span]:
        """Raises StorageError."""
        self._refuse()

    def each(self, query: Query, /) -> Iterator[Span]:
        """Raises StorageError."""
        self._refuse()

    def outcomes(self, query: Query, /) -> Iterator[Outcome]:
        """Raises StorageError."""
        self._refuse()

    def sessions(self, query: Query = _EVERYTHING, /) -> list[SessionSummary]:
        """Raises StorageError."""
        self._refuse()

    def ids(self, beginning: str, most: int, /) -> list[str]:
        """Raises StorageError."""
        self._refuse()

    def calls(self, beginning: str, most: int, /) -> list[str]:
        """Raises StorageError."""
        self._refuse()

    def tools(self, beginning: str, most: int, /) -> list[str]:
        """Raises StorageError."""
        self._refuse()

    def end(self) -> Position:
        """Raises StorageError."""
        self._refuse()

    def arrivals(self, after: Position, query: Query, /) -> tuple[list[Span], Position]:
        """Raises StorageError."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise StorageError(
            f"Spans sent to {self._shown!r} cannot be read back from here. Look at them there, or record into a store"
            " of your own as well."
        )
