"""Journals as their processes leave them."""

from pathlib import Path

from agentguard.tracing.journal.adoption import adopt
from agentguard.tracing.journal.frame import frames
from agentguard.tracing.journal.spool import JournalSpool
from tests.tracing.spans import span


class Died(JournalSpool):
    """The spool of a process; `die` closes its files the way the kernel does, and leaves them."""

    def die(self) -> None:
        for file in list(self._segments.files_from(-1)):
            file.close()


class Stored:
    """A sink that keeps records by recorder and id; refuses while `is_down`."""

    def __init__(self) -> None:
        self.records = {}
        self.written = 0
        self.is_down = False

    def write(self, records) -> None:
        if self.is_down:
            raise OSError("down")
        self.written += len(records)
        for recorder_id, each in records:
            self.records.setdefault((recorder_id, each.span_id), each)

    @property
    def names(self):
        return [each.name for each in self.records.values()]


def record(name="search", recorder="recorder", **changes):
    return recorder, span(name, **changes)


def place(folder: Path) -> str:
    return str(folder / "agentguard_traces.db")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if ".journal." in path.name)


def adopted(folder: Path):
    sink = Stored()
    return adopt(place(folder), sink), sink


def kinds(path: Path) -> list[int]:
    return [frame.kind for frame in frames(path.read_bytes())]
