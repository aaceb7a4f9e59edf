"""`RetryConfig`: how often a failed call is tried again, and how long it waits before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

from agentguard.core.config.fields import check_callable, check_flag, check_integer, check_number, keep_tuple


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """Try a failed call again after a growing, jittered pause.

    Refusals, cancellations and errors from before the body started are never retried, and a body that may still be
    running only where `effect` is "read" or "idempotent". All attempts share one idempotency key.

    Raises:
        ConfigError: A field is out of its range.
    """

    max_retries: int = 3
    """Attempts after the first one, at least 0; 3 means up to four attempts. 0 never retries."""

    _: KW_ONLY

    initial_delay: float = 1.0
    """Seconds before the first retry (its upper bound when `jitter` is on), at least 0."""

    max_delay: float = 60.0
    """Most seconds between two attempts, at least 0. A server's `Retry-After` may add 5 seconds to it."""

    backoff_factor: float = 2.0
    """The pause before retry n is `initial_delay * backoff_factor ** (n - 1)`; at least 1, and 1 keeps it constant."""

    jitter: bool = True
    """Draw each pause evenly between 0 and the computed one, so that many callers do not come back at once."""

    retryable_exceptions: tuple[type[Exception], ...] = ()
    """Only these are retried. Empty: any `Exception` but refusals, abandoned bodies and programming errors
    (TypeError, AttributeError, NameError, AssertionError, NotImplementedError)."""

    retry_on_result: Callable[..., object] | None = None
    """Called with the returned value; a true answer makes the attempt a failure worth retrying. None: never asked."""

    quota: bool = True
    """Stop retrying while most calls fail: an outage costs at most 35 extra attempts per tool (`policies.quota`)."""

    def __post_init__(self) -> None:
        """Check every field."""
        check_integer(self, "max_retries", least=0)
        check_number(self, "initial_delay", least=0)
        check_number(self, "max_delay", least=0)
        check_number(self, "backoff_factor", least=1)
        check_flag(self, "jitter")
        keep_tuple(self, "retryable_exceptions", "a sequence of subclasses of Exception", _is_exception_class)
        check_callable(self, "retry_on_result")
        check_flag(self, "quota")


def _is_exception_class(value: object) -> bool:
    # Not BaseException: CancelledError and KeyboardInterrupt end a call, they never repeat it.
    return isinstance(value, type) and issubclass(value, Exception)
