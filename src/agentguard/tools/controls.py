"""Looking at, and resetting, what a tool's counters have seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentguard.core.chain import Middleware
from agentguard.core.runtime import THREAD
from agentguard.errors import ConfigError
from agentguard.layers.hallucination import HallucinationMiddleware
from agentguard.layers.loop_guard import LoopGuardMiddleware
from agentguard.layers.retry import RetryMiddleware
from agentguard.policies.breaker import Breaker, State
from agentguard.state.admission import Admission
from agentguard.state.breaker_gate import BreakerGate
from agentguard.state.gate import Gate
from agentguard.state.lock import TURN


class BreakerControl:
    """A tool's circuit breaker, for people: look at it, open it, close it. Safe to share."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker

    @property
    def state(self) -> State:
        """One of "closed" (calls pass), "open", "half_open" (probes pass) or "isolated" (opened by hand)."""
        with TURN:
            return self._breaker.state(THREAD.now())

    @property
    def retry_after(self) -> float:
        """Seconds until a call may pass; 0.0 when one may pass now, infinity while isolated."""
        with TURN:
            return self._breaker.retry_after(THREAD.now())

    def reset(self) -> None:
        """Close it and forget the failures; outcomes of calls under way change nothing."""
        with TURN:
            self._breaker.reset()

    def isolate(self) -> None:
        """Open it until `reset()`, whatever the tool does: for maintenance, or to stop an agent's tool at once."""
        with TURN:
            self._breaker.isolate()


class Controls:
    """The counters of one tool."""

    def __init__(self, stages: Iterable[Middleware]) -> None:
        stages = list(stages)
        self._gates: list[Gate] = [gate for stage in stages if isinstance(stage, Admission) for gate in stage.gates]
        resettable = LoopGuardMiddleware | RetryMiddleware | HallucinationMiddleware
        self._others = [stage for stage in stages if isinstance(stage, resettable)]

    @property
    def breaker(self) -> BreakerControl:
        """The circuit breaker. Raises `ConfigError` when there is none."""
        for gate in self._gates:
            if isinstance(gate, BreakerGate):
                return BreakerControl(gate.breaker)
        msg = "this tool has no circuit breaker; give it one with guard(circuit_breaker=CircuitBreakerConfig(...))"
        raise ConfigError(msg)

    def state(self, session_id: str | None) -> dict[str, Any]:
        """What the counters say now, by name; the budget of one session, or of calls without one."""
        now = THREAD.now()
        reading: dict[str, Any] = {}
        with TURN:
            for gate in self._gates:
                reading |= gate.reading_locked(session_id, now)
        for stage in self._others:
            if isinstance(stage, HallucinationMiddleware):
                reading |= stage.reading()
        return reading

    def reset(self) -> None:
        """Forget what was seen. Calls under way, and those that queue, are not touched."""
        with TURN:
            for gate in self._gates:
                gate.reset_locked()
        for stage in self._others:
            stage.reset()
