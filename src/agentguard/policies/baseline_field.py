"""`Field`: what is usual in one place of a tool's answers."""

from __future__ import annotations

from typing import Final

from agentguard.policies.answer_kinds import ABSENT, FIELDS, HIDDEN, NAMES
from agentguard.policies.freshness import Freshness
from agentguard.policies.number_range import NumberRange
from agentguard.policies.surprise import is_doubtful, is_sure

MAX_FIELDS: Final = 128
"""Places in the answers of one tool that are learned; some 2 kB each at most."""
MAX_ITEMS: Final = 5
"""Items of a list that are looked at, from its beginning."""
MAX_DEPTH: Final = 4
"""Levels of fields and lists inside each other that are learned."""
MAX_NAMES: Final = 64
"""Keys of one place that are learned: what has more is a table, whose keys are data."""
MAX_NAME: Final = 80
"""Characters of a field's name; longer keys are data."""

_NEW_HABIT: Final = 32
"""Refused answers in a row, all with the same surprise, after which it is usual. Far more than for numbers: what reads
an answer does without a field less easily than with another number."""

FORGET: Final = 20_000
"""Answers after which all counts are halved: what happened long ago counts less and less."""


class Field:
    """One place: the answer itself, the value under a key, or the items of a list."""

    __slots__ = (
        "_before",
        "_each",
        "_habit",
        "counts",
        "depth",
        "fields",
        "fresh",
        "items",
        "lengths",
        "main",
        "path",
        "range",
        "streak",
        "total",
    )

    def __init__(self, path: str, depth: int, *, is_listed: bool = False) -> None:
        self.path = path
        """How people find it: "price", "hits[].id"; "" is the answer itself."""
        self.depth = depth
        self.counts = [0] * len(NAMES)
        """How often each kind was here."""
        self.total = 0
        """How often any was, absence included."""
        self.main = ABSENT
        """The usual kind."""
        self.fields: dict[str, Field] = {}
        """What is inside, by key. Replaced when it grows, never changed: it is read without the lock."""
        self.items: Field | None = None
        """The items, if it is a list."""
        self.range = NumberRange()
        """Of the numbers here."""
        self.lengths = NumberRange(are_lengths=True)
        """Of the lengths of the lists here."""
        # So many of one list are looked at, and one odd item among them makes the answer odd.
        self._each = MAX_ITEMS if is_listed else 1
        # The items of one list follow each other without being answers.
        self.fresh = None if is_listed else Freshness()
        self._habit = ABSENT
        self._before: dict[int, int] = {}
        self.streak = 0
        """Refused answers in a row, for the same surprise."""

    def is_odd(self, kind: int) -> bool:
        """Whether something of this kind is worth a doubt here."""
        counts = self.counts
        # A field that comes where there was none is how services grow.
        if self.main == ABSENT or kind == HIDDEN or counts[HIDDEN]:
            return False
        return is_doubtful(counts[kind], self.total // self._each, self._before.get(kind, 0))

    def adjust(self, kind: int) -> None:
        """A believed answer had something of this kind here, and `counts` and `total` say so. For the few times when
        that changes something: another kind than the usual, after a doubt, and when it is time to forget.
        """
        counts = self.counts
        if counts[kind] > counts[self.main]:
            self.main = kind
        self.streak = 0
        if self.total >= FORGET:
            self.counts = [count // 2 for count in counts]
            self.total //= 2

    def doubt(self, kind: int) -> bool:
        """An answer was refused for this kind. Whether that settles it: from now on it is usual."""
        if not is_sure(self.counts[kind], self.total // self._each):
            if not self.counts[kind]:
                self._before[kind] = self.total // self._each
            self.counts[kind] += 1
            self.total += 1
        self.streak = self.streak + 1 if kind == self._habit else 1
        self._habit = kind
        if self.streak < _NEW_HABIT:
            return False
        self.counts[kind] += self.total
        self.total *= 2
        self._before.pop(kind, None)
        self.streak = 0
        return True

    def add(self, name: str) -> Field:
        """A new place under the key `name`, which was not there before."""
        field = Field(f"{self.path}.{name}" if self.path else name, self.depth + 1, is_listed=self.fresh is None)
        field.counts[ABSENT] = field.total = self.counts[FIELDS]
        self.fields = {**self.fields, name: field}
        return field

    def add_items(self) -> Field:
        """A new place for the items."""
        self.items = Field(f"{self.path}[]", self.depth + 1, is_listed=True)
        return self.items

    @property
    def is_required(self) -> bool:
        """Whether a missing one would be doubted for good."""
        return self.main != ABSENT and is_sure(self.counts[ABSENT], self.total // self._each)

    @property
    def usual(self) -> str:
        """The usual kind in words."""
        return NAMES[self.main]
