"""Reading a store of JSON lines, also while other processes append to it."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from agentguard.errors import StorageError
from agentguard.tracing.query import Query
from agentguard.tracing.row import PAYLOADS, span_of
from agentguard.tracing.sinks.port import Outcome, SessionSummary
from agentguard.tracing.sinks.store_reader import AT_ONCE, Position
from agentguard.tracing.sinks.summary import outcome_of, sessions_of
from agentguard.tracing.snapshot import encoded
from agentguard.tracing.span import Span

_EVERYTHING = Query()


class JsonlReader:
    """Answers questions about one file, by reading all of it each time: a line at a time, keeping what fits."""

    def __init__(self, path: str) -> None:
        self.path = path
        """The file."""
        self.skipped = 0
        """Lines that could not be read, in the latest answer; a torn last line is one of them."""

    def spans(self, query: Query, /) -> list[Span]:
        """The spans asked for, by start.

        Raises:
            StorageError: The file is missing or cannot be read.
        """
        if query.limit is None:
            return query.newest([span for _, span in self._found(query)])
        return list(self.each(query))

    def each(self, query: Query, /) -> Iterator[Span]:
        """The spans asked for, one after the other, by start.

        Lines stand in the order in which spans ended. So the file is read twice: for the order, 16 bytes a span and its
        id, and then for the spans.
        """
        starts, places = array("d"), array("q")
        for place, span in self._found(query):
            starts.append(span.started_at)
            places.append(place)
        order = sorted(range(len(starts)), key=starts.__getitem__)
        newest = order if query.limit is None else order[max(0, len(order) - query.limit) :]
        with self._opened() as file:
            for index in newest:
                file.seek(places[index])
                found = self._of_line(file.readline())
                if found is not None:  # else: the file has been replaced meanwhile
                    yield found[1]

    def outcomes(self, query: Query, /) -> Iterator[Outcome]:
        """The tool calls asked for, by start."""
        return (outcome_of(span) for span in self.each(query) if span.kind == "tool")

    def sessions(self, query: Query = _EVERYTHING, /) -> list[SessionSummary]:
        """Every session that the spans asked for belong to, by start."""
        return sessions_of(span for _, span in self._found(query))

    def ids(self, beginning: str, most: int, /) -> list[str]:
        """Ids of sessions and traces that begin like this, in order, at most so many of each."""
        sessions = self._texts(lambda span: span.session_id, beginning, most)
        return sorted({*sessions, *self._texts(lambda span: span.trace_id, beginning, most)})

    def calls(self, beginning: str, most: int, /) -> list[str]:
        """Ids of tool calls that begin like this, in order, at most so many."""
        return self._texts(lambda span: span.span_id if span.kind == "tool" else None, beginning, most)

    def tools(self, beginning: str, most: int, /) -> list[str]:
        """Names of tools that begin like this, in order, at most so many."""
        return self._texts(lambda span: span.name if span.kind == "tool" else None, beginning, most)

    def end(self) -> Position:
        """Where the store ends now."""
        with self._opened() as file:
            found = os.fstat(file.fileno())
            return found.st_ino, found.st_size

    def arrivals(self, after: Position, query: Query, /) -> tuple[list[Span], Position]:
        """At most `AT_ONCE` of the spans asked for that arrived after a position, in that order, and where they end."""
        self.skipped = 0
        spans: list[Span] = []
        with self._opened() as file:
            found = os.fstat(file.fileno())
            place = after[1] if after[0] == found.st_ino and after[1] <= found.st_size else 0
            file.seek(place)
            # A line without its end is still being written.
            while len(spans) < AT_ONCE and (line := file.readline()).endswith(b"\n"):
                place += len(line)
                read = self._of_line(line)
                if read is not None and query.matches(read[1]):
                    spans.append(read[1])
            return spans, (found.st_ino, place)

    def _texts(self, text_of: Callable[[Span], str | None], beginning: str, most: int) -> list[str]:
        texts = {text_of(span) for _, span in self._found(_EVERYTHING)}
        return sorted(text for text in texts if text is not None and text.startswith(beginning))[:most]

    def _found(self, query: Query) -> Iterator[tuple[int, Span]]:
        """Each span asked for once, with its place in the file, `limit` aside."""
        self.skipped = 0
        seen: set[str] = set()
        place = 0
        with self._opened() as file:
            for line in file:
                found = self._of_line(line)
                if found is not None and found[1].span_id not in seen and _is_asked_for(found, query):
                    seen.add(found[1].span_id)
                    yield place, found[1]
                place += len(line)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            with Path(self.path).open("rb") as file:
                yield file
        except OSError as error:
            raise StorageError(f"Cannot read the traces {self.path!r}: {error}.") from error

    def _of_line(self, line: bytes) -> tuple[str | None, Span] | None:
        """The recorder's id and the span; None where there is none, or it cannot be read."""
        if not line.strip():
            return None
        try:
            row: dict[str, Any] = json.loads(line)
            payloads = {name: encoded(row[name]) if name in row else None for name in PAYLOADS}
            return row.get("recorder_id"), span_of({**row, **payloads})
        except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
            self.skipped += 1
            return None


def _is_asked_for(found: tuple[str | None, Span], query: Query) -> bool:
    recorder_id, span = found
    return (query.recorder is None or recorder_id == query.recorder) and query.matches(span)
