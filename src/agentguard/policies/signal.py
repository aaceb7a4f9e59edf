"""`Signal`: one sign that an answer is wrong, and how several of them add up."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Final, NamedTuple

UNREADABLE_SCORE: Final = 0.6
"""An answer that raises when it is read."""


class Signal(NamedTuple):
    """One sign that an answer is wrong."""

    name: str
    """What was looked at: "required_fields", "forbidden_fields", "patterns", "latency", "error_body", "placeholder",
    "json_schema", "unreadable"; of what was learned: "usual_fields", "usual_kinds", "usual_numbers", "usual_length",
    "usual_size", "usual_latency", "stale"."""

    score: float
    """How sure the sign is, above 0 and at most 1."""

    text: str
    """What was found, for people."""


def score_of(signals: Iterable[Signal]) -> float:
    """The score of all signals together, `1 - product(1 - score)`: 0.0 without any, at most 1.0."""
    return 1.0 - prod(1.0 - signal.score for signal in signals)
