"""The rows of the matrix: what each layer does to one call, seen from outside.

A row names the stage of `ORDER` that it covers, or says "" for a layer that is not in it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.matrix.case import Case


class Row(NamedTuple):
    name: str
    stage: str
    check: Callable[[Case], None]
    marks: tuple[pytest.MarkDecorator, ...] = ()


ROWS: list[Row] = []

EXEMPT = {
    "VerdictGate": "a place only: guardrails come with a later issue",
    "Approval": "a place only: asking people comes with a later issue",
}
"""Stages of `ORDER` without a row, and why."""


def row(stage: str = "", *marks: pytest.MarkDecorator) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    def add(check: Callable[[Case], None]) -> Callable[[Case], None]:
        ROWS.append(Row(check.__name__, stage, check, marks))
        return check

    return add


class Spy:
    """A function of the user's that counts its calls, sync or (really waiting) async, and then does as it is told."""

    def __init__(self, act: Callable[..., Any] = lambda *_: None) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self._act = act

    def sync(self, *args: Any) -> Any:
        self.seen.append(args)
        return self._act(*args)

    async def asynchronous(self, *args: Any) -> Any:
        await asyncio.sleep(0)
        return self.sync(*args)
