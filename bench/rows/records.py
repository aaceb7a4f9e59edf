"""Calls that are recorded into a SQLite store: what the caller pays, and what the process pays until it can be read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

from agentguard import open_store, record_session
from bench.guards import EVERYTHING, Counted
from bench.meter import Row, Scale, Subject, awaiting, measure

DURABILITY = "durable"
"""What the budgets are meant for, and the default."""

_PATIENCE_SECONDS = 60.0
_NOTHING_ON_US = 1.5
_SPAN = f"the call's span with its payloads, in a SQLite store, {DURABILITY}"


def rows(scale: Scale) -> Iterator[Row]:
    counted = Counted()
    alone = {"effect": "read"}
    full = {**alone, "config": EVERYTHING}
    tools = (
        _Tool("recorded", counted.coroutine(**alone), _SPAN, limit_us=_NOTHING_ON_US + 5.0),
        _Tool(
            "recorded without payloads",
            counted.coroutine(**alone, capture_input=False, capture_output=False),
            "the call's span without arguments and result",
            limit_us=_NOTHING_ON_US + 3.0,
        ),
        _Tool(
            "everything, recorded",
            counted.coroutine(**full),
            f"all in-memory layers, and {_SPAN}",
            limit_of_span=0.60,
            limit_process_of_span=0.75,
        ),
        _Tool(
            "recorded, a write tool",
            counted.coroutine(effect="write"),
            "a start record as well, before the body",
            limit_us=_NOTHING_ON_US + 8.0,
        ),
        _Tool(
            "everything, recorded, a write tool",
            counted.coroutine(**{**full, "effect": "write"}),
            'the same, with `effect="write"`',
            limit_of_span=0.75,
        ),
        _Tool(
            "everything, recorded, a tool that waits",
            counted.suspending(**full),
            "the same, around a body that gives way to the event loop once",
            limit_of_span=0.75,
            span="one span, a tool that waits",
        ),
    )
    for tool in tools:
        yield _row(tool, counted, scale)


class _Tool:
    """A guarded tool and what is said of it in the table."""

    def __init__(self, name: str, call: Any, includes: str, **limits: Any) -> None:
        self.name = name
        self.call = call
        self.includes = includes
        self.limits = limits


def _row(tool: _Tool, counted: Counted, scale: Scale) -> Row:
    """The tool's row, recorded into a store of its own, from which every call is read back."""
    with tempfile.TemporaryDirectory() as folder, record_session(folder, durability=DURABILITY) as recorder:

        def settle() -> None:
            if not recorder.flush(_PATIENCE_SECONDS):
                msg = f"{tool.name}: the store did not take the records in {_PATIENCE_SECONDS} s"
                raise SystemExit(msg)

        return measure(
            Subject(
                tool.name,
                awaiting(tool.call),
                lambda: counted.runs,
                tool.includes,
                has_background=True,
                settle=settle,
                records=lambda: open_store(folder).stats().calls,
                **tool.limits,
            ),
            scale,
        )
