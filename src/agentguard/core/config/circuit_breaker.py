"""`CircuitBreakerConfig`: when a failing tool is left alone, and when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agentguard.core.config.fields import check_choice, check_integer, check_key, check_positive, check_share
from agentguard.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreakerConfig:
    """Refuse calls to a tool that keeps failing, and probe it after a pause.

    Consecutive failures always count. Set `failure_rate` or `slow_call_rate` to open on a share of the recent calls
    as well. Every attempt counts, also those of one call; refusals, denials, input errors and cancellations do not.

    Raises:
        ConfigError: A field is out of its range, or one half of the slow-call pair is missing.
    """

    failure_threshold: int = 5
    """Failures in a row that open the circuit, at least 1."""

    recovery_timeout: float = 60.0
    """Seconds the circuit stays open before probes are let through, above 0; a probe that has not ended after as
    long gives its permit to another one."""

    success_threshold: int = 1
    """Successful probes that close the circuit again, at least 1. One failed probe opens it again."""

    failure_rate: float | None = None
    """Share of failures within the window that opens the circuit, above 0 and at most 1. None: not looked at."""

    slow_call_seconds: float | None = None
    """A call whose body took this long or longer is slow, whether it failed or not; above 0. Needs
    `slow_call_rate`. None: no call is slow."""

    slow_call_rate: float | None = None
    """Share of slow calls within the window that opens the circuit, above 0 and at most 1; needs
    `slow_call_seconds`. None: not looked at."""

    window_seconds: float = 60.0
    """Seconds the two rates look back, above 0; kept in ten buckets, so it is exact to a tenth."""

    min_calls: int = 20
    """Calls the window must hold before a rate may open the circuit, at least 1."""

    half_open_permits: int = 1
    """Probes that may run at the same time once `recovery_timeout` is over, at least 1."""

    shared_key: str | None = None
    """Tools with the same key share one circuit. None: this tool has its own."""

    on_open: Literal["block", "warn"] = "block"
    """"block" refuses with `CircuitOpenError`; "warn" lets the call through and marks it."""

    def __post_init__(self) -> None:
        """Check every field."""
        for count in ("failure_threshold", "success_threshold", "min_calls", "half_open_permits"):
            check_integer(self, count, least=1)
        check_positive(self, "recovery_timeout")
        check_positive(self, "window_seconds")
        check_positive(self, "slow_call_seconds", optional=True)
        check_share(self, "failure_rate", optional=True)
        check_share(self, "slow_call_rate", optional=True)
        check_key(self, "shared_key")
        check_choice(self, "on_open", ("block", "warn"))
        if (self.slow_call_rate is None) != (self.slow_call_seconds is None):
            raise ConfigError(
                "CircuitBreakerConfig.slow_call_rate and slow_call_seconds belong together, got "
                f"slow_call_rate={self.slow_call_rate!r} and slow_call_seconds={self.slow_call_seconds!r}"
            )
