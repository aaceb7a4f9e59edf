"""`Backoff`: how long to wait before a retry, and what a server's error says about it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC
from typing import Final

from agentguard.core.config import RetryConfig

RETRY_AFTER_MARGIN: Final = 5.0
"""Most seconds that a server's Retry-After may add to the computed pause, as in the AWS SDKs' 2026 revision: a server
that says "3600" must not hold a call for an hour."""

_TOO_MANY_REQUESTS: Final = 429
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class Backoff:
    """Pauses that grow exponentially, each drawn evenly from 0 to the computed one.

    This is the "full jitter" of Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), which needed the fewest calls of the
    variants compared there. Holds no state; safe to share if `random` is.
    """

    __slots__ = ("_factor", "_initial", "_jitter", "_most", "_random")

    def __init__(self, config: RetryConfig, random: Callable[[], float]) -> None:
        """`random` gives an even number from 0.0 to below 1.0."""
        self._initial = float(config.initial_delay)
        self._factor = float(config.backoff_factor)
        self._most = float(config.max_delay)
        self._jitter = config.jitter
        self._random = random

    def delay(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds to wait after the failure of the given attempt, which counts from 1.

        `min(max_delay, initial_delay * backoff_factor ** (attempt - 1))`, times a random number when jitter is on.
        A `retry_after` (seconds; None: the server did not say) takes its place, held between that and 5 seconds more.
        """
        delay = self._computed(attempt)
        if self._jitter:
            delay *= self._random()
        if retry_after is None:
            return delay
        return min(max(retry_after, delay), delay + RETRY_AFTER_MARGIN)

    def _computed(self, attempt: int) -> float:
        if not self._initial:
            return 0.0
        try:
            return min(self._most, self._initial * self._factor ** (attempt - 1))
        except OverflowError:
            return self._most


def retry_after_of(error: BaseException, wall_now: float | None = None) -> float | None:
    """Seconds after which the server wants to be asked again; None when it did not say so intelligibly.

    Read from `error.retry_after` (a number), else from the `Retry-After` header (RFC 9110, 10.2.3) of `error.response`
    or, as urllib and aiohttp have it, of the error itself: seconds, or a date, which needs `wall_now` (seconds since
    1970). Never raises: errors are foreign objects.
    """
    try:
        own = getattr(error, "retry_after", None)
        if own is not None:
            return _seconds(own)
        headers = getattr(getattr(error, "response", error), "headers", None)
        return None if headers is None else _header_seconds(headers, wall_now)
    except Exception:  # noqa: BLE001 - a property of a foreign error may raise anything; then it said nothing
        return None


def is_throttle(error: BaseException) -> bool:
    """Whether the server asked to slow down: status 429, or any error that says when to come back. Never raises."""
    try:
        response = getattr(error, "response", None)
        for owner in (error, response):
            for name in ("status_code", "status"):
                if getattr(owner, name, None) == _TOO_MANY_REQUESTS:
                    return True
    except Exception:  # noqa: BLE001 - as above
        return False
    return retry_after_of(error, wall_now=0.0) is not None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def _header_seconds(headers: object, wall_now: float | None) -> float | None:
    get = headers.get  # type: ignore[attr-defined]  # a mapping of some kind; if not, the caller's except catches it
    value = get("Retry-After")
    if value is None:
        value = get("retry-after")
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        return _seconds(text)
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    return None if wall_now is None else _until_date(text, wall_now)


def _until_date(text: str, wall_now: float) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - 3 ms of every import, and servers seldom send dates

    date = parsedate_to_datetime(text)
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - wall_now)
