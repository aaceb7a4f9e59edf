"""awesome-agentguard: `@guard` with what it offers.

Async tools are called through `acall`: awaited directly, they would pass most of its guard by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bench.meter import Batch, Subject, awaiting, calling
from bench.program import RETRIES, Counter, echoes, forbid_network, report

forbid_network()

from agentguard import BudgetConfig, CircuitBreakerConfig, RateLimitConfig, TraceStore, guard  # noqa: E402

_PLENTY = 10**9
_FEW = 200
"""Calls in a round of the slow rows."""
_FEWER = 50
"""Calls in a round of the slowest."""
_FULL = "validation in and out, retries, time-out, budget, one rate, breaker, hooks"
_NOTE = (
    "its verify_response is left out, because it fails inside and is skipped; "
    "it has no loop guard, concurrency limit or limit on results; it writes its records inside the call"
)


def everything() -> dict[str, Any]:
    """Its in-memory layers, with limits that no call reaches; breaker, budget and rate are of this tool only."""
    return {
        "validate_input": True,
        "validate_output": True,
        "max_retries": RETRIES,
        "timeout": 30.0,
        "budget": BudgetConfig(max_calls_per_session=_PLENTY, max_cost_per_session=1e9, cost_per_call=0.001),
        "rate_limit": RateLimitConfig(calls_per_second=1e7, burst=_PLENTY),
        "circuit_breaker": CircuitBreakerConfig(),
        "before_call": lambda _call: None,
        "after_call": lambda _call, _result: None,
    }


def subjects() -> Iterator[Subject]:
    counter = Counter()
    echo, aecho = echoes(counter)

    def asynchronous(**options: Any) -> Batch:
        return awaiting(guard(**options)(aecho).acall)

    def synchronous(**options: Any) -> Batch:
        return calling(guard(**options)(echo))

    yield Subject("nothing on, async", asynchronous(), counter.ran, "`@guard()`, `acall`")
    yield Subject("nothing on, sync", synchronous(), counter.ran, "`@guard()`")
    full = _FULL
    yield Subject("all in-memory layers, async", asynchronous(**everything()), counter.ran, full, calls=_FEW)
    threaded = f"{full}; a thread for each call"
    yield Subject(
        "all in-memory layers, sync",
        synchronous(**everything()),
        counter.ran,
        threaded,
        has_background=True,
        calls=_FEW,
    )
    yield from _recorded(counter, asynchronous)


def _recorded(counter: Counter, asynchronous: Callable[..., Batch]) -> Iterator[Subject]:
    for name, options, includes in (
        ("recorded", {}, "`record=True` into SQLite"),
        ("everything, recorded", everything(), f"{_FULL}, and `record=True`"),
    ):
        folder = f"./traces-{len(options)}"
        store = TraceStore(folder, backend="sqlite")
        yield Subject(
            name,
            asynchronous(record=True, trace_dir=folder, **options),
            counter.ran,
            includes,
            records=lambda store=store: len(store.read_all()),
            # Each call counts the records of its session, so a larger store would make them slower.
            calls=_FEWER,
        )


if __name__ == "__main__":
    report("awesome-agentguard", subjects(), note=_NOTE)
