"""Spans as lines of JSON, in one file that any number of processes append to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agentguard.errors import StorageError
from agentguard.tracing.query import Query
from agentguard.tracing.row import HEAD, PAYLOADS, head_of, payloads_of, span_of
from agentguard.tracing.sinks.port import Outcome, SessionSummary
from agentguard.tracing.sinks.summary import outcomes_of, sessions_of
from agentguard.tracing.snapshot import encoded
from agentguard.tracing.span import Span
from agentguard.tracing.spool import Record


class JsonlSink:
    """Appends each batch with a single write of whole lines, so that the lines of several processes never mix."""

    def __init__(self, path: str) -> None:
        self.path = path
        """The file."""
        self._file: int | None = None

    def open(self) -> None:
        """Create the file, if need be.

        Raises:
            StorageError: The path cannot be written.
        """
        try:
            self._opened()
        except OSError as error:
            raise StorageError(
                f"Cannot record into {self.path!r}: {error}. Choose a folder that this process may write."
            ) from error

    def write(self, records: Sequence[Record], /) -> None:
        """Append all of `records`, also those that a failed attempt has left: the reader takes each span once."""
        file = self._opened()
        lines = b"".join(_line(recorder_id, span) for recorder_id, span in records)
        if not _ends_with_newline(file):
            lines = b"\n" + lines  # a torn line, of a process that died or a disk that was full, must not swallow ours
        written = os.write(file, lines)
        if written < len(lines):
            raise OSError(f"only {written} of {len(lines)} bytes could be appended to {self.path!r}")

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def abandon(self) -> None:
        """Forget the descriptor of the parent process; closing a copy does it no harm."""
        self.close()

    def _opened(self) -> int:
        if self._file is not None and _moved(self._file, self.path):
            self.close()
        if self._file is None:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            # Private: traces hold what users say.
            self._file = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_RDWR | os.O_CLOEXEC, 0o600)
        return self._file


def _moved(file: int, path: str) -> bool:
    """Whether `path` now names another file than the open one: rotated, or removed."""
    try:
        return not os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return True


def _ends_with_newline(file: int) -> bool:
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


def _line(recorder_id: str, span: Span) -> bytes:
    head = encoded({"recorder_id": recorder_id, **dict(zip(HEAD, head_of(span), strict=True))})
    parts = [head[:-1]]
    for name, payload in zip(PAYLOADS, payloads_of(span), strict=True):
        if payload is not None:
            parts.append(b',"%s":%s' % (name.encode(), payload))
    return b"".join(parts) + b"}\n"


class JsonlReader:
    """Answers questions about one file, by reading all of it each time."""

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
        found = {span.span_id: span for span in self._all(query.recorder) if query.matches(span)}
        return query.newest(list(found.values()))

    def outcomes(self, query: Query, /) -> list[Outcome]:
        """The tool calls asked for."""
        return outcomes_of(self.spans(query))

    def sessions(self) -> list[SessionSummary]:
        """Every session, by start."""
        return sessions_of(self.spans(Query()))

    def _all(self, recorder_id: str | None) -> Iterator[Span]:
        self.skipped = 0
        try:
            with Path(self.path).open("rb") as lines:
                for line in lines:
                    yield from self._of_line(line, recorder_id)
        except OSError as error:
            raise StorageError(f"Cannot read the traces {self.path!r}: {error}.") from error

    def _of_line(self, line: bytes, recorder_id: str | None) -> Iterator[Span]:
        if not line.strip():
            return
        try:
            row: dict[str, Any] = json.loads(line)
            payloads = {name: encoded(row[name]) if name in row else None for name in PAYLOADS}
            kept = recorder_id is None or row["recorder_id"] == recorder_id
            span = span_of({**row, **payloads})
        except (ValueError, TypeError, KeyError, RecursionError):
            self.skipped += 1
            return
        if kept:
            yield span
