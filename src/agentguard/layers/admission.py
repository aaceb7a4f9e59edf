"""Neighbouring admission stages as one."""

from __future__ import annotations

from typing import ClassVar

from agentguard.state.admission import Admission


class AdmissionMiddleware(Admission):
    """Circuit breaker, rate limiter, budget and concurrency in one decision, all or nothing, under one lock.

    Made from stages that stand next to each other in the order; it shares their counters.
    """

    name: ClassVar[str] = "Admission"

    def __init__(self, *stages: Admission) -> None:
        super().__init__(*(gate for stage in stages for gate in stage.gates))
