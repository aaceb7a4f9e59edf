"""`Baseline`: what a tool's answers usually look like, shared by its calls, and kept in a file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Protocol, Self

from agentguard.core.config import ResponseProfile
from agentguard.errors import StorageError
from agentguard.policies.signal import UNREADABLE_SCORE, Signal
from agentguard.state.lock import LOCK

MAX_FILE_BYTES = 4_000_000
"""What is larger is no baseline: the largest that can be learned has some 100 kB."""


class RecordedCall(Protocol):
    """What is read of a recorded call; a `Span` is one."""

    @property
    def status(self) -> str:
        """How it ended; only "ok" is learned from."""

    @property
    def started_at(self) -> float:
        """Seconds on any clock."""

    @property
    def duration(self) -> float:
        """Seconds."""

    @property
    def input_json(self) -> bytes | None:
        """The arguments."""

    @property
    def output(self) -> Any:
        """The answer."""


class Baseline:
    """What is usual in the answers of one tool, for `ResponseProfile(learn=True, baseline=...)`.

    It learns from every answer that is believed, in bounded memory (some 200 kB at most), and may be shared by threads,
    tasks and tools that answer alike. Nothing is doubted before 50 answers, and nothing for good before 300; to start
    with a baseline that is sure, learn from recorded calls, or load what was saved.

    What is saved are the names of fields, counts, and quantiles of numbers, rounded to three digits of their spread: no
    text of an answer. Keys that are seldom there are taken for data and left out, and of fields whose name says that
    they are secret, no numbers are saved.
    """

    def __init__(self) -> None:
        from agentguard.policies.baseline import AnswerBaseline  # noqa: PLC0415 - only for those who learn: 3 ms
        from agentguard.policies.survey import survey  # noqa: PLC0415 - as above

        self._survey = survey
        self._habits = AnswerBaseline()
        self._start: dict[str, Any] | None = None

    @classmethod
    def from_calls(cls, calls: Iterable[RecordedCall], *, profile: ResponseProfile | None = None) -> Self:
        """A baseline learned from recorded calls of one tool, oldest first.

        For example `Baseline.from_calls(open_store("./traces").spans(tool="search"))`. Only calls that succeeded with a
        captured answer count, and of these only answers in which `profile` (None: the general signs) finds nothing.
        What the recording redacted or cut is left open: nothing is learned about it.
        """
        from agentguard.policies.recorded_answers import shown  # noqa: PLC0415 - only where recordings are read
        from agentguard.policies.response import ResponseCheck  # noqa: PLC0415 - loads pydantic-core

        check = ResponseCheck(profile or ResponseProfile())
        baseline = cls()
        for call in calls:
            answer = call.output if call.status == "ok" else None
            took_ms = call.duration * 1_000
            if answer is None or check.score(check.signals(answer, None)) >= check.threshold:
                continue
            question = None if call.input_json is None else hash(call.input_json)
            baseline.observe(shown(answer), took_ms, call.started_at + call.duration, question)
        return baseline

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The baseline that was saved at `path`.

        Raises:
            StorageError: There is none, or it cannot be read; says why and what to do.
        """
        import json  # noqa: PLC0415 - only where a file is read

        from agentguard.policies.baseline_record import baseline_of  # noqa: PLC0415 - as above

        try:
            with open(path, "rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise _unreadable(path, error.strerror or type(error).__name__) from error
        if len(content) > MAX_FILE_BYTES:
            raise _unreadable(path, f"it has more than {MAX_FILE_BYTES:,} bytes")
        baseline = cls()
        try:
            record = json.loads(content)
            baseline._habits = baseline_of(record)
        except RecursionError:
            raise _unreadable(path, "it is nested too deep") from None
        except ValueError as error:
            why = "it is not JSON" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else str(error)
            raise _unreadable(path, why) from error
        baseline._start = record
        return baseline

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the baseline to the file `path`, in one step: who reads it meanwhile sees the old one or the new one.

        Raises:
            StorageError: It cannot be written.
        """
        import json  # noqa: PLC0415 - only where a file is written
        import tempfile  # noqa: PLC0415 - as above

        from agentguard.policies.baseline_record import record_of  # noqa: PLC0415 - as above

        with LOCK:
            record = record_of(self._habits)
        target = os.path.realpath(path)
        try:
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=os.path.dirname(target), suffix=".tmp", delete=False
            ) as file:
                try:
                    json.dump(record, file, indent=1)
                    file.flush()
                    os.fsync(file.fileno())
                    os.replace(file.name, target)
                except BaseException:
                    os.unlink(file.name)
                    raise
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise StorageError(f"The baseline cannot be written to {os.fspath(path)!r}: {why}.") from error

    def observe(  # noqa: PLR0917 - runs for every answer, and keywords would cost a twentieth of it
        self,
        answer: Any,
        took_ms: float | None,
        now: float,
        question: object = None,
        doubts: list[Signal] | None = None,
        limit: float = 0.5,
    ) -> tuple[list[Signal], list[str]]:
        """Hold one answer against what is usual, and learn from it if it is believed. Layers call this.

        Args:
            answer: Any value; it is looked at, never kept or changed.
            took_ms: Milliseconds in the body; None: not known.
            now: Seconds on any clock that goes forward.
            question: Equal for equal arguments; None: not known.
            doubts: Signals that already speak against the answer.
            limit: The score from which it is refused.

        Returns:
            The signals found, and in words what the tool has drifted to, if the baseline moved just now.
        """
        habits = self._habits
        try:
            # Without the lock: it reads a tree whose dicts are replaced, never changed.
            seen = self._survey(habits.root, answer)
        except Exception as error:  # noqa: BLE001 - answers are foreign objects; the keys of a dict may raise
            return [_unread(error)], []
        # By hand: a `with` costs twice as much as the lock itself.
        LOCK.acquire()
        try:
            return habits.observe(seen, took_ms, now, question, doubts or [], limit)
        finally:
            LOCK.release()

    def judge(self, answer: Any, took_ms: float | None) -> list[Signal]:
        """What speaks against an answer, without learning from it; stale ones are not found so."""
        try:
            seen = self._survey(self._habits.root, answer)
        except Exception as error:  # noqa: BLE001 - as above
            return [_unread(error)]
        with LOCK:
            return self._habits.judge(seen, took_ms)

    def reset(self) -> None:
        """Forget what was learned: back to what was loaded, or to nothing."""
        from agentguard.policies.baseline import AnswerBaseline  # noqa: PLC0415 - as in `__init__`
        from agentguard.policies.baseline_record import baseline_of  # noqa: PLC0415 - as above

        habits = AnswerBaseline() if self._start is None else baseline_of(self._start)
        with LOCK:
            self._habits = habits

    def summary(self) -> dict[str, Any]:
        """What was learned, as plain values: answers learned from and refused, drifts, and the fields that must be
        there and those that may.
        """
        with LOCK:
            habits = self._habits
            fields = habits.root.fields
            return {
                "answers": habits.root.total,
                "refused": habits.refused,
                "drifts": habits.drifts,
                "required": sorted(name for name, field in fields.items() if field.is_required),
                "optional": sorted(name for name, field in fields.items() if not field.is_required),
            }

    def __repr__(self) -> str:
        return f"<Baseline of {self._habits.root.total} answers>"


def baseline_for(given: object) -> Baseline:
    """The baseline of a profile's `baseline`: the one given, the one in the file of that path, or for None a new one.

    Raises:
        StorageError: The file is no baseline.
    """
    if isinstance(given, Baseline):
        return given
    return Baseline() if given is None else Baseline.load(given)  # type: ignore[arg-type]  # checked by the profile


def _unread(error: Exception) -> Signal:
    return Signal("unreadable", UNREADABLE_SCORE, f"reading the answer raised {type(error).__name__}")


def _unreadable(path: str | os.PathLike[str], why: str) -> StorageError:
    return StorageError(
        f"There is no baseline to be read at {os.fspath(path)!r}: {why}. "
        "Write one with Baseline.save(), or leave `baseline` out to learn anew."
    )
