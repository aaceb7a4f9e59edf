"""Gates: what may keep an attempt from starting. Each adapts one policy to calls, and owns its counters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

from agentguard.core.call import ToolCall

Outcome = Literal["success", "failure", "neutral", "unused"]
"""What became of what was granted. "neutral" says nothing about the tool: cancelled, or its answer was not believed.
"unused": no body has started, because the attempt was refused, aborted or answered on the way."""

Afterwards = Callable[[], object]
"""Something to do once the lock is free."""


class Wait:
    """Given by a gate that does not refuse, but cannot let the call through at once."""


WAIT = Wait()


class Overruled:
    """A grant given although the limit says no, because the config only warns."""

    def __init__(self, warning: str, grant: Any = None) -> None:
        self.warning = warning
        self.grant = grant
        """What the gate must still settle."""


class Gate(ABC):
    """One condition for an attempt to start. `_locked`: the caller holds `LOCK`."""

    settings: Any = None
    """The config it was made with."""

    only_warns: bool = False
    """Whether it lets everything through and only says so."""

    @abstractmethod
    def admit_locked(self, call: ToolCall, now: float, estimate: float | None, /) -> Any:
        """A grant, or `WAIT`. Raises the gate's `CallRejected`."""

    async def queue(self, call: ToolCall, /) -> Any:
        """Wait for a grant, after `WAIT` and without the lock. Raises the gate's `CallRejected`; cancelling leaves
        nothing behind.
        """
        raise AssertionError(call)

    def begin_locked(self, grant: Any, now: float, /) -> None:  # noqa: B027 - most gates have nothing to do
        """The attempt starts only at `now`, because it queues at some gate (infinity) or has queued. For gates whose
        grants have a clock.
        """

    @abstractmethod
    def settle_locked(
        self, grant: Any, call: ToolCall, outcome: Outcome, now: float, cost: float | None, /
    ) -> Afterwards | None:
        """Give the grant back, with what became of the attempt."""

    @abstractmethod
    def reading_locked(self, session_id: str | None, now: float, /) -> dict[str, Any]:
        """What its counters say now, as plain values by name."""

    @abstractmethod
    def reset_locked(self) -> None:
        """Forget what was seen; calls under way are not touched."""


def time_left(call: ToolCall, longest: float, now: float) -> float:
    """Seconds that `call` may wait in a queue: `longest`, or less when its deadline is nearer."""
    return longest if call.deadline is None else min(longest, call.deadline - now)
