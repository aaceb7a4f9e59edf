"""`TimeoutConfig`: how long one attempt, and all of them together, may take."""

from __future__ import annotations

import sys
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from agentguard.core.config.fields import check_choice, check_integer, check_number, check_positive
from agentguard.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TimeoutConfig:
    """Release the caller when a call takes too long; at least one of the two limits must be set.

    The time a human needs to approve the call is not counted.

    Raises:
        ConfigError: A field is out of its range, or neither limit is set.
    """

    timeout_seconds: float | None = None
    """Seconds one attempt may take, above 0. None: only `total_seconds` counts."""

    _: KW_ONLY

    total_seconds: float | None = None
    """Seconds for all attempts, pauses and queues of one call together, above 0. None: no total."""

    grace_seconds: float | None = None
    """Seconds a cancelled async body may spend on its clean-up, at least 0, before the caller is released anyway.
    None: the clean-up is awaited to its end. A body in a process is killed at once, and gets none."""

    on_timeout: Literal["raise", "result"] = "raise"
    """"raise" `CallTimedOutError`, or return a `Refusal` as the "result" for loops that hand it to the model."""

    isolation: Literal["thread", "process", "inline"] = "thread"
    """Where a body runs: a sync one in a "thread" that is abandoned at the time-out, or "inline" in the caller's
    thread, where it cannot be interrupted; a sync or async one in a worker "process", which is killed at the time-out,
    and when the caller is cancelled. Then the tool must be a function at the top of a module, its arguments and its
    result must be able to cross (plain values, dataclasses, pydantic models). The wait for a free worker counts as the
    attempt's time; a worker's start and its import of the tool only count for `total_seconds`."""

    memory_limit_mb: int | None = None
    """MiB that a body in a process may take on top of what its worker has already, at least 1; beyond it gets a
    MemoryError. None: no limit. Linux only, with `isolation="process"` only."""

    max_abandoned: int = 32
    """Timed-out threads of one tool that may still be running, at least 1; further calls are refused with
    `ConcurrencyLimitError` until one ends."""

    def __post_init__(self) -> None:
        """Check every field."""
        check_positive(self, "timeout_seconds", optional=True)
        check_positive(self, "total_seconds", optional=True)
        check_number(self, "grace_seconds", least=0, optional=True)
        check_choice(self, "on_timeout", ("raise", "result"))
        check_choice(self, "isolation", ("thread", "process", "inline"))
        check_integer(self, "max_abandoned", least=1)
        if self.timeout_seconds is None and self.total_seconds is None:
            raise ConfigError("TimeoutConfig needs timeout_seconds or total_seconds, got neither")
        check_integer(self, "memory_limit_mb", least=1, optional=True)
        if self.memory_limit_mb is not None:
            self._check_memory_limit()

    def _check_memory_limit(self) -> None:
        if self.isolation != "process":
            msg = f'TimeoutConfig.memory_limit_mb needs isolation="process", got {self.isolation!r}'
            raise ConfigError(msg)
        if sys.platform != "linux":
            msg = f"TimeoutConfig.memory_limit_mb works on Linux only, and this is {sys.platform!r}"
            raise ConfigError(msg)
