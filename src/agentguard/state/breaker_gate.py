"""The gate of a tool that may be failing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from agentguard.core.call import ToolCall
from agentguard.core.config import CircuitBreakerConfig
from agentguard.errors import CircuitOpenError
from agentguard.policies.breaker import Breaker
from agentguard.state.gate import Gate, Outcome, Overruled
from agentguard.state.sharing import shared


class BreakerGate(Gate):
    """Refuses while the tool is failing."""

    def __init__(self, config: CircuitBreakerConfig) -> None:
        self.settings = config
        self.breaker = shared(
            "circuit breaker", config.shared_key, replace(config, on_open="block"), lambda: Breaker(config)
        )
        self.only_warns = config.on_open == "warn"

    def admit_locked(self, call: ToolCall, now: float, _estimate: float | None, /) -> Any:
        """A permit of the breaker's current generation."""
        breaker = self.breaker
        permit = breaker.admit(now)
        if permit is not None:
            if not breaker.closed:
                breaker.begin(permit, now)
            return permit
        if self.only_warns:
            return Overruled(f"the circuit breaker of {call.tool_name!r} is open")
        retry_after = breaker.retry_after(now)
        # An isolated one waits for a person, and nobody knows how long that takes.
        known = None if retry_after == math.inf else retry_after
        raise CircuitOpenError(tool_name=call.tool_name, call_id=call.call_id, retry_after=known)

    def begin_locked(self, grant: Any, now: float, /) -> None:
        """A probe's lease counts from here."""
        if type(grant) is not Overruled:
            self.breaker.begin(grant, now)

    def settle_locked(self, grant: Any, call: ToolCall, outcome: Outcome, now: float, _cost: float | None, /) -> None:
        """Tell the breaker how the attempt ended; a slow one is measured from the start of its body."""
        if type(grant) is Overruled:
            return
        if outcome == "unused" or call.started_at is None:
            self.breaker.record(grant, "neutral", now, 0.0)
        else:
            self.breaker.record(grant, outcome, now, now - call.started_at)

    def reading_locked(self, _session_id: str | None, now: float, /) -> dict[str, Any]:
        """The state, and seconds until a call may pass."""
        return {"circuit_breaker": self.breaker.state(now), "retry_after": self.breaker.retry_after(now)}

    def reset_locked(self) -> None:
        """Close it."""
        self.breaker.reset()
