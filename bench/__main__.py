"""Prints the table of what a guarded call costs, with the design's budgets. `--json` prints the figures alone."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from agentguard import TimeoutConfig
from bench.guards import EVERYTHING, Counted, pass_on
from bench.meter import ARGUMENTS, ROUNDS, Row, awaiting, calling, time_batch

REFERENCE_BARE_US = 0.12
"""A bare await on the machine for which the budgets were set. The same budgets, as ratios, hold on every machine."""

_NO_CALL_US = 1_000
"""What takes longer is no guarded call, but a burst of them or an import; it is shown in milliseconds."""

_ITEMS = 1_000
_INLINE = EVERYTHING.merged({"timeout_config": TimeoutConfig(30.0, isolation="inline")})


def main() -> None:
    """Measure and print; exit code 1 when a budget is exceeded by both measures."""
    bare = _bare()
    rows = [bare, *_calls(), *_items(), *_threads(), *_imports()]
    if "--json" in sys.argv:
        print(json.dumps([row.__dict__ for row in rows], indent=2))
        return
    print(f"Python {platform.python_version()}, {platform.machine()}; caller's CPU, best of {ROUNDS} rounds\n")
    print(f"{'':44}{'us':>9}{'x bare':>9}{'limit us':>10}{'x bare':>9}")
    over = [row.name for row in rows if not _print_row(row, bare.us)]
    if over:
        print(f"\nover budget: {', '.join(over)}")
        raise SystemExit(1)


def _print_row(row: Row, bare_us: float) -> bool:
    """Print one line; whether the row is within its budget, in microseconds or as a ratio to the bare await."""
    if row.us > _NO_CALL_US:
        limit = "" if row.limit_us is None else f"{row.limit_us / 1_000:10.1f}"
        is_within = row.limit_us is None or row.us <= row.limit_us
        print(f"{row.name:44}{row.us / 1_000:9.1f}{'ms':>9}{limit}{'' if is_within else '  OVER'}")
        return is_within
    ratio = row.us / bare_us
    if row.limit_us is None:
        print(f"{row.name:44}{row.us:9.2f}{ratio:9.1f}")
        return True
    limit_ratio = row.limit_us / REFERENCE_BARE_US
    is_within = row.us <= row.limit_us or ratio <= limit_ratio
    verdict = "" if is_within else "  OVER"
    print(f"{row.name:44}{row.us:9.2f}{ratio:9.1f}{row.limit_us:10.2f}{limit_ratio:9.1f}{verdict}")
    return is_within


def _bare() -> Row:
    async def echo(query: str, limit: int = 5) -> str:
        return query

    return Row("bare await", time_batch(awaiting(echo)))


def _calls() -> Iterator[Row]:
    counted = Counted()
    rows: list[tuple[str, float | None, Callable[[], float]]] = [
        ("nothing on, async", 1.5, lambda: time_batch(awaiting(counted.coroutine()))),
        ("nothing on, sync", 1.5, lambda: time_batch(calling(counted.function()))),
        ("ten empty layers", 4.0, lambda: time_batch(awaiting(counted.coroutine(middleware=[pass_on] * 10)))),
        ("all in-memory layers, async", 7.0, lambda: time_batch(awaiting(counted.coroutine(config=EVERYTHING)))),
        (
            "all in-memory layers, sync",
            7.0,
            lambda: time_batch(calling(counted.function(config=_INLINE))),
        ),
    ]
    for name, limit_us, measure in rows:
        counted.runs = 0
        us = measure()
        _check(name, counted.runs, len(ARGUMENTS) * (ROUNDS + 1))
        yield Row(name, us, limit_us)


def _items() -> Iterator[Row]:
    counted = Counted()
    for name, limit_us, options in (
        ("one more item, no layers", 0.5, {}),
        ("one more item, ten layers", 0.8, {"middleware": [pass_on] * 10}),
    ):
        stream = counted.async_generator(_ITEMS, **options)

        async def consume(stream: object = stream) -> None:
            async for _ in stream(""):  # type: ignore[operator]  # built by a factory without types
                pass

        yield Row(name, time_batch(consume, calls=_ITEMS), limit_us)


def _threads() -> Iterator[Row]:
    from agentguard import guard  # noqa: PLC0415 - next to what it measures

    @guard
    def blocking(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    async def burst() -> tuple[float, float]:
        await asyncio.gather(*(blocking.acall(0.0) for _ in range(1_000)))
        lag = asyncio.ensure_future(_worst_lag())
        started = time.perf_counter()
        answers = await asyncio.gather(*(blocking.acall(0.05) for _ in range(1_000)))
        elapsed = time.perf_counter() - started
        _check("1,000 acalls", len(answers), 1_000)
        lag.cancel()
        return elapsed, _worst[0]

    tries = [asyncio.run(burst()) for _ in range(3)]
    elapsed, lag = min(tries)
    yield Row("1,000 acalls of 50 ms blocking, wall", elapsed * 1e6, 500_000)
    yield Row("  the event loop's lag meanwhile", lag * 1e6, 20_000)


_worst = [0.0]


async def _worst_lag() -> None:
    """Note by how much a timer of 1 ms was late, at worst."""
    _worst[0] = 0.0
    while True:
        due = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        _worst[0] = max(_worst[0], time.perf_counter() - due)


def _imports() -> Iterator[Row]:
    pydantic = _import_us("pydantic")
    yield Row("import pydantic", pydantic)
    yield Row("import agentguard", _import_us("agentguard"), 2 * pydantic)


def _import_us(module: str) -> float:
    program = f"import time; s = time.perf_counter(); import {module}; print(time.perf_counter() - s)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        # Compiled once, as an installed package is; the first of the runs compiles, and is not the fastest.
        environment["PYTHONPYCACHEPREFIX"] = folder
        runs = [subprocess.check_output([sys.executable, "-c", program], env=environment) for _ in range(7)]
    return min(float(run) for run in runs) * 1e6


def _check(name: str, seen: int, wanted: int) -> None:
    if seen != wanted:
        msg = f"{name}: {seen} calls ran instead of {wanted}; the figure would mean nothing"
        raise SystemExit(msg)


if __name__ == "__main__":
    main()
