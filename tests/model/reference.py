"""The four counters and the retry quota, written as plainly as they can be said: everything that ever happened is kept
in lists, and every question is answered by looking through them. Slow, and obviously what the configs promise.
"""

import math
from typing import Any

from agentguard import BudgetConfig, CircuitBreakerConfig, RateLimitConfig

SLACK = 1e-9


class RefusedError(Exception):
    """A gate said no."""

    def __init__(self, kind: str, retry_after: float | None = None, money: tuple[Any, ...] = ()) -> None:
        super().__init__(kind)
        self.kind = kind
        self.retry_after = retry_after
        self.money = money


class Circuit:
    """A circuit breaker."""

    def __init__(self, config: CircuitBreakerConfig) -> None:
        self.config = config
        self.era = 0
        self.change("closed")

    def change(self, state: str, now: float = 0.0) -> None:
        """Enter a state; what happened before is forgotten, and what is under way no longer counts."""
        self.state, self.since = state, now
        self.era += 1
        self.ended: list[tuple[float, bool, bool]] = []  # time, failed, slow
        self.in_a_row = 0
        self.good_probes = 0
        self.probes: dict[int, float | None] = {}  # when its lease ends; None until its body starts
        self.probe_number = 0

    def seen_at(self, now: float) -> str:
        """The state as a call would find it."""
        if self.state == "open" and now >= self.since + self.config.recovery_timeout - SLACK:
            return "half_open"
        return self.state

    def live_probes(self, now: float) -> list[float | None]:
        """Ends of the leases that have not run out."""
        return [ends for ends in self.probes.values() if ends is None or ends > now + SLACK]

    def retry_after(self, now: float) -> float:
        """Seconds until a call may pass."""
        state = self.seen_at(now)
        if state == "isolated":
            return math.inf
        if state == "open":
            return self.since + self.config.recovery_timeout - now
        if self.state != "half_open" or len(self.live_probes(now)) < self.config.half_open_permits:
            return 0.0
        known = [ends for ends in self.live_probes(now) if ends is not None]
        return min(known) - now if known else self.config.recovery_timeout

    def admit(self, now: float) -> tuple[int, int] | None:
        """A permit: the era, and in half-open the number of the probe."""
        if self.state == "closed":
            return self.era, 0
        if self.seen_at(now) != "half_open":
            return None
        if self.state == "open":
            self.change("half_open", now)
        if len(self.live_probes(now)) >= self.config.half_open_permits:
            return None
        self.probes = {number: ends for number, ends in self.probes.items() if ends is None or ends > now + SLACK}
        self.probe_number += 1
        self.probes[self.probe_number] = None
        return self.era, self.probe_number

    def begin(self, permit: tuple[int, int], now: float) -> None:
        """The body starts."""
        if permit[0] == self.era and permit[1] in self.probes:
            self.probes[permit[1]] = now + self.config.recovery_timeout

    def record(self, permit: tuple[int, int], outcome: str, now: float, seconds: float) -> None:
        """How it ended."""
        if permit[0] != self.era:
            return
        if self.state == "half_open":
            self.probes.pop(permit[1], None)
        if outcome not in {"success", "failure"}:
            return
        failed = outcome == "failure"
        if self.state == "half_open":
            self.good_probes += not failed
            if failed:
                self.change("open", now)
            elif self.good_probes >= self.config.success_threshold:
                self.change("closed", now)
            return
        slow = self.config.slow_call_seconds
        self.in_a_row = self.in_a_row + 1 if failed else 0
        self.ended.append((now, failed, slow is not None and seconds >= slow))
        if self.in_a_row >= self.config.failure_threshold or self.is_rate_too_high(now):
            self.change("open", now)

    def is_rate_too_high(self, now: float) -> bool:
        """Whether too many of the recent calls failed or were slow; the window moves a tenth of itself at a time."""
        tenth = 10 / self.config.window_seconds
        recent = [call for call in self.ended if int(now * tenth) - int(call[0] * tenth) < 10]
        if len(recent) < self.config.min_calls:
            return False
        failures, slow = (sum(call[which] for call in recent) / len(recent) for which in (1, 2))
        limits = (self.config.failure_rate, self.config.slow_call_rate)
        return any(limit is not None and share >= limit for share, limit in zip((failures, slow), limits, strict=True))


