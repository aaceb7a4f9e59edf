"""`RateLimitConfig`: how often a tool may be called."""

from __future__ import annotations

from dataclasses import dataclass

from agentguard.core.config.fields import check_integer, check_key, check_number, check_positive
from agentguard.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitConfig:
    """Let calls through at a rate; all rates given hold together, so the tightest one wins.

    The shortest window spaces the calls evenly after a `burst`; a longer one counts exactly: never more than so many
    calls within any minute or hour. 5 per second with 100 per hour therefore runs at 5 per second until 100 are used.

    Raises:
        ConfigError: A field is out of its range, or no rate is set.
    """

    calls_per_second: float | None = None
    """Calls per second, above 0; 0.5 is one call in two seconds. None: no such limit."""

    calls_per_minute: float | None = None
    """Calls per minute, above 0. None: no such limit."""

    calls_per_hour: float | None = None
    """Calls per hour, above 0. None: no such limit."""

    burst: int = 1
    """Calls that may go at once after a quiet time, at least 1; further ones are spaced by the shortest window."""

    max_wait: float = 0.0
    """Most seconds a call waits for its turn, first come first served. 0 refuses at once with `retry_after`."""

    shared_key: str | None = None
    """Tools with the same key share one limit. None: this tool has its own."""

    def __post_init__(self) -> None:
        """Check every field."""
        check_positive(self, "calls_per_second", optional=True)
        check_positive(self, "calls_per_minute", optional=True)
        check_positive(self, "calls_per_hour", optional=True)
        check_integer(self, "burst", least=1)
        check_number(self, "max_wait", least=0)
        check_key(self, "shared_key")
        if self.calls_per_second is None and self.calls_per_minute is None and self.calls_per_hour is None:
            raise ConfigError(
                "RateLimitConfig needs calls_per_second, calls_per_minute or calls_per_hour, got none of them"
            )
