"""`ResponseCheck`: whether a tool's answer looks like one, without having seen any other.

Each sign that something is wrong has a score; together they score `1 - product(1 - score)`, so that two doubts weigh
more than one and a certainty stays one. Scores are ours: 1.0 for what the profile says outright, the rest by how often
the sign was seen on healthy answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from pydantic_core import SchemaValidator, core_schema

from agentguard.core.config import ResponseProfile
from agentguard.policies.error_bodies import MAX_TEXT, error_body
from agentguard.policies.placeholders import placeholder
from agentguard.policies.pruning import prune
from agentguard.policies.signal import UNREADABLE_SCORE, Signal, score_of

FIELD_SCORE: Final = 1.0
"""A required field is missing, or a forbidden one is there."""

ERROR_BODY_SCORE: Final = 0.9
"""An error was returned as a success."""

PATTERN_SCORE: Final = 0.7
"""None of the profile's patterns was found."""

PLACEHOLDER_SCORE: Final = 0.6
"""A placeholder was returned as an answer."""

LATENCY_SCORE: Final = 0.5
"""The body took less or more time than the profile says. Doubtful alone: machines are slow, and caches are fast."""


class ResponseCheck:
    """Looks at the answers of one tool. Holds no state; safe to share.

    Return type and JSON Schema are the caller's to check; their findings are signals like the others.
    """

    __slots__ = ("_forbidden", "_is_plain", "_latency", "_patterns", "_required", "threshold")

    def __init__(self, profile: ResponseProfile) -> None:
        self._required = tuple(profile.required_fields)
        self._forbidden = tuple(profile.forbidden_fields)
        self._patterns: tuple[re.Pattern[str], ...] = tuple(map(re.compile, profile.patterns))
        self._latency = profile.latency_ms
        # Nothing but the general signs is looked for.
        self._is_plain = not (self._required or self._forbidden or self._patterns or self._latency)
        self.threshold = profile.threshold
        """Combined score from which an answer is refused."""

    @staticmethod
    def score(signals: Iterable[Signal]) -> float:
        """The score of all signals together, 0.0 without any, at most 1.0; hold it against `threshold`."""
        return score_of(signals)

    def signals(self, value: object, execution_time_ms: float | None) -> list[Signal]:
        """Every sign that the answer is wrong. Bounded work, and never raises, whatever the value is.

        Looks at the first 10,000 characters and the first 1,000 values. `execution_time_ms` is the time in the body;
        None: unknown, and not looked at.
        """
        found: list[Signal] = []
        # Only ASCII: for a text with a lone surrogate the engine says "no" as well.
        is_short_ascii = self._is_plain and type(value) is str and len(value) <= MAX_TEXT and value.isascii()
        if is_short_ascii and not _is_suspicious(value):
            return found
        try:
            self._look(value, execution_time_ms, found)
        except Exception as error:  # noqa: BLE001 - answers are foreign objects; one that cannot be read is doubtful
            found.append(Signal("unreadable", UNREADABLE_SCORE, f"reading the answer raised {type(error).__name__}"))
        return found

    def _look(self, value: object, execution_time_ms: float | None, found: list[Signal]) -> None:
        if self._required or self._forbidden:
            self._look_at_fields(value, found)
        if self._latency is not None and execution_time_ms is not None:
            self._look_at_latency(self._latency, execution_time_ms, found)
        if self._patterns and not self._matches(value):
            found.append(Signal("patterns", PATTERN_SCORE, "none of the expected patterns was found"))
        if (sign := error_body(value)) is not None:
            found.append(Signal("error_body", ERROR_BODY_SCORE, f"an error was returned as a success: {sign}"))
        if (sign := placeholder(value)) is not None:
            found.append(Signal("placeholder", PLACEHOLDER_SCORE, f"a placeholder was returned: {sign}"))

    def _look_at_fields(self, value: object, found: list[Signal]) -> None:
        missing = [name for name in self._required if not _has(value, name)]
        if missing:
            found.append(Signal("required_fields", FIELD_SCORE, f"fields are missing: {_listed(missing)}"))
        present = [name for name in self._forbidden if _has(value, name)]
        if present:
            found.append(Signal("forbidden_fields", FIELD_SCORE, f"forbidden fields are set: {_listed(present)}"))

    @staticmethod
    def _look_at_latency(latency: tuple[float | None, float | None], took_ms: float, found: list[Signal]) -> None:
        least, most = latency
        if least is not None and took_ms < least:
            found.append(Signal("latency", LATENCY_SCORE, f"it took {took_ms:.1f} ms, the least is {least:g} ms"))
        elif most is not None and took_ms > most:
            found.append(Signal("latency", LATENCY_SCORE, f"it took {took_ms:.1f} ms, the most is {most:g} ms"))

    def _matches(self, value: object) -> bool:
        text = _text_of(value)
        return any(pattern.search(text) for pattern in self._patterns)


# Whatever `error_body` and `placeholder` find in a text has one of these. Searched by the engine of pydantic-core in
# 0.15 us, where looking closely costs 0.9; a test holds the pattern against both.
_is_suspicious: Final = SchemaValidator(
    core_schema.str_schema(
        pattern=r"(?i)^\s*[<{]|error|exception|traceback|unavailable|gateway|ipsum|example|sample|mock|dummy|fake|todo"
        r"|tbd|fixme|placeholder|n/a|string|undefined|not implemented|here\s*$|[>\]}]\s*$"
        r"|^\s*(?:\d{3} |sorry|oops|http|status|too many|not auth|unauth|forbid|access|permission|api|rate|quota"
        r"|invalid|connection|request|operation|read |query|econn|etimed|enotf|max|an? |some |the |something|failed to"
        r"|unable to|could|service|server|backend|upstream|database|tool|function|call)"
    )
).isinstance_python


def _has(value: object, name: str) -> bool:
    return name in value if isinstance(value, dict) else hasattr(value, name)


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:10]))


def _text_of(value: object) -> str:
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, bytes):
        return value[:MAX_TEXT].decode("utf-8", "replace")
    # Pruned first, because writing out a huge value would cost its whole size.
    return json.dumps(prune(value, MAX_TEXT, "head"), ensure_ascii=False, default=_short_repr)[:MAX_TEXT]


def _short_repr(value: Any) -> str:
    return repr(value)[:MAX_TEXT]
