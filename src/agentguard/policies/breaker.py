"""`Breaker`: whether a tool that keeps failing may be called now.

The states are those of Michael Nygard's "Release It!" (closed, open, half-open). Three things are added that breakers
under asyncio usually lack, each seen to fail in the libraries we measured: half-open lets through a fixed number of
probes and not the whole herd; a probe that never ends loses its place after a lease, so the circuit heals by itself;
and the outcome of a call that was let through in an earlier state changes nothing.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from agentguard.core.config import CircuitBreakerConfig
from agentguard.policies.window import Window

State = Literal["closed", "open", "half_open", "isolated"]
"""Calls pass; none pass; a few probes pass; none pass until `reset()`."""

Outcome = Literal["success", "failure", "neutral"]
"""What a call says about the tool. "neutral" says nothing: cancelled, refused further in, or the caller's mistake."""

_NOT_BEGUN: Final = math.inf  # the lease of a probe whose body has not started yet: it does not run out


class Breaker:
    """Decides for one circuit. Times are monotonic seconds. Not safe to share: the caller holds the lock.

    Every admitted call must be recorded exactly once, whatever became of it, or a half-open circuit loses a place.
    """

    __slots__ = (
        "_config",
        "_failure_rate",
        "_failures",
        "_first",
        "_leases",
        "_opened_at",
        "_slow_rate",
        "_slow_seconds",
        "_state",
        "_successes",
        "_window",
        "closed",
        "heeds_success",
        "permit",
    )

    def __init__(self, config: CircuitBreakerConfig) -> None:
        self._config = config
        self._failure_rate = _or_never(config.failure_rate)
        self._slow_rate = _or_never(config.slow_call_rate)
        self._slow_seconds = _or_never(config.slow_call_seconds)
        rated = min(self._failure_rate, self._slow_rate) < math.inf
        self._window = Window(config.window_seconds) if rated else None
        self._leases: dict[int, float] = {}
        self._opened_at = 0.0
        self.permit = 0
        """What `admit` gives while the circuit is closed; grows with every change of state and every probe."""
        self.closed = True
        """Whether calls pass. May be read without the lock: a call that slips through at the moment the circuit opens
        is one that came a microsecond earlier."""
        self.heeds_success = False
        """Whether recording a success would change anything: not while closed, with no failure to forget."""
        self._enter("closed")

    def admit(self, now: float) -> int | None:
        """A permit, 1 or more, with which the call is recorded later; None when it must not run."""
        if self.closed:
            return self.permit
        if self._state == "isolated":
            return None
        if self._state == "open":
            if now < self._opened_at + self._config.recovery_timeout:
                return None
            self._enter("half_open")
        return self._admit_probe(now)

    def begin(self, permit: int, now: float) -> None:
        """Say that the body starts now: a probe's lease of `recovery_timeout` runs from here, not from `admit`."""
        if permit in self._leases:
            self._leases[permit] = now + self._config.recovery_timeout

    def record(self, permit: int, outcome: Outcome, now: float, duration: float) -> None:
        """Say how the call ended, and how many seconds its body took."""
        # Permits only grow, so one from before the last change of state is recognised by its number.
        if permit < self._first:
            return
        if not self.closed:
            self._record_probe(permit, outcome, now)
        elif outcome == "success":
            self._failures = 0
            self.heeds_success = self._window is not None
            if self._window is not None:
                self._record_rates(self._window, now, duration, failed=False)
        elif outcome == "failure":
            self._failures += 1
            self.heeds_success = True
            if self._failures >= self._config.failure_threshold:
                self._open(now)
            elif self._window is not None:
                self._record_rates(self._window, now, duration, failed=True)

    def state(self, now: float) -> State:
        """The state as a call made now would find it: "half_open" as soon as a probe could pass."""
        if self._state == "open" and now >= self._opened_at + self._config.recovery_timeout:
            return "half_open"
        return self._state

    def retry_after(self, now: float) -> float:
        """Seconds until a call may pass; 0 when one may pass now, infinity when isolated.

        While all probes are running it is an upper bound: a probe that ends sooner lets calls through sooner.
        """
        if self.closed:
            return 0.0
        if self._state == "isolated":
            return math.inf
        if self._state == "open":
            return max(0.0, self._opened_at + self._config.recovery_timeout - now)
        if len(self._leases) < self._config.half_open_permits:
            return 0.0
        ends = min(self._leases.values())
        return self._config.recovery_timeout if ends == _NOT_BEGUN else max(0.0, ends - now)

    def reset(self) -> None:
        """Close the circuit and forget what happened; also ends `isolate()`."""
        self._enter("closed")

    def isolate(self) -> None:
        """Let nothing pass until `reset()`, whatever the tool does: for maintenance and emergencies."""
        self._enter("isolated")

    def _enter(self, state: State) -> None:
        self._state: State = state
        self.closed = state == "closed"
        self.heeds_success = self._window is not None or not self.closed
        self.permit += 1
        self._first = self.permit
        self._failures = 0
        self._successes = 0
        self._leases.clear()
        if self._window is not None:
            self._window.clear()

    def _open(self, now: float) -> None:
        self._enter("open")
        self._opened_at = now

    def _admit_probe(self, now: float) -> int | None:
        leases = self._leases
        if len(leases) >= self._config.half_open_permits:
            for permit in [permit for permit, ends in leases.items() if ends <= now]:
                del leases[permit]
            if len(leases) >= self._config.half_open_permits:
                return None
        # A number of its own for each probe: a late one must not give back the place of the probe that took over.
        self.permit += 1
        leases[self.permit] = _NOT_BEGUN
        return self.permit

    def _record_probe(self, permit: int, outcome: Outcome, now: float) -> None:
        """Count a probe, also one whose lease has run out: it is evidence about this half-open state all the same.

        (Ignoring it would keep a circuit open for ever whose tool takes longer than `recovery_timeout`.)
        """
        self._leases.pop(permit, None)
        if outcome == "failure":
            self._open(now)
        elif outcome == "success":
            self._successes += 1
            if self._successes >= self._config.success_threshold:
                self._enter("closed")

    def _record_rates(self, window: Window, now: float, duration: float, *, failed: bool) -> None:
        window.add(now, failed=failed, slow=duration >= self._slow_seconds)
        calls = window.calls
        # Divided, not multiplied: 7 / 10 >= 0.7 holds, 7 >= 0.7 * 10 does not.
        if calls >= self._config.min_calls and (
            window.failures / calls >= self._failure_rate or window.slow / calls >= self._slow_rate
        ):
            self._open(now)


def _or_never(limit: float | None) -> float:
    return math.inf if limit is None else limit
