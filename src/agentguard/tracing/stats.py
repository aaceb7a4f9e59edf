"""How calls went, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from agentguard.tracing.concurrency import Concurrency
from agentguard.tracing.quantiles import Durations
from agentguard.tracing.sinks.port import Outcome

_MOST_TYPES = 50
"""Types of errors counted for a tool; what comes after them is counted as "others"."""


@dataclass(frozen=True, slots=True)
class ToolStats:
    """How the calls of one tool went."""

    calls: int = 0
    """How many there were."""
    by_status: dict[str, int] = field(default_factory=dict)
    """How many ended with each span status."""
    p50: float | None = None
    """Median duration in seconds, the whole guard included; None without calls that ran. Refused calls, over before
    they began, do not count. Exact up to 10,000 calls of a tool, within 0.5 % beyond; so are the next two."""
    p95: float | None = None
    """Duration in seconds that 95 of 100 calls did not exceed; None without calls that ran."""
    p99: float | None = None
    """Duration in seconds that 99 of 100 calls did not exceed; None without calls that ran."""
    longest: float | None = None
    """The longest duration in seconds; None without calls that ran."""
    refused: dict[str, int] = field(default_factory=dict)
    """How many were refused, by the code of the refusal; their tool did not run."""
    errors: dict[str, int] = field(default_factory=dict)
    """How many ended with an error, refusals and time-outs aside, by the error's class."""
    attempts: int = 0
    """How often the tool was tried in all; refused calls were not."""
    retried: int = 0
    """Calls that were tried more than once."""
    peak: int = 0
    """Most of them at one moment, refused ones aside."""

    @property
    def succeeded(self) -> int:
        """How many ended with the tool's own result, streams that were stopped early included."""
        return self.by_status.get("ok", 0) + self.by_status.get("stopped_early", 0)

    @property
    def timeouts(self) -> int:
        """How many ended with a time-out."""
        return self.by_status.get("timeout", 0)

    @property
    def cancelled(self) -> int:
        """How many were cancelled."""
        return self.by_status.get("cancelled", 0)


@dataclass(frozen=True, slots=True)
class TraceStats(ToolStats):
    """How all calls went. A call that waits for calls made inside it does not count in `peak` while they run."""

    by_tool: dict[str, ToolStats] = field(default_factory=dict)
    """The same for each tool."""
    dropped: int = 0
    """Spans that were not kept: they ended after the recorder had closed, or found no room."""
    first: float | None = None
    """When the first call started, wall clock; None without calls."""
    last: float | None = None
    """When the last call ended, wall clock; None without calls."""
    peak_at: float | None = None
    """When `peak` was reached first, wall clock; None without calls."""


def stats_of(outcomes: Iterable[Outcome], *, dropped: int = 0) -> TraceStats:
    """The numbers of `outcomes`, which come by start. Holds some 100 kB for each tool, however many there are."""
    whole = _Sum()
    by_tool: dict[str, _Sum] = {}
    first = last = None
    for outcome in outcomes:
        whole.add(outcome)
        by_tool.setdefault(outcome.tool, _Sum()).add(outcome)
        first = outcome.started_at if first is None else first
        last = max(last or 0.0, outcome.started_at + outcome.duration)
    return TraceStats(
        **asdict(whole.stats()),
        by_tool={tool: by_tool[tool].stats() for tool in sorted(by_tool)},
        dropped=dropped,
        first=first,
        last=last,
        peak_at=whole.concurrency.peak_at,
    )


class _Sum:
    """The numbers of calls so far."""

    def __init__(self) -> None:
        self.concurrency = Concurrency()
        self._statuses = Counter[str]()
        self._refused = Counter[str]()
        self._errors = Counter[str]()
        self._durations = Durations()
        self._attempts = self._retried = 0

    def add(self, outcome: Outcome) -> None:
        self._statuses[outcome.status] += 1
        if outcome.refusal is not None:
            _count(self._refused, outcome.refusal)
            return
        self.concurrency.add(outcome)
        self._durations.add(outcome.duration)
        self._attempts += outcome.attempts if outcome.ran else 0
        self._retried += outcome.attempts > 1
        if outcome.status == "error":
            _count(self._errors, outcome.error_type or "unknown")

    def stats(self) -> ToolStats:
        p50, p95, p99 = self._durations.quantiles(0.5, 0.95, 0.99)
        return ToolStats(
            calls=self._statuses.total(),
            by_status=dict(self._statuses),
            p50=p50,
            p95=p95,
            p99=p99,
            longest=self._durations.longest,
            refused=_by_number(self._refused),
            errors=_by_number(self._errors),
            attempts=self._attempts,
            retried=self._retried,
            peak=self.concurrency.peak,
        )


def _count(counter: Counter[str], name: str) -> None:
    # A store is a file like any other: names in it must not fill the memory.
    counter[name if name in counter or len(counter) < _MOST_TYPES else "others"] += 1


def _by_number(counter: Counter[str]) -> dict[str, int]:
    return dict(counter.most_common())
