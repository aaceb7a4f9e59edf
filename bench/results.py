"""One run of the benchmark as data: what `--json` saves, and what the report and the plot are made from."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.meter import Row

REFERENCE_PEER = "opentelemetry-sdk"
"""The peer whose first row, one span around an awaited call, is the measure of recorded calls."""
REFERENCE_BARE_US = 0.12
"""A bare await on the machine for which the budgets were set. The same budgets, as ratios, hold on every machine."""

NO_CALL_US = 10_000
"""What takes longer is no guarded call, but a burst of them or an import; it is shown in milliseconds."""


def is_call(row: Row) -> bool:
    """Whether the row is a call or an item, and not a burst of calls or an import."""
    return max(row.us, row.limit_us or 0.0) <= NO_CALL_US


@dataclass(frozen=True)
class PeerRun:
    """What a peer's own process measured."""

    name: str
    """The name of its package."""
    version: str = ""
    bare_us: float = 0.0
    """A bare await in that process."""
    rows: list[Row] = field(default_factory=list)
    note: str = ""
    """What a reader must know to be fair to it."""
    failure: str = ""
    """Why there are no rows; empty when there are."""


@dataclass(frozen=True)
class Results:
    """Everything one run measured."""

    machine: str
    rounds: int
    rows: list[Row]
    """Ours; the first is the bare await."""
    peers: list[PeerRun] = field(default_factory=list)

    @property
    def conditions(self) -> str:
        """Where and how the figures were measured."""
        return f"{self.machine}; CPU per call, best of {self.rounds} rounds or more"

    @property
    def bare_us(self) -> float:
        """A bare await in our own process."""
        return self.rows[0].us

    def span_us(self, name: str = "") -> float | None:
        """What the caller pays for one OpenTelemetry span in the same run, "" for the first; None: it did not run."""
        rows = [row for peer in self.peers if peer.name == REFERENCE_PEER for row in peer.rows]
        return next((row.us for row in rows if name in {"", row.name}), None)

    def is_over(self, row: Row) -> bool:
        """Whether a row is over one of its budgets.

        A budget in microseconds is kept when either the figure or its ratio to a bare await is within it. A budget as a
        part of a span holds when the span was measured.
        """
        return self._is_over_microseconds(row) or self._is_over_span(row)

    def _is_over_span(self, row: Row) -> bool:
        span_us = self.span_us(row.span)
        limits = [(row.us, row.limit_of_span), (row.process_us, row.limit_process_of_span)]
        return span_us is not None and any(
            figure > limit * span_us for figure, limit in limits if figure is not None and limit is not None
        )

    def _is_over_microseconds(self, row: Row) -> bool:
        if row.limit_us is None or row.us <= row.limit_us:
            return False
        return not is_call(row) or row.us / self.bare_us > row.limit_us / REFERENCE_BARE_US

    def over(self) -> list[str]:
        """The names of the rows that are over budget."""
        return [row.name.strip() for row in self.rows if self.is_over(row)]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(_rounded(asdict(self)), indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    """What `save` wrote."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    peers = [PeerRun(**{**peer, "rows": [Row(**row) for row in peer["rows"]]}) for peer in saved["peers"]]
    return Results(saved["machine"], saved["rounds"], [Row(**row) for row in saved["rows"]], peers)


def describe_machine() -> str:
    """The interpreter and the machine, without its name."""
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _rounded(value: Any) -> Any:
    """The same with three decimals, which is more than anybody can measure, and without what is not said."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items() if item not in (None, "")}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
