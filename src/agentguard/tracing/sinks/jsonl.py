"""Spans as lines of JSON, in one file that any number of processes append to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from agentguard.errors import StorageError
from agentguard.tracing.folder_sync import sync_folder_of
from agentguard.tracing.span_json import span_json
from agentguard.tracing.spool import Record


class JsonlSink:
    """Appends each batch with a single write of whole lines, so that the lines of several processes never mix."""

    def __init__(self, path: str) -> None:
        self.path = path
        """The file."""
        self._file: int | None = None
        self._is_synced = False

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

    def survive_power_cuts(self) -> None:
        """From now on, have the disk confirm every batch."""
        self._is_synced = True

    def write(self, records: Sequence[Record], /) -> None:
        """Append all of `records`, also those that a failed attempt has left: the reader takes each span once."""
        file = self._opened()
        lines = b"".join(span_json(span, recorder_id=recorder_id) + b"\n" for recorder_id, span in records)
        if not _ends_with_newline(file):
            lines = b"\n" + lines  # a torn line, of a process that died or a disk that was full, must not swallow ours
        written = os.write(file, lines)
        if written < len(lines):
            raise OSError(f"only {written} of {len(lines)} bytes could be appended to {self.path!r}")
        if self._is_synced:
            os.fsync(file)

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
            if self._is_synced:
                sync_folder_of(self.path)
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
