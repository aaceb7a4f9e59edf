"""Recorded calls on an axis of time, so that one sees which ran at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console, OverflowMethod
from rich.table import Table
from rich.text import Text

from agentguard.cli.trace_tree import STYLES, label_of, tree_rows
from agentguard.tracing import Span, TraceNode
from agentguard.tracing.timeline import Timeline
from agentguard.tracing.wording import seconds_text, status_of

_WIDEST_CALL: Final = 44
_NARROWEST_BAR: Final = 10
_WIDEST_BAR: Final = 100
_WIDTH_OF_THE_REST: Final = 32
"""Columns for status, duration and what is between."""
_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_DIGITS: Final = " 123456789"


def waterfall_table(
    screen: Console, nodes: Sequence[TraceNode], timeline: Timeline, *, attempts: bool = False
) -> Table:
    """A call a row, as a bar from where it began to where it ended; in the last row, how many ran at once.

    Args:
        screen: Decides between blocks and ASCII, and how wide the bars are.
        nodes: The outermost calls.
        timeline: The time that they cover.
        attempts: Show also the only attempts of calls.
    """
    rows = list(tree_rows(screen, nodes, fold=False, attempts=attempts))
    labels = [label_of(row) for row in rows]
    room = max(_NARROWEST_BAR + 10, screen.width - _WIDTH_OF_THE_REST)
    widest = min(_WIDEST_CALL, max(len("calls at once"), *(label.cell_len for label in labels)), room // 2)
    bar = max(_NARROWEST_BAR, min(_WIDEST_BAR, room - widest))
    is_ascii = screen.options.ascii_only
    cut: OverflowMethod = "crop" if is_ascii else "ellipsis"
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("call", no_wrap=True, overflow=cut, max_width=widest)
    table.add_column("status", no_wrap=True)
    table.add_column("took", no_wrap=True, justify="right")
    table.add_column(_axis(bar, timeline.seconds), no_wrap=True, overflow="crop", min_width=bar)
    for row, label in zip(rows, labels, strict=True):
        span = row.spans[0]
        style = STYLES[span.status]
        drawn = Text(_bar(span, timeline, bar, mark="=" if is_ascii else "█"), style)
        table.add_row(label, Text(status_of(span), style), seconds_text(span.duration), drawn)
    table.add_row(Text("calls at once", "dim"), "", "", Text(_at_once(timeline, bar, is_ascii=is_ascii), "dim"))
    return table


def _axis(columns: int, seconds: float) -> str:
    end = seconds_text(seconds)
    return f"0{end:>{max(1, columns - 1)}}"


def _bar(span: Span, timeline: Timeline, columns: int, *, mark: str) -> str:
    """At least one column, so that the shortest call is seen."""
    start, end = timeline.place(span)
    first = min(columns - 1, int(start * columns))
    last = max(first + 1, min(columns, round(end * columns)))
    return " " * first + mark * (last - first)


def _at_once(timeline: Timeline, columns: int, *, is_ascii: bool) -> str:
    marks, peak = (_DIGITS if is_ascii else _LEVELS), max(1, timeline.peak)
    if is_ascii:
        return "".join(marks[min(level, 9)] for level in timeline.at_once(columns))
    # Rounded up: one call must not look like none.
    return "".join(marks[-(-level * (len(marks) - 1) // peak)] for level in timeline.at_once(columns))
