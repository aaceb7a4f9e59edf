"""`Freshness`: whether a value that always changes has stopped to."""

from __future__ import annotations

from typing import Final

from agentguard.policies.surprise import is_sure

FIRST_REPEAT: Final = 0.3
"""Score of the first repetition: not enough alone, enough if two values that always change repeat together."""

STUCK: Final = 0.5
"""Score from the second repetition in a row."""

_NEW_HABIT: Final = 32
"""Repetitions in a row after which the value is taken to change no longer."""


class Freshness:
    """Learns how often one value repeats: apart for an equal question (it may be expected to) and for another.

    Only what was sure to change is ever doubted, and only when the answers are as far apart as usual: a burst of calls
    within a second sees the same second. `AnswerBaseline` counts changes and repetitions itself: a call for each
    field of each answer would cost more than the counting.
    """

    __slots__ = ("changes", "mark", "repeats", "since", "stuck")

    def __init__(self) -> None:
        self.mark: object = None
        """The latest value, or its hash; never saved."""
        self.since = 0.0
        """When it was first seen."""
        self.stuck = 0
        """Repetitions since."""
        self.changes = [0, 0]
        """How often it changed: after another question, and after an equal one."""
        self.repeats = [0, 0]
        """How often it did not."""

    def doubt(self, mark: object, *, now: float, pace: float, is_same_question: bool) -> float:
        """The score of `mark` as a sign of a stale answer; 0.0 for none. `pace`: usual seconds between two answers."""
        if mark != self.mark or now - self.since < pace / 2:
            return 0.0
        repeats = self.repeats[is_same_question]
        if not is_sure(repeats, repeats + self.changes[is_same_question]):
            return 0.0
        return STUCK if self.stuck else FIRST_REPEAT

    def persist(self, *, is_same_question: bool) -> bool:
        """A doubted repetition. Whether that settles it: the value no longer changes, and that is usual from now on."""
        self.stuck += 1
        if self.stuck < _NEW_HABIT:
            return False
        self.repeats[is_same_question] += self.changes[is_same_question]
        return True
