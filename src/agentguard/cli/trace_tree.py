"""A recorded session as a tree, in columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from rich.console import Console, OverflowMethod
from rich.table import Table
from rich.text import Text

from agentguard.tracing import Span, TraceNode
from agentguard.tracing.escaping import visible
from agentguard.tracing.wording import arguments_of, seconds_text, status_of

STYLES: Final = {
    "ok": "green",
    "stopped_early": "green",
    "denied": "yellow",
    "error": "red",
    "timeout": "magenta",
    "cancelled": "cyan",
    "unknown": "dim",
}
"""The colour of each status of a span."""
_WIDEST_CALL: Final = 60
_NARROWEST_CALL: Final = 8
_NARROWEST_NOTE: Final = 30
_WIDTH_OF_NUMBERS: Final = 50
"""Columns for everything but the call and the notes."""
_FEWEST_ALIKE: Final = 4
"""So many equal calls one after the other are shown as one."""
_DEEPEST: Final = 24
"""Levels that are drawn; what is deeper stands at the last of them."""
_LONGEST_NAME: Final = 60
_LONGEST_NOTE: Final = 160
_NOTED: Final = {
    "casts": "cast {}",
    "rate_limit_wait": "queued {} s",
    "truncated": "truncated",
    "items": "{} items",
    "loop": "loop {}",
    "cost": "{} USD",
}
"""Attributes that are shown, and how."""
_UNICODE: Final = ("├─ ", "└─ ", "│  ")
_ASCII: Final = ("+- ", "`- ", "|  ")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a tree."""

    guides: str
    """The lines that lead to it."""
    alike: Sequence[TraceNode]
    """The node that the row shows, and those that are like it."""

    @property
    def spans(self) -> list[Span]:
        """The spans of these nodes."""
        return [node.span for node in self.alike]


def tree_table(screen: Console, nodes: Sequence[TraceNode], *, fold: bool = True) -> Table:
    """What was called, inside what, how it ended, in how many attempts, when and how long it took.

    Args:
        screen: Decides between lines and ASCII, and whether there is room for notes.
        nodes: The outermost calls.
        fold: Show four or more equal calls in a row as one; False shows each.
    """
    rows = list(tree_rows(screen, nodes, fold=fold, attempts=not fold))
    labels = [label_of(row) for row in rows]
    began = min((node.span.started_at for node in nodes), default=0.0)
    room = max(_NARROWEST_CALL, screen.width - _WIDTH_OF_NUMBERS)
    widest = min(_WIDEST_CALL, room, max((label.cell_len for label in labels), default=0))
    has_notes = room - widest >= _NARROWEST_NOTE

    cut: OverflowMethod = "crop" if screen.options.ascii_only else "ellipsis"
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("call", no_wrap=True, overflow=cut, max_width=widest)
    table.add_column("status", no_wrap=True)
    for name in ("tries", "at", "took"):
        table.add_column(name, no_wrap=True, justify="right")
    if has_notes:
        table.add_column("notes", no_wrap=True, overflow=cut, max_width=room - widest)
    for row, label in zip(rows, labels, strict=True):
        first = row.spans[0]
        status = Text(status_of(first), STYLES[first.status])
        notes = [Text(notes_of(first), "dim")] if has_notes else []
        table.add_row(label, status, _tries(row.spans), _at(first, began), _took(row.spans), *notes)
    return table


def tree_rows(screen: Console, nodes: Sequence[TraceNode], *, fold: bool, attempts: bool) -> Iterator[Row]:
    """The tree from top to bottom. Without recursion: a damaged or a hostile store may be very deep.

    Args:
        screen: Decides between lines and ASCII.
        nodes: The outermost calls.
        fold: Make one row of four or more equal calls in a row.
        attempts: Give also an only attempt, which is as good as the call itself.
    """
    fork, end, down = _ASCII if screen.options.ascii_only else _UNICODE
    stack = [("", "", alike) for alike in reversed(_folded(nodes, fold=fold))]
    while stack:
        before, joint, alike = stack.pop()
        yield Row(before + joint, alike)
        below = before + {"": "", fork: down, end: "   "}[joint]
        inside = _folded(alike[0].children if attempts else _worth_showing(alike[0]), fold=fold)
        joints = [fork] * (len(inside) - 1) + [end]
        room = below if len(below) < _DEEPEST * len(down) else before
        stack += [(room, *each) for each in reversed(list(zip(joints, inside, strict=False)))]


def _worth_showing(node: TraceNode) -> Sequence[TraceNode]:
    """What is inside; not an only attempt, which is as good as the call itself."""
    inside = node.children
    is_only_attempt = len(inside) == 1 and inside[0].span.kind == "attempt" and not inside[0].children
    return () if is_only_attempt else inside


def _folded(nodes: Sequence[TraceNode], *, fold: bool) -> list[list[TraceNode]]:
    """The nodes, with those that are alike together."""
    if not fold:
        return [[node] for node in nodes]
    folded: list[list[TraceNode]] = []
    for _, group in groupby(nodes, _likeness):
        alike = list(group)
        folded += [alike] if len(alike) >= _FEWEST_ALIKE else [[node] for node in alike]
    return folded


def _likeness(node: TraceNode) -> object:
    # What has something inside is like nothing else.
    span = node.span
    return (id(node),) if _worth_showing(node) else (span.kind, span.name, status_of(span))


def label_of(row: Row) -> Text:
    """Name and arguments, behind the lines that lead to it."""
    span = row.spans[0]
    text = Text()
    text.append(row.guides, "dim")
    if len(row.alike) > 1:
        text.append(f"{len(row.alike)} x ", "bold yellow")
    text.append(visible(span.name, _LONGEST_NAME), "bold" if span.kind == "tool" else "")
    if span.kind == "tool":
        differ = any(other.input_json != span.input_json for other in row.spans)
        text.append("(...)" if differ else arguments_of(span))
    return text


def _tries(spans: Sequence[Span]) -> str:
    """How often the body ran; of several calls the most. A last attempt that was refused is none."""
    calls = [span.attributes for span in spans if span.kind == "tool"]
    tries = [_whole(call.get("attempts", 1)) - (call.get("ran") is False) for call in calls]
    return str(max(tries)) if tries else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _at(span: Span, began: float) -> str:
    return f"{max(0.0, span.started_at - began):.2f} s"


def _took(spans: Sequence[Span]) -> str:
    """How long it took; of several the longest."""
    longest = seconds_text(max(span.duration for span in spans))
    return longest if len(spans) == 1 else f"max {longest}"


def _text_of(span: Span, error: dict[str, Any]) -> str:
    """What an error says; with its class where the status does not tell as much."""
    message = str(error.get("message"))
    return f"{error.get('type')}: {message}" if span.status == "error" else message


def notes_of(span: Span) -> str:
    """What else is worth knowing, most important first. A store is a file like any other: nothing in it is certain."""
    attributes, error = span.attributes, span.error
    notes = [_text_of(span, error)] if isinstance(error, dict) else []
    for name, note in _NOTED.items():
        if attributes.get(name):
            notes.append(note.format(json.dumps(attributes[name], ensure_ascii=False)))
    return visible("; ".join(notes), _LONGEST_NOTE)
