"""Leaving a failing tool alone."""

from __future__ import annotations

from typing import ClassVar

from agentguard.core.config import CircuitBreakerConfig
from agentguard.state.admission import Admission
from agentguard.state.breaker_gate import BreakerGate


class CircuitBreakerMiddleware(Admission):
    """Refuses with `CircuitOpenError` while the tool is failing; the body does not run.

    Only the tool's own outcome counts: refusals, cancellations, input errors and answers that are not believed are
    neutral, and so is an outcome from before the last change of state. After `recovery_timeout` a fixed number of
    probes passes, however many calls wait.
    """

    name: ClassVar[str] = "CircuitBreaker"

    def __init__(self, config: CircuitBreakerConfig) -> None:
        super().__init__(BreakerGate(config))
