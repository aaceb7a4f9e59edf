"""What the import costs, next to that of pydantic, which it needs. Wall time of fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from bench.meter import Row, Scale

_RUNS = 7


def rows(scale: Scale) -> Iterator[Row]:
    runs = min(_RUNS, scale.rounds)
    pydantic = _import_us("pydantic", runs)
    yield Row("import pydantic", pydantic, includes="compiled, in a process of its own")
    yield Row("import agentguard", _import_us("agentguard", runs), 2 * pydantic, includes="the same")


def _import_us(module: str, runs: int) -> float:
    program = f"import time; s = time.perf_counter(); import {module}; print(time.perf_counter() - s)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        # Compiled once, as an installed package is; the first of the runs compiles, and is not the fastest.
        environment["PYTHONPYCACHEPREFIX"] = folder
        times = [subprocess.check_output([sys.executable, "-c", program], env=environment) for _ in range(runs)]
    return min(float(seconds) for seconds in times) * 1e6
