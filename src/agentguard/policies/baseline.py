"""`AnswerBaseline`: what the answers of one tool usually look like, learned from those that were believed.

What never changes is strict and what varies is loose: a field that was always there must be there, a kind of thing
that never stood in a place must not, and a number may be as far out as twice the furthest. Single surprises are
outliers and teach nothing; when enough of the latest agree, the tool has drifted, and its baseline follows.
"""

from __future__ import annotations

from itertools import groupby, islice
from typing import Any, Final, NamedTuple

from agentguard.policies.answer_kinds import ABSENT, LIST, NAMES, NUMBER, TEXT
from agentguard.policies.baseline_field import FORGET, MAX_FIELDS, MAX_NAME, MAX_NAMES, Field
from agentguard.policies.number_range import NumberRange
from agentguard.policies.signal import Signal, score_of
from agentguard.policies.survey import Survey

MISSING_SCORE: Final = 0.8
"""A field is missing that was always there. Every score but the last two refuses alone at the default threshold: what
was learned only speaks up when it is sure to be wrong in less than 1 % of healthy answers."""
KIND_SCORE: Final = 0.7
"""Something else stands where a number, a text or a list always stood."""
NUMBER_SCORE: Final = 0.6
"""A number is far out of its range."""
LENGTH_SCORE: Final = 0.5
"""A list is far shorter or longer than ever."""
SIZE_SCORE: Final = 0.25
"""The texts of the answer are far shorter or longer than ever: doubtful alone."""
LATENCY_SCORE: Final = 0.2
"""The body took far more or less time than ever. Never enough alone, nor with an unusual size, which explains it."""

_PACE: Final = 1 / 16
_LONGEST_GAP: Final = 8.0
_LISTED: Final = 10


class Surprise(NamedTuple):
    """One thing that is not as usual."""

    name: str
    score: float
    text: str
    topic: Any
    """Whose habits it contradicts."""
    found: Any


class AnswerBaseline:
    """Holds the habits of one tool. The caller holds the lock; `survey(root, answer)` may be taken without it."""

    def __init__(self) -> None:
        self.root = Field("", 0)
        """The answer itself, and the places in it."""
        self.latency = NumberRange()
        """Milliseconds in the body."""
        self.size = NumberRange()
        """Characters of the texts in an answer."""
        self.places = 1
        """Fields learned, the answer itself included."""
        self.refused = 0
        """Answers refused for what was learned."""
        self.drifts = 0
        """How often the baseline moved."""
        self._question: object = None
        self._answered_at: float | None = None
        self._pace = 0.0

    def observe(  # noqa: PLR0917 - runs for every answer, and keywords would cost a twentieth of it
        self, survey: Survey, took_ms: float | None, now: float, question: object, doubts: list[Signal], limit: float
    ) -> tuple[list[Signal], list[str]]:
        """Hold an answer against the habits, and learn from it if it is believed.

        Args:
            survey: What it holds.
            took_ms: Milliseconds in the body; None: not known, and neither judged nor learned.
            now: Monotonic seconds.
            question: Equal for equal arguments; None: not known, and taken for another one.
            doubts: What else speaks against the answer.
            limit: The score from which it is refused.

        Returns:
            The signs that it is wrong, besides `doubts`; and in words what is usual from now on, mostly nothing.
        """
        is_same = question is not None and question == self._question
        self._question = question
        surprises = self._surprises(survey, took_ms, now, is_same_question=is_same)
        if not surprises:
            self._learn(survey, took_ms, now, is_same_question=is_same, surprises=surprises)
            return [], []
        surprises = _once_each(surprises)
        signals = [Signal(each.name, each.score, each.text) for each in surprises]
        if score_of([*doubts, *signals]) >= limit:
            self.refused += 1
            notes = self._doubt(surprises)
        else:
            notes = self._persist(surprises)
            self._learn(survey, took_ms, now, is_same_question=is_same, surprises=surprises)
        return _grouped(signals), notes

    def judge(self, survey: Survey, took_ms: float | None) -> list[Signal]:
        """The signs that an answer is wrong; learns nothing, and therefore knows nothing of stale ones."""
        found = _once_each(self._surprises(survey, took_ms, 0.0, is_same_question=False))
        return _grouped([Signal(each.name, each.score, each.text) for each in found])

    # ------------------------------------------------------------------------------------------------------- judging

    def _surprises(  # noqa: C901 - one loop: a call for each field would cost as much as all that is in it
        self, survey: Survey, took_ms: float | None, now: float, *, is_same_question: bool
    ) -> list[Surprise]:
        seen, _, size = survey
        found: list[Surprise] = []
        pace = self._pace
        for field, kind, value in seen:
            if kind != field.main:
                if field.is_odd(kind):
                    found.append(_of_kind(field, kind))
                continue
            if kind == NUMBER or kind == LIST:  # noqa: PLR1714, SIM109 - faster than a set
                usual = field.range if kind == NUMBER else field.lengths
                if not usual.low <= value <= usual.high and usual.is_unusual(value):
                    found.append(_of_number(field, kind, value))
            elif kind != TEXT:
                continue
            fresh = field.fresh
            if fresh is not None and value == fresh.mark and kind != LIST:
                score = fresh.doubt(value, now=now, pace=pace, is_same_question=is_same_question)
                if score:
                    text = f"{_name(field)} always changed and is the same as before"
                    found.append(Surprise("stale", score, text, field, is_same_question))
        if self.size.is_unusual(size):
            found.append(_of_range("usual_size", SIZE_SCORE, self.size, size, "characters of text"))
        if took_ms is not None and self.latency.is_unusual(took_ms):
            found.append(_of_range("usual_latency", LATENCY_SCORE, self.latency, took_ms, "ms in the body"))
        return found

    # ------------------------------------------------------------------------------------------------------ learning

    def _learn(  # noqa: C901 - as above
        self, survey: Survey, took_ms: float | None, now: float, *, is_same_question: bool, surprises: list[Surprise]
    ) -> None:
        seen, news, size = survey
        if news:
            # Before anything of this answer is counted: so often the new fields were not there.
            self._discover(news)
        stale = {id(each.topic) for each in surprises if each.name == "stale"} if surprises else ()
        for field, kind, value in seen:
            field.counts[kind] += 1
            field.total += 1
            if kind != field.main or field.streak or field.total >= FORGET:
                field.adjust(kind)
            if kind == NUMBER:
                field.range.learn(value)
            elif kind == LIST:
                field.lengths.learn(value)
                continue
            elif kind != TEXT:
                continue
            fresh = field.fresh
            if fresh is None:
                continue
            if value != fresh.mark:
                fresh.changes[is_same_question] += 1
                fresh.mark, fresh.since, fresh.stuck = value, now, 0
            elif not (stale and id(field) in stale):
                fresh.repeats[is_same_question] += 1
        # Both only lend weight to other signs; a quarter of the answers tells as much about them.
        if not self.root.total & 3:
            self.size.learn(size)
            if took_ms is not None:
                self.latency.learn(took_ms)
        if self._answered_at is not None:
            gap = now - self._answered_at
            # Nights and week-ends are no pace.
            self._pace += (min(gap, _LONGEST_GAP * self._pace if self._pace else gap) - self._pace) * _PACE
        self._answered_at = now

    def _discover(self, news: list[tuple[Field, Any]]) -> None:
        """Make room for fields and items not seen before, as long as there is any."""
        for field, value in news:
            if type(value) is not dict:
                if field.items is None and self.places < MAX_FIELDS:
                    field.add_items()
                    self.places += 1
                continue
            # Taken at once, because the answer is the user's, and another thread may be changing it.
            for name in list(islice(value, MAX_NAMES)):
                if self.places >= MAX_FIELDS or len(field.fields) >= MAX_NAMES:
                    break
                if type(name) is str and name not in field.fields and len(name) <= MAX_NAME:
                    field.add(name)
                    self.places += 1

    def _doubt(self, surprises: list[Surprise]) -> list[str]:
        """Remember what an answer was refused for; what is usual from now on, in words."""
        notes = self._persist(surprises)
        for each in surprises:
            if each.name != "stale" and each.topic.doubt(each.found):
                self.drifts += 1
                notes.append(each.text)
        return notes

    def _persist(self, surprises: list[Surprise]) -> list[str]:
        """Remember the repetitions among the surprises, whether they were enough to refuse or not."""
        notes: list[str] = []
        for each in surprises:
            if each.name == "stale" and each.topic.fresh.persist(is_same_question=each.found):
                self.drifts += 1
                notes.append(each.text)
        return notes


