"""`OutputLimitConfig`: how much of a result the model gets to see."""

from __future__ import annotations

import os
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from agentguard.core.config.fields import check_choice, check_integer, check_path

LEAST_CHARS = 80
"""Smallest `max_chars`: the marker that says what was left out takes up to about 60 characters of it."""


@dataclass(frozen=True, slots=True)
class OutputLimitConfig:
    """Cut results that are too long; the limit includes the marker that says how much was left out.

    Strings and bytes are cut at their ends; dicts, lists and tuples stay valid JSON and lose list tails and string
    ends. Other values are left alone. The trace keeps the whole result.

    Raises:
        ConfigError: A field is out of its range.
    """

    max_chars: int = 16_000
    """Most characters of the result, the marker included, at least 80. For a dict or list: of its compact JSON."""

    _: KW_ONLY

    max_lines: int | None = None
    """Most lines of a text, the marker's included, at least 2. None: lines are not counted."""

    keep: Literal["head", "tail", "both"] = "head"
    """Which part survives: the beginning, the end, or both."""

    spill_dir: str | os.PathLike[str] | None = None
    """Folder into which the whole result is written when it was cut; the marker names the file. None: not kept."""

    def __post_init__(self) -> None:
        """Check every field."""
        check_integer(self, "max_chars", least=LEAST_CHARS)
        check_integer(self, "max_lines", least=2, optional=True)
        check_choice(self, "keep", ("head", "tail", "both"))
        check_path(self, "spill_dir", optional=True)
