"""What is measured of agentguard, by topic. Each topic is a module whose `rows(scale)` yields its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.meter import Row, Scale
from bench.rows import calls, imports, items, records, threads

TOPICS: dict[str, Callable[[Scale], Iterator[Row]]] = {
    "calls": calls.rows,
    "records": records.rows,
    "items": items.rows,
    "threads": threads.rows,
    "imports": imports.rows,
}
"""In the order of the table."""
