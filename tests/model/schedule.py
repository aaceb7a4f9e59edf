"""What happens to some tools: calls, failures, cancellations, interventions. Drawn from a seed, and made smaller."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from agentguard import (
    BudgetConfig,
    CircuitBreakerConfig,
    ConcurrencyConfig,
    RateLimitConfig,
    RetryConfig,
    TimeoutConfig,
)

START = 1_000.0
SESSIONS = (None, "a", "b")
FOREVER = 1e6
"""Seconds after which a caller who waits for ever is cancelled all the same."""
QUIET = 8_000.0
"""Seconds after which every window, pause and lease is over."""


@dataclass(frozen=True)
class Attempt:
    """One run of a body."""

    before: float
    """Seconds until it calls the inner tool."""
    after: float
    """Seconds from there to its end; infinity hangs."""
    fails: bool = False
    inner: "Visit | None" = None
    steps: tuple[float, ...] = ()
    """Of a stream: seconds before each item."""


@dataclass(frozen=True)
class Visit:
    """One call of a tool; repeated by what repeats the body around it."""

    number: int
    tool: int
    attempts: tuple[Attempt, ...]
    price: float | None = None
    """US dollars it turns out to have cost."""
    takes: int = 99
    """Of a stream: items after which the consumer has enough."""
    drops: bool = False
    """Of a stream: whether the consumer then just forgets it, and does not close it."""
    pause: float = 0.0
    """Of a stream: seconds the consumer is busy with an item."""

    def attempt(self, bodies: int) -> Attempt:
        """What the body does in its n-th run."""
        return self.attempts[min(bodies, len(self.attempts)) - 1]


@dataclass(frozen=True)
class Arrival:
    """A caller."""

    at: float
    visit: Visit
    session: str | None = None
    cancelled_after: float = math.inf
    comes_back: bool = False
    """Whether it calls again exactly `retry_after` seconds after a refusal."""


@dataclass(frozen=True)
class Order:
    """A person does something to a tool: "reset", "isolate" or "close"."""

    at: float
    tool: int
    what: str


@dataclass(frozen=True)
class Tool:
    """How a tool is guarded, and what kind of function it is."""

    options: dict[str, Any] = field(default_factory=dict)
    is_stream: bool = False
    estimate: float | None = None
    """What `BudgetConfig.cost` says before the call. Used only where `is_priced`."""
    is_priced: bool = False


@dataclass(frozen=True)
class Schedule:
    """Everything that happens."""

    tools: tuple[Tool, ...]
    arrivals: tuple[Arrival, ...]
    orders: tuple[Order, ...] = ()
    is_sync: bool = False
    """Plain calls of plain functions, one after the other, on a clock that only they move."""

    def __str__(self) -> str:
        lines = [f"sync: {self.is_sync}"]
        for title in ("tools", "arrivals", "orders"):
            lines += [f"{title}[{number}] = {each}" for number, each in enumerate(getattr(self, title))]
        return "\n".join(lines)


def draw(seed: int) -> Schedule:
    """The schedule of a seed."""
    return _Drawing(random.Random(seed)).schedule()


class _Drawing:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.number = 0
        self.is_sync = rng.random() < 0.2

    def schedule(self) -> Schedule:
        rng = self.rng
        shared = self.gates()
        tools = tuple(self.tool(shared) for _ in range(rng.randint(1, 3)))
        spread = rng.choice((5.0, 20.0, 60.0))
        times = sorted(rng.uniform(0.1, spread) for _ in range(rng.randint(3, 16)))
        arrivals = [self.arrival(time, tools) for time in times]
        orders = [self.order(tools, spread) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
        # In the end each tool is called once more for every session: what was not given back would be missing now.
        end = QUIET
        for tool in range(len(tools)):
            for session in SESSIONS:
                end += QUIET
                arrivals.append(Arrival(end, self.visit(tools, tool, last=True), session))
        return Schedule(tools, tuple(arrivals), () if self.is_sync else tuple(orders), self.is_sync)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def gates(self) -> dict[str, Any]:
        """One config of each kind, for tools to share."""
        return {"circuit_breaker": self.breaker("k"), "rate_limit": self.rate("k"), "budget": self.budget("k")}

    def tool(self, shared: dict[str, Any]) -> Tool:
        rng = self.rng
        options: dict[str, Any] = {}
        makers = {"circuit_breaker": self.breaker, "rate_limit": self.rate, "budget": self.budget}
        for name, make in makers.items():
            if self.chance(0.6):
                options[name] = shared[name] if self.chance(0.3) else make(None)
        if self.chance(0.5):
            most_wait = 0.0 if self.is_sync else rng.choice((0.0, 3.0, 30.0))
            options["concurrency"] = ConcurrencyConfig(rng.randint(1, 3), max_wait=most_wait)
        if self.chance(0.5):
            options["retry"] = RetryConfig(
                rng.randint(1, 3),
                initial_delay=rng.uniform(0.05, 2.0),
                max_delay=rng.uniform(0.5, 4.0),
                backoff_factor=rng.choice((1.0, 2.0)),
                jitter=False,
                quota=self.chance(0.7),
            )
        if not self.is_sync and self.chance(0.5):
            attempt, total = rng.uniform(0.5, 4.0), rng.uniform(1.0, 12.0)
            which = rng.randint(0, 2)
            options["timeout_config"] = TimeoutConfig(
                None if which == 1 else attempt, total_seconds=None if which == 0 else total
            )
        estimate = rng.choice((None, 0.25, 0.5, 1.0))
        return Tool(options, not self.is_sync and self.chance(0.25), estimate, self.chance(0.4))

    def breaker(self, key: str | None) -> CircuitBreakerConfig:
        rng = self.rng
        slow = self.chance(0.3)
        return CircuitBreakerConfig(
            failure_threshold=rng.randint(1, 4),
            recovery_timeout=rng.uniform(1.0, 15.0),
            success_threshold=rng.randint(1, 2),
            failure_rate=rng.choice((None, None, 0.3, 0.5)),
            slow_call_seconds=rng.uniform(0.5, 3.0) if slow else None,
            slow_call_rate=0.5 if slow else None,
            window_seconds=rng.choice((5.0, 30.0)),
            min_calls=rng.randint(2, 5),
            half_open_permits=rng.randint(1, 2),
            on_open="warn" if self.chance(0.1) else "block",
            shared_key=key,
        )

    def rate(self, key: str | None) -> RateLimitConfig:
        rng = self.rng
        second = rng.choice((None, 0.5, 1.0, 3.0))
        minute = rng.choice((None, 6.0, 20.0))
        hour = rng.choice((None, 8.0, 2.5)) if second or minute else 40.0
        return RateLimitConfig(
            calls_per_second=second,
            calls_per_minute=minute,
            calls_per_hour=hour,
            burst=rng.randint(1, 4),
            max_wait=rng.choice((0.0, 0.0, 5.0, 100.0)),
            shared_key=key,
        )

    def budget(self, key: str | None) -> BudgetConfig:
        rng = self.rng
        return BudgetConfig(
            max_calls_per_session=rng.choice((None, 0, 2, 5, 9)),
            max_cost_per_session=rng.choice((1.0, 3.0, 6.0)),
            max_cost_per_call=rng.choice((None, None, 0.5, 2.0)),
            cost_per_call=rng.choice((None, 0.25, 0.5)),
            alert_threshold=rng.choice((0.5, 0.75, 1.0)),
            on_exceed="warn" if self.chance(0.1) else "block",
            shared_key=key,
        )

    def arrival(self, time: float, tools: tuple[Tool, ...]) -> Arrival:
        visit = self.visit(tools, self.rng.randrange(len(tools)))
        session = self.rng.choice(SESSIONS)
        # Whatever hangs is given up in the end.
        patience = self.rng.uniform(100.0, 900.0)
        if self.chance(0.25):
            patience = self.rng.uniform(0.01, 8.0)
        return Arrival(time, visit, session, patience, self.chance(0.15))

    def visit(self, tools: tuple[Tool, ...], tool: int, *, last: bool = False, depth: int = 0) -> Visit:
        rng = self.rng
        self.number += 1
        number = self.number
        attempts = tuple(
            self.attempt(tools, tool, last=last, depth=depth) for _ in range(1 if last else rng.randint(1, 3))
        )
        price = rng.choice((None, 0.125, 0.5, 1.5))
        takes, pause = rng.choice((1, 2, 99)), rng.uniform(0.1, 2.0)
        return Visit(number, tool, attempts, price, 99 if last else takes, drops=self.chance(0.5), pause=pause)

    def attempt(self, tools: tuple[Tool, ...], tool: int, *, last: bool, depth: int) -> Attempt:
        rng = self.rng
        before, after = rng.uniform(0.01, 1.5), rng.uniform(0.01, 1.5)
        steps = tuple(rng.uniform(0.01, 1.5) for _ in range(rng.randint(0, 3))) if tools[tool].is_stream else ()
        if last:
            return Attempt(before, after, steps=steps)
        if self.chance(0.1):
            after = rng.uniform(3.0, 20.0)
        elif not self.is_sync and self.chance(0.08):
            after = math.inf
        inner = None
        if depth < 2 and self.chance(0.15):
            inner = self.visit(tools, rng.randrange(len(tools)), depth=depth + 1)
        return Attempt(before, after, self.chance(0.4), inner, steps)

    def order(self, tools: tuple[Tool, ...], spread: float) -> Order:
        return Order(
            self.rng.uniform(0.5, spread),
            self.rng.randrange(len(tools)),
            self.rng.choice(("reset", "isolate", "close")),
        )


def smaller(schedule: Schedule) -> Iterator[Schedule]:
    """The schedule with one thing less, for each thing it could do without."""
    for title in ("arrivals", "orders"):
        things = getattr(schedule, title)
        for number in range(len(things)):
            yield replace(schedule, **{title: things[:number] + things[number + 1 :]})
    for number, arrival in enumerate(schedule.arrivals):
        for simpler in _simpler_arrivals(arrival):
            arrivals = (*schedule.arrivals[:number], simpler, *schedule.arrivals[number + 1 :])
            yield replace(schedule, arrivals=arrivals)
    for number, tool in enumerate(schedule.tools):
        for name in tool.options:
            fewer = {key: value for key, value in tool.options.items() if key != name}
            tools = (*schedule.tools[:number], replace(tool, options=fewer), *schedule.tools[number + 1 :])
            yield replace(schedule, tools=tools)


def _simpler_arrivals(arrival: Arrival) -> Iterator[Arrival]:
    visit = arrival.visit
    if arrival.comes_back:
        yield replace(arrival, comes_back=False)
    if arrival.cancelled_after < math.inf:
        yield replace(arrival, cancelled_after=math.inf)
    if len(visit.attempts) > 1:
        yield replace(arrival, visit=replace(visit, attempts=visit.attempts[:1]))
    for number, attempt in enumerate(visit.attempts):
        if attempt.inner is not None:
            for simpler in (attempt.inner.attempts[0], replace(attempt, inner=None)):
                attempts = (*visit.attempts[:number], simpler, *visit.attempts[number + 1 :])
                if simpler.inner is None:
                    yield replace(arrival, visit=replace(visit, attempts=attempts))
