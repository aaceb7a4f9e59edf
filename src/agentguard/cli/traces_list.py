"""`agentguard traces list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from agentguard.cli.completion import TRACES_FOLDER
from agentguard.cli.trace_options import AsJson, SessionId, Since, Status, StorePath, Text, Tool, Until, chosen, reading

if TYPE_CHECKING:
    from pathlib import Path

    from agentguard.tracing import SessionSummary


def list_sessions(
    *,
    path: StorePath = TRACES_FOLDER,
    tool: Tool = None,
    status: Status = None,
    session: SessionId = None,
    since: Since = None,
    until: Until = None,
    text: Text = None,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help="The newest so many sessions.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every recorded session, oldest first.

    With filters: the sessions that have such calls, and how many.
    """
    filters = chosen(tool=tool, status=status, session=session, since=since, until=until, text=text)
    with reading(path) as store:
        sessions = store.sessions(**filters, limit=limit)
    if as_json:
        import json

        print(json.dumps([_row(session) for session in sessions], indent=2))
        return
    _print(sessions, path, is_filtered=bool(filters))


def _print(sessions: list[SessionSummary], path: Path, *, is_filtered: bool) -> None:
    from rich.text import Text as Line

    from agentguard.cli.screen import open_screen, print_table
    from agentguard.cli.session_table import session_table
    from agentguard.tracing.escaping import visible

    screen = open_screen()
    if sessions:
        print_table(screen, session_table(sessions, screen))
    elif is_filtered:
        screen.print(Line(f"No session in {visible(str(path))} has such calls."))
    else:
        screen.print(Line(f"No session has been recorded in {visible(str(path))} yet."))


def _row(session: SessionSummary) -> dict[str, object]:
    return {
        "session_id": session.session_id,
        "started_at": session.started_at,
        "ended_at": session.last,
        "calls": session.calls,
        "errors": session.errors,
        "refused": session.refused,
    }
