"""One recorded session or trace on the screen."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from agentguard.cli.screen import count, print_table
from agentguard.cli.session_table import moment_text
from agentguard.cli.trace_tree import tree_table
from agentguard.cli.waterfall import waterfall_table
from agentguard.tracing import Span
from agentguard.tracing.escaping import visible
from agentguard.tracing.timeline import timeline_of
from agentguard.tracing.tree import tree_of
from agentguard.tracing.wording import seconds_text


def print_session(screen: Console, spans: list[Span], *, fold: bool = True) -> None:
    """Print the spans of one session or trace as a tree, under a line that sums them up."""
    _print_head(screen, spans)
    print_table(screen, tree_table(screen, tree_of(spans), fold=fold))


def print_waterfall(screen: Console, spans: list[Span], *, attempts: bool = False) -> None:
    """Print the spans of one session or trace on an axis of time, under a line that sums them up.

    With `attempts`, also the only attempts of calls.
    """
    timeline = timeline_of(spans)
    _print_head(screen, spans, f", at most {timeline.peak} at once")
    print_table(screen, waterfall_table(screen, tree_of(spans), timeline, attempts=attempts))


def _print_head(screen: Console, spans: list[Span], more: str = "") -> None:
    first = spans[0]
    calls = [span for span in spans if span.kind == "tool"]
    took = max(span.started_at + span.duration for span in spans) - first.started_at
    went_well = sum(span.status == "ok" for span in calls)
    head = Text.assemble(
        _title(spans),
        (f"  {moment_text(first.started_at)}  ", "dim"),
        f"{count(len(calls), 'call')}, {went_well} ok, {seconds_text(took)}{more}",
    )
    screen.print(head, soft_wrap=not screen.is_terminal)


def _title(spans: list[Span]) -> Text:
    """Which session it is, and which trace if it is only one."""
    traces, session = {span.trace_id for span in spans}, spans[0].session_id
    title = Text()
    if session is not None:
        title.append("session ", "dim").append(visible(session), "bold")
    if len(traces) == 1 or session is None:
        title.append(" trace " if title else "trace ", "dim").append(visible(spans[0].trace_id), "bold")
    return title
