"""One process's journal: the files it has written, the newest of which it appends to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from agentguard.tracing.folder_sync import sync_folder_of
from agentguard.tracing.journal.encoding import Kind, confirmation, end_record, reference, start_record
from agentguard.tracing.journal.file import JournalFile
from agentguard.tracing.journal.frame import framed
from agentguard.tracing.journal.place import file_name, new_journal
from agentguard.tracing.spool import Record

FILE_BYTES = 16_000_000
"""A file that has grown so far is followed by another; with everything in it confirmed, it is deleted."""
QUIET_BYTES = 1_000_000
"""A file that has grown so far is deleted early, when there is nothing in it that is not confirmed."""

_START, _END = int(Kind.START), int(Kind.END)


_Started = tuple[Record, JournalFile, bytes | None]
"""A call that was written down before its body, and whose end was not: where its start is, and with which arguments."""


class Segments:
    """The files of one journal. Not shared: its spool holds a lock.

    Positions count bytes from the journal's beginning.
    """

    def __init__(self, place: str, *, file_bytes: int = FILE_BYTES, is_synced: bool = False) -> None:
        self.beginning = 0
        """Where the oldest file begins that is still there."""
        self.position = 0
        """Where the journal ends."""
        self._full_at = 0  # where the newest file is large enough
        self._file_bytes = file_bytes
        self._is_synced = is_synced
        self._journal = new_journal(place)
        self._made = 0
        self._files: deque[JournalFile] = deque()
        self._current: JournalFile | None = None
        self._given_up: deque[JournalFile] = deque()
        self._started: dict[tuple[str, str], _Started] = {}
        self._confirmed = 0

    def append_end(self, given: Record, may_omit: bool) -> int:  # noqa: FBT001 - once a span
        """Write an ended span down; its position. Its arguments are left out when they stand at its start in this file.

        Raises:
            OSError: It could not be written.
        """
        recorder_id, span = given
        file = self._current or self._open()
        omits = False
        if self._started:
            started = self._started.pop((recorder_id, span.span_id), None)
            omits = may_omit and started is not None and started[1] is file and started[2] is span.input_json
        numbers = file.numbers
        try:
            recorder, session, name = numbers[recorder_id], numbers[span.session_id], numbers[span.name]
        except KeyError:
            recorder, session, name = _define(file, given)
        return self._append(file, framed(_END, end_record(span, recorder, session, name, omits)))

    def append_start(self, given: Record) -> int:
        """Write down that a call is about to run; its position.

        Raises:
            OSError: It could not be written.
        """
        recorder_id, span = given
        file = self._current or self._open()
        numbers = file.numbers
        try:
            recorder, session, name = numbers[recorder_id], numbers[span.session_id], numbers[span.name]
        except KeyError:
            recorder, session, name = _define(file, given)
        position = self._append(file, framed(_START, start_record(span, recorder, session, name)))
        self._started[recorder_id, span.span_id] = (given, file, span.input_json)
        return position

    def forget(self, given: Record) -> None:
        """Say that nobody wants the end of a call that was started; nothing, when it was not."""
        started = self._started.pop((given[0], given[1].span_id), None)
        if started is not None:
            file = self._current or self._open()
            self._append(file, framed(Kind.FORGOTTEN, reference(file.define(given[0]), given[1].span_id)))

    def confirm(self, position: int) -> None:
        """Say that the sink has what ends at `position` or before, and give up the files that nobody needs now."""
        self._confirmed = max(self._confirmed, position)
        while len(self._files) > 1 and self._files[0].end <= self._confirmed:
            self._carry_over(self._files[0])
            self._give_up_oldest()
        file = self._current
        if file is None:
            return
        if self._confirmed >= file.end and (file.size >= QUIET_BYTES or not file.is_there) and not self._started:
            self.retire()
        elif file.is_there:
            self._append(file, framed(Kind.CONFIRMED, confirmation(self._confirmed)))
        else:
            self._current = None  # the folder was emptied; what comes next goes into a file that can be found

    def retire(self) -> None:
        """Give up all files, if no call is open: what is left of those is for whoever recovers the journal."""
        if self._started:
            return
        self._current = None
        while self._files:
            self._give_up_oldest()

    def clear_away(self) -> None:
        """Delete the files that were given up. May take milliseconds, and needs no lock."""
        while self._given_up:
            self._given_up.popleft().remove()

    def start_anew(self) -> None:
        """Write what comes next into another file: this one cannot be written any more."""
        self._current = None

    def sync(self) -> None:
        """Have everything survive a power cut."""
        file = self._current
        if file is None:
            return
        try:
            file.sync()
        except OSError:
            if file is self._current:  # else: the sink has everything that was in it, and it is gone
                raise

    def files_from(self, position: int) -> Iterator[JournalFile]:
        """The files that end after `position`, in order."""
        return (file for file in list(self._files) if file.end > position)

    def _append(self, file: JournalFile, frame: bytes) -> int:
        file.append(frame)
        position = self.position = file.end
        if position >= self._full_at:
            self._current = None
            if self._is_synced:
                file.sync()  # whoever waits for a record in it would look at the next one
        return position

    def _open(self) -> JournalFile:
        self._made += 1
        file = self._current = JournalFile.create(file_name(self._journal, self._made), self.position)
        self._files.append(file)
        self._full_at = file.position + self._file_bytes
        self.position = file.end
        if self._is_synced:
            sync_folder_of(file.path)
        return file

    def _carry_over(self, file: JournalFile) -> None:
        """Write the open calls of a file that is about to be deleted into the newest one."""
        for given, _, _ in [each for each in self._started.values() if each[1] is file]:
            self.append_start(given)

    def _give_up_oldest(self) -> None:
        file = self._files.popleft()
        self.beginning = file.end
        self._given_up.append(file)


def _define(file: JournalFile, given: Record) -> tuple[int, int, int]:
    """The numbers of recorder, session and name, which are written down first when they are new."""
    recorder_id, span = given
    session = 0 if span.session_id is None else file.define(span.session_id)
    return file.define(recorder_id), session, file.define(span.name)