class Limiter:
    """A rate limiter."""

    def __init__(self, config: RateLimitConfig) -> None:
        rates = [(1, config.calls_per_second), (60, config.calls_per_minute), (3600, config.calls_per_hour)]
        (window, rate), *longer = [(window, rate) for window, rate in rates if rate is not None]
        self.interval = window / rate
        self.burst = config.burst
        # Whole calls only: 2.5 an hour are 2 an hour, 0.5 an hour is 1 in two hours.
        self.longer = [(window, int(rate)) if rate >= 1 else (window / rate, 1) for window, rate in longer]
        self.turns: list[Turn] = []

    def due(self) -> float:
        """The earliest time for one more call, behind all others."""
        due, full_at = -math.inf, -math.inf
        for turn in self.turns:
            # A bucket of `burst` places that leaks one per interval; a turn given back in the middle stays empty.
            full_at = max(full_at, turn.start) + self.interval
            due = turn.start
        due = max(due, full_at - (self.burst - 1) * self.interval)
        taken = sorted(turn.start for turn in self.turns if turn.is_taken)
        for window, most in self.longer:
            if len(taken) >= most:
                due = max(due, taken[-most] + window)
        return due

    def wait(self, now: float) -> float:
        """Seconds a call made now would wait."""
        wait = self.due() - now
        return wait if wait > SLACK else 0.0

    def take(self, now: float) -> "Turn":
        """One more call."""
        turn = Turn(now + self.wait(now))
        self.turns.append(turn)
        return turn

    def give_back(self, turn: "Turn") -> None:
        """It did not run."""
        turn.is_taken = False
        while self.turns and not self.turns[-1].is_taken:
            self.turns.pop()


class Turn:
    """The time at which a call may start."""

    def __init__(self, start: float) -> None:
        self.start = start
        self.is_taken = True


class Purse:
    """The budget of every session."""

    def __init__(self, config: BudgetConfig) -> None:
        self.config = config
        self.promises: dict[str | None, list[Promise]] = {}
        self.alerted: set[str | None] = set()

    def calls(self, key: str | None) -> int:
        """Made, and in flight."""
        return len(self.promises.get(key, []))

    def spent(self, key: str | None) -> float:
        """US dollars of calls that have ended."""
        return sum(promise.amount for promise in self.promises.get(key, []) if promise.is_spent)

    def excess(self, key: str | None, amount: float | None) -> tuple[str, float, float] | None:
        """Why one more call does not fit: the unit, what is spoken for, and the limit."""
        config = self.config
        committed = sum(promise.amount for promise in self.promises.get(key, []))
        if config.max_calls_per_session is not None and self.calls(key) >= config.max_calls_per_session:
            return "calls", self.calls(key), config.max_calls_per_session
        if None not in {amount, config.max_cost_per_call} and amount > config.max_cost_per_call:
            return "USD", amount, config.max_cost_per_call
        most = config.max_cost_per_session
        if most is not None and (committed >= most if amount is None else committed + amount > most):
            return "USD", committed, most
        return None

    def promise(self, key: str | None, amount: float | None) -> "Promise":
        """One call, and what it will probably cost."""
        promise = Promise(self, key, amount or 0.0)
        self.promises.setdefault(key, []).append(promise)
        return promise

    def forget(self) -> None:
        """Every session; what is in flight belongs nowhere."""
        self.promises, self.alerted = {}, set()

    def has_news(self, key: str | None) -> bool:
        """Whether the session has just passed the share of which people want to hear, for the first time."""
        money, calls = self.config.max_cost_per_session, self.config.max_calls_per_session
        share = self.config.alert_threshold - SLACK
        has_passed = (bool(money) and self.spent(key) >= money * share) or (
            bool(calls) and self.calls(key) >= calls * share
        )
        if key in self.alerted or not has_passed:
            return False
        self.alerted.add(key)
        return True


class Promise:
    """One call's money."""

    def __init__(self, purse: Purse, key: str | None, amount: float) -> None:
        self.purse, self.key, self.amount, self.is_spent = purse, key, amount, False

    def is_known(self) -> bool:
        """Whether its session was not forgotten meanwhile."""
        return any(promise is self for promise in self.purse.promises.get(self.key, []))

    def release(self) -> None:
        """It did not run."""
        if self.is_known():
            self.purse.promises[self.key].remove(self)

    def settle(self, cost: float | None) -> None:
        """It ran."""
        self.is_spent = True
        self.amount = self.amount if cost is None else cost


class Places:
    """Bodies at once."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.running = 0
        self.queue: list[Any] = []  # processes, first come first served

    def take(self) -> bool:
        """A place that is free, and for which nobody waits."""
        if self.running >= self.most or self.queue:
            return False
        self.running += 1
        return True

    def give_back(self) -> None:
        """Hand it to whoever waits longest."""
        if self.queue:
            self.queue.pop(0).wake()
        else:
            self.running -= 1


class Quota:
    """Retries left: 500 tokens, 14 for a retry, 5 for one that the server asked for."""

    def __init__(self) -> None:
        self.tokens = 500

    def take(self, *, throttled: bool) -> int | None:
        """What it costs; None when there is too little."""
        cost = 5 if throttled else 14
        if cost > self.tokens:
            return None
        self.tokens -= cost
        return cost

    def gain(self, tokens: int) -> None:
        """Never more than there were."""
        self.tokens = min(500, self.tokens + tokens)