def _once_each(surprises: list[Surprise]) -> list[Surprise]:
    """Without repetitions: several items of one list may surprise alike, and are one answer all the same."""
    return list({(id(each.topic), each.name): each for each in reversed(surprises)}.values())[::-1]


def _grouped(signals: list[Signal]) -> list[Signal]:
    """`signals` with those of missing fields as one: an answer of another form misses all of them."""
    if len(signals) < 2:  # noqa: PLR2004 - one is no group
        return signals
    grouped: list[Signal] = []
    for name, group in groupby(sorted(signals), key=lambda signal: signal.name):
        each = list(group)
        if name != "usual_fields" or len(each) == 1:
            grouped += each
        else:
            names = ", ".join(signal.text.partition(" is missing")[0] for signal in each[:_LISTED])
            grouped.append(Signal(name, each[0].score, f"{names} are missing, and never were"))
    return grouped


def _of_kind(field: Field, kind: int) -> Surprise:
    if kind == ABSENT:
        text = f"{_name(field)} is missing, and was there {field.total - field.counts[ABSENT]} of {field.total} times"
        return Surprise("usual_fields", MISSING_SCORE, text, field, kind)
    text = f"{_name(field)} is {NAMES[kind]}, and usually {field.usual}"
    return Surprise("usual_kinds", KIND_SCORE, text, field, kind)


def _of_number(field: Field, kind: int, value: float) -> Surprise:
    if kind == LIST:
        return _of_range("usual_length", LENGTH_SCORE, field.lengths, value, f"items in {_name(field)}")
    low, high = field.range.seen
    text = f"{_name(field)} is {value:.6g}, and was from {low:.6g} to {high:.6g}"
    return Surprise("usual_numbers", NUMBER_SCORE, text, field.range, value)


def _of_range(name: str, score: float, usual: NumberRange, value: float, what: str) -> Surprise:
    low, high = usual.seen
    return Surprise(name, score, f"there were {value:.6g} {what}, and always {low:.6g} to {high:.6g}", usual, value)


def _name(field: Field) -> str:
    return repr(field.path) if field.path else "the answer"
