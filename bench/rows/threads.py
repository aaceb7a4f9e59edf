"""Many blocking calls at once, under an event loop: wall time, because waiting is what they are made of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from agentguard import guard
from bench.meter import Row, Scale, check

_TRIES = 3


def rows(scale: Scale) -> Iterator[Row]:
    tries = [asyncio.run(_burst(scale.calls)) for _ in range(min(_TRIES, scale.rounds))]
    elapsed, lag = min(tries)
    name = f"{scale.calls:,} acalls of 50 ms blocking, wall"
    includes = "`acall` of a plain function that sleeps, all at once, on a warm pool"
    yield Row(name, elapsed * 1e6, 500_000, includes=includes, count_expected=scale.calls, count_seen=scale.calls)
    yield Row("  the event loop's lag meanwhile", lag * 1e6, 20_000, includes="by how much a timer of 1 ms was late")


async def _burst(calls: int) -> tuple[float, float]:
    """Seconds until all calls were back, and by how much the loop was late meanwhile."""

    @guard
    def blocking(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    await asyncio.gather(*(blocking.acall(0.0) for _ in range(calls)))
    lags = [0.0]
    watch = asyncio.ensure_future(_watch(lags))
    started = time.perf_counter()
    answers = await asyncio.gather(*(blocking.acall(0.05) for _ in range(calls)))
    elapsed = time.perf_counter() - started
    watch.cancel()
    check("acalls", len(answers), calls)
    return elapsed, max(lags)


async def _watch(lags: list[float]) -> None:
    """Note by how many seconds each timer of 1 ms was late."""
    while True:
        due = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        lags.append(time.perf_counter() - due)
