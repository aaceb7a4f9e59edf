"""`ResponseProfile`: what a healthy answer of a tool looks like."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentguard.core.config.fields import check_flag, check_share, is_number, is_text, keep_tuple, refuse
from agentguard.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseProfile:
    """Describe a tool's healthy answers, so that invented, broken or misplaced ones are noticed.

    Without any field set, only the return type, error bodies returned as success and placeholder values are looked at.

    Raises:
        ConfigError: A field is out of its range, or a pattern does not compile.
    """

    required_fields: Sequence[str] = ()
    """Keys the answer, a dict, must have."""

    forbidden_fields: Sequence[str] = ()
    """Keys the answer must not have."""

    patterns: Sequence[str | re.Pattern[str]] = ()
    """Regular expressions of which at least one must be found in the answer's text (of a dict or list: its JSON)."""

    latency_ms: tuple[float | None, float | None] | None = None
    """Least and most milliseconds the body takes; either may be None. None: time is not looked at."""

    json_schema: Mapping[str, object] | None = None
    """JSON Schema the answer must satisfy; needs the extra `schema`. None: not checked."""

    learn: bool = False
    """Learn from every answer that is believed what answers usually look like, and doubt those that do not: fields that
    were always there and are missing, other kinds of things, numbers and lengths far out of their range, values that
    no longer change. Nothing is doubted before 50 answers, and nothing for good before 300."""

    baseline: str | os.PathLike[str] | object | None = None
    """What was learned before: a `Baseline`, or the path of a file that one was saved to. With `learn` it goes on
    learning (the file is not written), without only compares. None: each tool begins anew, if it learns at all."""

    threshold: float = 0.5
    """Combined score from which the answer is refused with `HallucinationError`, above 0 and at most 1."""

    def __post_init__(self) -> None:
        """Check every field."""
        keep_tuple(self, "required_fields", "a sequence of strings", is_text)
        keep_tuple(self, "forbidden_fields", "a sequence of strings", is_text)
        keep_tuple(self, "patterns", "a sequence of regular expressions for text", _is_pattern)
        self._check_patterns()
        self._check_latency()
        if not (self.json_schema is None or isinstance(self.json_schema, Mapping)):
            refuse(self, "json_schema", "a mapping or None")
        # A copy of our own: a schema edited after decoration would no longer be the one that was compiled.
        object.__setattr__(self, "json_schema", copy.deepcopy(self.json_schema))
        check_flag(self, "learn")
        self._check_baseline()
        check_share(self, "threshold")

    def _check_baseline(self) -> None:
        given = self.baseline
        # The class lives in a room above; what it is asked for is what makes a baseline here.
        if given is None or callable(getattr(given, "observe", None)):
            return
        if not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
            refuse(self, "baseline", "a Baseline, the path of a saved one, or None")

    def _check_patterns(self) -> None:
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ConfigError(
                    f"ResponseProfile.patterns must be regular expressions, got {pattern!r}: {error}"
                ) from None

    def _check_latency(self) -> None:
        allowed = "a pair of milliseconds (least, most), each >= 0 or None, in ascending order, or None"
        if self.latency_ms is None:
            return
        keep_tuple(self, "latency_ms", allowed, _is_milliseconds)
        if len(self.latency_ms) != 2:  # noqa: PLR2004 - a pair is two
            refuse(self, "latency_ms", allowed)
        least, most = self.latency_ms
        if least is not None and most is not None and least > most:
            refuse(self, "latency_ms", allowed)


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, re.Pattern) and isinstance(value.pattern, str))


def _is_milliseconds(value: object) -> bool:
    return value is None or (is_number(value) and isinstance(value, (int, float)) and value >= 0)
