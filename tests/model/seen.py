"""What can be seen of a schedule from outside: the same record for the model and for the guard."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.model.schedule import SESSIONS, Schedule


@dataclass
class Run:
    """One run of a tool's body."""

    visit: int
    start: float
    end: float = -1.0
    call_id: str = ""
    session: str | None = None
    """As the guard counts it; the model says so in the records."""


@dataclass
class Ended:
    """What a caller got."""

    visit: int
    kind: str
    at: float
    retry_after: float | None = None
    money: tuple[Any, ...] = ()


@dataclass
class Seen:
    """Everything, in order."""

    runs: list[Run] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    alerts: list[tuple[Any, str | None]] = field(default_factory=list)
    """By tool (or the key of a shared budget) and session."""
    samples: list[tuple[float, list[dict[str, Any]]]] = field(default_factory=list)
    """What the tools' `state()` says between any two events."""
    records: dict[int, list[tuple[Any, ...]]] = field(default_factory=dict)
    """By arrival that had a session: tool, status, attempts and cost of each call in it."""
    has_ties: bool = False

    def recorded(self, arrival: int, session: str | None) -> list[tuple[Any, ...]]:
        """The calls of one arrival."""
        return [] if session is None else self.records.setdefault(arrival, [])

    @staticmethod
    def sample(read: Callable[[int, str | None], dict[str, Any]], schedule: Schedule) -> list[dict[str, Any]]:
        """The state of every tool for every session."""
        sample = []
        for tool, made in enumerate(schedule.tools):
            keys = SESSIONS if "budget" in made.options else SESSIONS[:1]
            sample += [read(tool, key) for key in keys]
        return sample
