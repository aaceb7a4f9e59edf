"""One call on one line."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.text import Text

from agentguard.cli.trace_tree import STYLES, notes_of
from agentguard.tracing import Span
from agentguard.tracing.escaping import visible
from agentguard.tracing.wording import arguments_of, seconds_text, status_of

_LONGEST_NAME = 60
_LONGEST_SESSION = 24


def print_call(screen: Console, span: Span) -> None:
    """When the call ended, how, how long it took, what was called and what else is known; cut to a terminal's width."""
    ended = datetime.fromtimestamp(span.started_at + span.duration).astimezone()
    notes = notes_of(span)
    line = Text.assemble(
        (f"{ended:%H:%M:%S}  ", "dim"),
        (f"{status_of(span):<17}  ", STYLES[span.status]),
        f"{seconds_text(span.duration):>9}  ",
        (visible(span.name, _LONGEST_NAME), "bold"),
        arguments_of(span),
        (f"  {visible(span.session_id, _LONGEST_SESSION)}" if span.session_id is not None else "", "dim"),
        (f"  {notes}" if notes else "", "dim"),
    )
    if screen.is_terminal:
        screen.print(line, no_wrap=True, overflow="crop" if screen.options.ascii_only else "ellipsis")
    else:
        screen.print(line, soft_wrap=True)
        # In a pipe, whoever reads wants to see it now.
        screen.file.flush()
