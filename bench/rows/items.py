"""One more item of a guarded stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.guards import Counted, pass_on
from bench.meter import Batch, Row, Scale, Subject, measure


def rows(scale: Scale) -> Iterator[Row]:
    counted = Counted()
    layers: list[Any] = [pass_on] * 10
    for name, limit_us, batch in (
        ("one more item, no layers", 0.5, _consuming(counted.async_generator())),
        ("one more item, ten layers", 0.8, _consuming(counted.async_generator(middleware=layers))),
        ("one more item, no layers, sync", 0.5, _iterating(counted.generator())),
    ):
        yield measure(Subject(name, batch, lambda: counted.runs, "an item of a stream", limit_us=limit_us), scale)


def _consuming(stream: Any) -> Batch:
    async def batch(arguments: Sequence[str]) -> None:
        async for _ in stream(arguments):
            pass

    return batch


def _iterating(stream: Any) -> Batch:
    async def batch(arguments: Sequence[str]) -> None:
        for _ in stream(arguments):
            pass

    return batch
