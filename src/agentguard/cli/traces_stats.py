"""`agentguard traces stats`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agentguard.cli.completion import TRACES_FOLDER
from agentguard.cli.trace_options import AsJson, SessionId, Since, Status, StorePath, Text, Tool, Until, chosen, reading

if TYPE_CHECKING:
    from agentguard.tracing import ToolStats, TraceStats


def show_stats(
    *,
    path: StorePath = TRACES_FOLDER,
    tool: Tool = None,
    status: Status = None,
    session: SessionId = None,
    since: Since = None,
    until: Until = None,
    text: Text = None,
    as_json: AsJson = False,
) -> None:
    """How the calls went, in numbers: for each tool and over all.

    Durations are those of calls that were not refused, the whole guard included; exact up to 10,000 calls of a tool,
    within half a percent beyond.
    """
    filters = chosen(tool=tool, status=status, session=session, since=since, until=until, text=text)
    with reading(path) as store:
        stats = store.stats(**filters)
    if as_json:
        import json

        print(json.dumps(_row_of_all(stats), indent=2))
        return
    from agentguard.cli.screen import open_screen
    from agentguard.cli.stats_view import print_stats

    print_stats(open_screen(), stats)


def _row_of_all(stats: TraceStats) -> dict[str, Any]:
    by_tool = {tool: _row(of_tool) for tool, of_tool in stats.by_tool.items()}
    whole = {"first": stats.first, "last": stats.last, "peak_at": stats.peak_at}
    return {**_row(stats), **whole, "by_tool": by_tool}


def _row(stats: ToolStats) -> dict[str, Any]:
    known = asdict(stats)
    counted = {"succeeded": stats.succeeded, "timeouts": stats.timeouts, "cancelled": stats.cancelled}
    return {name: known[name] for name in _FIELDS} | counted


_FIELDS = (
    "calls", "by_status", "refused", "errors", "attempts", "retried", "peak", "p50", "p95", "p99", "longest"
)  # fmt: skip
