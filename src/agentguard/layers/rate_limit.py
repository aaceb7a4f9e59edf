"""Not calling too often."""

from __future__ import annotations

from typing import ClassVar

from agentguard.core.config import RateLimitConfig
from agentguard.state.admission import Admission
from agentguard.state.rate_gate import RateGate


class RateLimiterMiddleware(Admission):
    """Refuses with `RateLimitedError`, or queues up to `max_wait` seconds, first come first served, when calls come too
    fast. `retry_after` of the error is exact. A call that is cancelled while it queues gives its place back.
    """

    name: ClassVar[str] = "RateLimiter"

    def __init__(self, config: RateLimitConfig) -> None:
        super().__init__(RateGate(config))
