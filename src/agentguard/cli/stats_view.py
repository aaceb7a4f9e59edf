"""How calls went, on the screen."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentguard.cli.screen import count, print_table
from agentguard.cli.session_table import moment_text
from agentguard.tracing import ToolStats, TraceStats
from agentguard.tracing.escaping import visible
from agentguard.tracing.wording import seconds_text

_LONGEST_NAME = 40
_NUMBERS = ("calls", "ok", "refused", "errors", "time-outs", "retried", "at once", "p50", "p95", "p99", "longest")


def print_stats(screen: Console, stats: TraceStats) -> None:
    """A row for each tool and one for all; then why calls were refused, and with which errors they ended."""
    if stats.first is None or stats.last is None:
        screen.print(Text("There are no such calls."))
        return
    span = f"{moment_text(stats.first)} to {moment_text(stats.last)}, {seconds_text(stats.last - stats.first)}"
    head = f"{count(stats.calls, 'call')} of {count(len(stats.by_tool), 'tool')}  {span}, at most {stats.peak} at once"
    screen.print(Text(head), soft_wrap=not screen.is_terminal)
    print_table(screen, _table(stats))
    reasons = [(tool, of_tool) for tool, of_tool in stats.by_tool.items() if of_tool.refused or of_tool.errors]
    if reasons:
        screen.print()
        print_table(screen, _reasons(reasons))


def _table(stats: TraceStats) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("tool", overflow="fold", min_width=8)
    for name in _NUMBERS:
        table.add_column(name, no_wrap=True, justify="right")
    for tool, of_tool in stats.by_tool.items():
        table.add_row(Text(visible(tool, _LONGEST_NAME), "bold"), *_numbers(of_tool))
    table.add_row(Text("all", "dim"), *_numbers(stats), style="dim")
    return table


def _numbers(stats: ToolStats) -> list[Text]:
    refused, errors = sum(stats.refused.values()), sum(stats.errors.values())
    return [
        Text(str(stats.calls)),
        _number(stats.succeeded, "green"),
        _number(refused, "yellow"),
        _number(errors, "red"),
        _number(stats.timeouts, "magenta"),
        _number(stats.retried, "cyan"),
        Text(str(stats.peak)),
        *(Text("-" if seconds is None else seconds_text(seconds)) for seconds in _durations(stats)),
    ]


def _durations(stats: ToolStats) -> tuple[float | None, ...]:
    return stats.p50, stats.p95, stats.p99, stats.longest


def _number(number: int, style: str) -> Text:
    return Text(str(number), style if number else "dim")


def _reasons(reasons: list[tuple[str, ToolStats]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("tool", "refused because of", "ended with"):
        table.add_column(name, overflow="fold")
    for tool, stats in reasons:
        table.add_row(Text(visible(tool, _LONGEST_NAME), "bold"), _counts(stats.refused), _counts(stats.errors))
    return table


def _counts(counts: Mapping[str, int]) -> Text:
    return Text(", ".join(f"{visible(name, _LONGEST_NAME)} {number}" for name, number in counts.items()) or "-")
