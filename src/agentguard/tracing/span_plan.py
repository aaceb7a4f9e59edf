"""What a decorator says about the spans of one function."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentguard.errors import ConfigError
from agentguard.tracing.span import SpanKind


@dataclass(frozen=True, slots=True)
class SpanPlan:
    """What all spans of one decorated function, or of one block, have in common."""

    kind: SpanKind
    """What they are about."""
    name: str | None = None
    """Their name; None for the function's."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Attributes that every one of them starts with."""
    redact: tuple[str | re.Pattern[str], ...] = ()
    """Further names whose values are secret, and shapes of secrets."""
    capture_input: bool = True
    """Whether the arguments are recorded."""
    capture_output: bool = True
    """Whether the result is recorded, and the items of a stream."""
    capture_handled: bool = False
    """Whether exceptions that the function itself handles are recorded; needs Python 3.12."""
    counts_tokens: bool = False
    """Whether `usage` in the result is recorded as token counts."""

    @property
    def title(self) -> str:
        """What its spans are called."""
        return self.name or self.kind


def plan(
    kind: SpanKind,
    *,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Iterable[str] = (),
    redact: Iterable[str | re.Pattern[str]] = (),
    further: Mapping[str, Any] | None = None,
    **switches: bool,
) -> SpanPlan:
    """The plan for these settings; `further` are attributes, of which None are left out.

    Raises:
        ConfigError: The name is no string.
    """
    if name is not None and not isinstance(name, str):
        raise ConfigError(f"name: {name!r} is no string")
    attributes: dict[str, Any] = {key: value for key, value in (further or {}).items() if value is not None}
    if metadata:
        attributes["metadata"] = dict(metadata)
    if tags:
        attributes["tags"] = [tags] if isinstance(tags, str) else list(tags)
    return SpanPlan(kind, name, attributes, (redact,) if isinstance(redact, str) else tuple(redact), **switches)
