"""Recorded sessions as a table."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentguard.tracing import SessionSummary
from agentguard.tracing.escaping import visible
from agentguard.tracing.wording import seconds_text

_WIDTH_OF_THE_REST = 56


def session_table(sessions: list[SessionSummary], screen: Console) -> Table:
    """A session a row: when it began, how many calls, errors and refusals, and how long it took."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    # Where an id is cut, what is left is its beginning, which `show` takes.
    table.add_column("session", no_wrap=True, max_width=max(10, screen.width - _WIDTH_OF_THE_REST))
    for name in ("started", "calls", "errors", "refused", "took"):
        table.add_column(name, no_wrap=True, justify="left" if name == "started" else "right")
    for session in sessions:
        table.add_row(
            Text(visible(session.session_id), "bold") if session.session_id is not None else Text("(none)", "dim"),
            moment_text(session.started_at),
            str(session.calls),
            Text(str(session.errors), "red" if session.errors else "dim"),
            Text(str(session.refused), "yellow" if session.refused else "dim"),
            seconds_text(session.last - session.started_at),
        )
    return table


def moment_text(seconds: float) -> str:
    """A wall-clock time for people, in this machine's time zone."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
