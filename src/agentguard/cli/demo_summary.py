"""The table at the end of the demo."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentguard.cli.demo_performance import Performance
from agentguard.tracing.escaping import visible


def print_summary(screen: Console, performances: Sequence[Performance]) -> None:
    """One line for each act: what was shown, what happened, calls, and how many were refused before the body ran."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), show_footer=True)
    calls = sum(len(performance.calls) for performance in performances)
    refused = sum(performance.refused for performance in performances)
    table.add_column("layer", no_wrap=True)
    table.add_column("shown", overflow="fold")
    table.add_column("what happened", overflow="fold")
    table.add_column("calls", str(calls), no_wrap=True, justify="right")
    table.add_column("not run", str(refused), no_wrap=True, justify="right")
    for performance in performances:
        act, failed = performance.act, performance.failed
        outcome = Text(visible(performance.outcome), "bold red" if failed else "")
        table.add_row(
            Text(act.title, "cyan"),
            Text(act.shows, "dim"),
            outcome,
            str(len(performance.calls)),
            str(performance.refused),
        )
    screen.print()
    screen.print(table)
    screen.print()
