"""What processes that died have left in their journals, brought into the store they meant it for."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agentguard.tracing.journal.encoding import VERSION, Decoder, Kind, Starts, confirmed_by, header_of
from agentguard.tracing.journal.frame import MARK, frame_at, frames
from agentguard.tracing.journal.place import journals_at
from agentguard.tracing.notices import warn_once
from agentguard.tracing.sinks.port import Sink
from agentguard.tracing.spool import Record

_BATCH = 500


class Adopted(NamedTuple):
    """What came of looking for journals."""

    processes: int = 0
    """Journals of dead processes that are in the store now, and deleted."""
    records: int = 0
    """What was in them."""
    unknown: int = 0
    """Calls among them that were in their bodies when the process died."""
    alive: int = 0
    """Journals that are left alone: of processes that live and go on writing, or of other users."""


def adopt(place: str, sink: Sink) -> Adopted:
    """Write what dead processes have left at `place` into `sink`, and delete their journals.

    May be done by several processes and threads at once, and again after it was interrupted: each journal is adopted by
    one, and the sink stores nothing twice.

    Raises:
        Exception: Whatever the sink raises; the journal stays as it was.
    """
    found = Adopted()
    for paths in journals_at(place):
        with contextlib.ExitStack() as held:
            journal = _taken(paths, held)
            if journal is None:
                found = found._replace(alive=found.alive + 1)
            elif journal and _is_known(journal):
                found = _adopted(journal, sink, found)
    return found


class _Left(NamedTuple):
    """One file that a dead process has left, locked against others who would adopt it."""

    path: str
    descriptor: int


def _taken(paths: list[str], held: contextlib.ExitStack) -> list[_Left] | None:
    """The files of one journal, locked while `held`; None to leave it alone, empty when somebody was quicker."""
    taken = []
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            continue
        except OSError:
            return None  # another user's, or a link that somebody has put there
        held.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        found = os.fstat(descriptor)
        if found.st_nlink and stat.S_ISREG(found.st_mode):
            taken.append(_Left(path, descriptor))
    return taken


def _adopted(journal: list[_Left], sink: Sink, found: Adopted) -> Adopted:
    starts: Starts = {}
    count = 0
    batch: list[Record] = []
    for record in _records(journal, starts):
        batch.append(record)
        if len(batch) == _BATCH:
            sink.write(batch)
            count += len(batch)
            batch = []
    if batch:
        sink.write(batch)
    # Deleted when all of it is in the store: a call may have its start in one file, and its end in the next.
    for left in journal:
        Path(left.path).unlink(missing_ok=True)
    return Adopted(found.processes + 1, found.records + count + len(batch), found.unknown + len(starts), found.alive)


def _records(journal: list[_Left], starts: Starts) -> Iterator[Record]:
    """What the sink may not have yet; the calls that were never seen to end come last, with the status `unknown`."""
    confirmed = max((_confirmed(_content(left)) for left in journal), default=0)
    for left in journal:
        yield from _records_of(_content(left), starts, confirmed)
    for (recorder_id, _), span in starts.items():
        span.attributes["recovered"] = True
        yield recorder_id, span


def _records_of(written: bytes, starts: Starts, confirmed: int) -> Iterator[Record]:
    decoder = Decoder(starts)
    position = _position(written)
    for frame in frames(written):
        with contextlib.suppress(ValueError):  # whole, and yet not ours: nothing can be told about it
            record = decoder.read(frame.kind, frame.payload)
            if record is not None and (position is None or position + frame.end > confirmed):
                yield record


def _confirmed(written: bytes) -> int:
    """The position before which the sink has everything."""
    # The last one counts, and is near the end: looking at every frame for it took a quarter of the time of adopting.
    begin = bytes([*MARK, Kind.CONFIRMED])
    place = len(written)
    while (place := written.rfind(begin, 0, place)) >= 0:
        frame = frame_at(written, place)
        if frame is not None:
            return confirmed_by(frame.payload)
    return 0


def _position(written: bytes) -> int | None:
    """Where the file begins in its journal; None without its first frame: then nothing in it counts as confirmed."""
    first = _header(written)
    return None if first is None else first[1]


def _is_known(journal: list[_Left]) -> bool:
    """Whether this agentguard can read it; else it is left for the one that wrote it."""
    for left in journal:
        first = _header(_content(left))
        if first is not None and first[0] > VERSION:
            message = (
                "agentguard: %s was written by a newer agentguard; it is left alone, open the traces with that one"
            )
            warn_once(left.path, message, left.path)
            return False
    return True


def _header(written: bytes) -> tuple[int, int] | None:
    first = next(frames(written), None)
    return None if first is None or first.kind != Kind.HEADER else header_of(first.payload)


def _content(left: _Left) -> bytes:
    with os.fdopen(os.dup(left.descriptor), "rb") as file:
        file.seek(0)
        return file.read()
