"""What a store that outlives its process answers, besides what a recorder asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from agentguard.tracing.query import Query
from agentguard.tracing.sinks.port import Reader, SessionSummary
from agentguard.tracing.span import Span

Position = tuple[int, int]
"""How far a store has been read in the order of arrival: which file it was, and how far into it."""

AT_ONCE = 500
"""Spans that one answer of `arrivals` holds at most, so that a reader that fell behind stays small."""


class StoreReader(Reader, Protocol):
    """A reader of files. Memory stays bounded in `each`, `outcomes` and `sessions`, however large the store is."""

    def each(self, query: Query, /) -> Iterator[Span]:
        """The spans asked for, one after the other, by start."""

    def sessions(self, query: Query = ..., /) -> list[SessionSummary]:
        """Every session that the spans asked for belong to, by start; the counts are of these spans."""

    def ids(self, beginning: str, most: int, /) -> list[str]:
        """Ids of sessions and traces that begin like this, in order, at most so many of each."""

    def calls(self, beginning: str, most: int, /) -> list[str]:
        """Ids of tool calls that begin like this, in order, at most so many."""

    def tools(self, beginning: str, most: int, /) -> list[str]:
        """Names of tools that begin like this, in order, at most so many."""

    def end(self) -> Position:
        """Where the store ends now."""

    def arrivals(self, after: Position, query: Query, /) -> tuple[list[Span], Position]:
        """At most `AT_ONCE` of the spans asked for that arrived after a position, in that order, and where they end.

        From the beginning when the file is another one by now.
        """
