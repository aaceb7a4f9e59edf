"""One file of a journal, as the process that writes it holds it."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Self

from agentguard.tracing.journal.encoding import Kind, Numbers, header, number_of, text
from agentguard.tracing.journal.frame import framed

_ATTEMPTS = 3
_sync = getattr(os, "fdatasync", os.fsync)  # macOS has only the latter


class JournalFile:
    """Frames in a file that this process alone appends to, and that is locked as long as the process lives.

    The lock is the sign of life: it goes with the process, however that ends. Not shared: its spool holds a lock.
    """

    def __init__(self, path: str, descriptor: int, position: int) -> None:
        self.path = path
        """Where it is."""
        self.position = position
        """Where it begins in the whole journal, in bytes."""
        self.end = position
        """Where it ends in the whole journal."""
        self.numbers: Numbers = {None: 0}
        """The texts that are written down in it."""
        self._descriptor = descriptor
        _files.add(self)

    @classmethod
    def create(cls, path: str, position: int) -> Self:
        """A new file. Private: traces hold what users say.

        Raises:
            OSError: It cannot be created, or not be locked.
        """
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS):
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
            file = cls(path, descriptor, position)
            try:
                if _is_taken(descriptor):
                    file.append(framed(Kind.HEADER, header(position)))
                    return file
            except BaseException:
                file.remove()
                raise
            file.close()  # between its creation and its lock, another process took it for a dead one's, and removed it
        raise OSError(errno.EAGAIN, "a new journal was taken away each time", path)

    @property
    def size(self) -> int:
        """Its bytes so far."""
        return self.end - self.position

    @property
    def is_there(self) -> bool:
        """Whether anybody could find it: someone may have emptied the folder."""
        return self._descriptor >= 0 and os.fstat(self._descriptor).st_nlink > 0

    def append(self, frame: bytes) -> None:
        """Add a frame with a single write: once that has returned, no death of the process takes it away.

        Raises:
            OSError: It could not be written, or not all of it; nothing of it is left then.
        """
        try:
            written = os.write(self._descriptor, frame)
            self.end += written
        except BaseException:
            self.end = self.position + self._real_size()  # Ctrl-C may have come in between
            raise
        if written != len(frame):
            os.ftruncate(self._descriptor, self._real_size() - written)
            self.end = self.position + self._real_size()
            raise OSError(errno.ENOSPC, f"only {written} of {len(frame)} bytes could be written", self.path)

    def define(self, value: object) -> int:
        """The number of a text, which is written down first when it is new."""
        return number_of(self.numbers, value, self._write_text)

    def read(self, place: int, size: int) -> bytes:
        """At most `size` bytes from `place` on."""
        return os.pread(self._descriptor, size, place)

    def sync(self) -> None:
        """Have what is written survive a power cut."""
        _sync(self._descriptor)

    def remove(self) -> None:
        """Delete the file, and with it everything that it was for."""
        Path(self.path).unlink(missing_ok=True)  # before the lock goes, or somebody might recover it
        self.close()

    def close(self) -> None:
        """Leave it behind for whoever recovers it."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            _files.discard(self)
            os.close(descriptor)

    def _write_text(self, number: int, value: str) -> None:
        self.append(framed(Kind.TEXT, text(number, value)))

    def _real_size(self) -> int:
        return os.fstat(self._descriptor).st_size


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(descriptor).st_nlink > 0


# Every open one, also when its spool is gone: while the process lives, nobody may take the file for a dead one's.
_files: set[JournalFile] = set()


def _close_in_child() -> None:
    # A copy of the descriptor would keep the parent's lock beyond its death. Closing it does the parent no harm.
    for file in list(_files):
        file.close()


os.register_at_fork(after_in_child=_close_in_child)
