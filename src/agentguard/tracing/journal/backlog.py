"""What a journal holds and memory does not: read back from the files when the sink takes records again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from agentguard.tracing.journal.encoding import Decoder, Kind
from agentguard.tracing.journal.file import JournalFile
from agentguard.tracing.journal.frame import frames
from agentguard.tracing.journal.segments import Segments
from agentguard.tracing.spool import Record

_PIECE = 262_144  # bytes read at once: somewhat more than one batch of ordinary records


class Backlog:
    """The records of a journal from a position on. Only the writer's thread asks for batches and confirms them."""

    def __init__(self, segments: Segments) -> None:
        self.count = 0
        """Records in it; 0 means that there is no backlog."""
        self._segments = segments
        self._place = 0
        self._batch: list[Record] = []
        self._after = 0

    def add(self, before: int) -> None:
        """Count a record that has been written, after position `before`."""
        if not self.count:
            self._place = before
        self.count += 1

    def next_batch(self, limit: int) -> list[Record]:
        """The oldest records, at most `limit`, the same until they are confirmed."""
        if not self._batch and self.count:
            for after, record in self._read():
                self._after = after
                self._batch.append(record)
                if len(self._batch) == limit:
                    break
        return self._batch

    def confirm(self) -> int:
        """Go on after the last batch; the position that is done with."""
        self.count -= len(self._batch)
        self._place = self._after
        self._batch = []
        return self._place

    def give_up(self) -> int:
        """How many records are lost because their files cannot be read; afterwards there is no backlog."""
        lost, self.count = self.count, 0
        return lost

    def rest(self) -> list[Record]:
        """Everything in it."""
        return [record for _, record in self._read()] if self.count else []

    def _read(self) -> Iterator[tuple[int, Record]]:
        for file in self._segments.files_from(self._place):
            decoder = Decoder(numbers=file.numbers.copy())
            for end, record in _records(file, max(0, self._place - file.position), decoder):
                yield file.position + end, record


def _records(file: JournalFile, place: int, decoder: Decoder) -> Iterator[tuple[int, Record]]:
    """The ended spans of a file from `place` on, with where each one ends."""
    size, piece = file.size, _PIECE
    while place < size:
        written = file.read(place, min(piece, size - place))
        read_to = 0
        for frame in frames(written):
            read_to = frame.end
            record = _record(decoder, frame.payload) if frame.kind == Kind.END else None
            if record is not None:
                yield place + read_to, record
        if not written or (not read_to and piece >= size):
            return
        piece = _PIECE if read_to else piece * 2  # one record larger than the piece
        place += read_to


def _record(decoder: Decoder, payload: bytes) -> Record | None:
    with contextlib.suppress(ValueError):
        return decoder.read(Kind.END, payload)
    return None
