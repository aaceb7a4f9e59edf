"""`agentguard traces`: what was recorded. Each of its commands has a file."""

from __future__ import annotations

import typer

from agentguard.cli import traces_export, traces_list, traces_recover, traces_show, traces_stats, traces_tail

app = typer.Typer(name="traces", no_args_is_help=True, help="Look at recorded sessions.")
app.command("list")(traces_list.list_sessions)
app.command("show")(traces_show.show)
app.command("stats")(traces_stats.show_stats)
app.command("tail")(traces_tail.tail)
app.command("export")(traces_export.export)
app.command("recover")(traces_recover.recover)
