"""How calls went, in numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentguard.tracing.sinks.port import Outcome


@dataclass(frozen=True, slots=True)
class ToolStats:
    """How the calls of one tool went."""

    calls: int = 0
    """How many there were."""
    by_status: dict[str, int] = field(default_factory=dict)
    """How many ended with each span status."""
    p50: float | None = None
    """Median duration in seconds, the whole guard included; None without calls."""
    p95: float | None = None
    """Duration in seconds that 95 of 100 calls did not exceed; None without calls."""


@dataclass(frozen=True, slots=True)
class TraceStats(ToolStats):
    """How all calls went."""

    by_tool: dict[str, ToolStats] = field(default_factory=dict)
    """The same for each tool."""
    dropped: int = 0
    """Spans that were not kept: they ended after the recorder had closed, or found no room."""


def stats_of(outcomes: Sequence[Outcome], *, dropped: int = 0) -> TraceStats:
    """The numbers of `outcomes`."""
    by_tool: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_tool.setdefault(outcome.tool, []).append(outcome)
    whole = _stats(outcomes)
    return TraceStats(
        whole.calls,
        whole.by_status,
        whole.p50,
        whole.p95,
        by_tool={tool: _stats(calls) for tool, calls in sorted(by_tool.items())},
        dropped=dropped,
    )


def _stats(outcomes: Sequence[Outcome]) -> ToolStats:
    statuses = Counter[str](outcome.status for outcome in outcomes)
    durations = sorted(outcome.duration for outcome in outcomes)
    return ToolStats(len(outcomes), dict(statuses), _quantile(durations, 0.5), _quantile(durations, 0.95))


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    # The nearest rank: a duration that really occurred.
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
