"""`agentguard traces`: what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentguard.cli.escaping import visible
from agentguard.cli.screen import count, open_screen, print_table, refuse
from agentguard.cli.trace_lookup import UnknownIdError, find_spans
from agentguard.cli.trace_tree import seconds_text, tree_table
from agentguard.errors import StorageError
from agentguard.tracing import SessionSummary, Span, Store, open_store
from agentguard.tracing.tree import tree_of

app = typer.Typer(name="traces", no_args_is_help=True, help="Look at recorded sessions.")

StorePath = Annotated[Path, typer.Option("--path", help="Folder of the traces, or one of its files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_WIDTH_OF_THE_REST = 46

TRACES_FOLDER = Path("traces")


@app.command("list")
def list_sessions(path: StorePath = TRACES_FOLDER, as_json: AsJson = False) -> None:
    """Every recorded session, oldest first."""
    with _store(path) as store:
        sessions = store.sessions()
    if as_json:
        print(json.dumps([_session_row(session) for session in sessions], indent=2))
        return
    screen = open_screen()
    if not sessions:
        screen.print(Text(f"No session has been recorded in {visible(str(path))} yet."))
        return
    print_table(screen, _session_table(sessions, screen))


@app.command("show")
def show_session(
    wanted: Annotated[str, typer.Argument(metavar="ID", help="Session or trace, or the beginning of its id.")],
    path: StorePath = TRACES_FOLDER,
    as_json: AsJson = False,
    every: Annotated[bool, typer.Option("--all", help="Show each of many equal calls in a row.")] = False,
) -> None:
    """A session or a trace as a tree, with status, attempts and times."""
    with _store(path) as store:
        try:
            spans = find_spans(store, wanted)
        except UnknownIdError as error:
            refuse(f"{error} (in {str(path)!r})")
    if as_json:
        print(json.dumps([_span_row(span) for span in spans], indent=2))
        return
    print_session(open_screen(), spans, fold=not every)


def print_session(screen: Console, spans: list[Span], *, fold: bool = True) -> None:
    """Print the spans of one session or trace as a tree, under a line that sums them up."""
    first = spans[0]
    calls = [span for span in spans if span.kind == "tool"]
    took = max(span.started_at + span.duration for span in spans) - first.started_at
    head = Text.assemble(
        _title(spans),
        (f"  {_moment(first.started_at)}  ", "dim"),
        f"{count(len(calls), 'call')}, {sum(span.status == 'ok' for span in calls)} ok, {seconds_text(took)}",
    )
    screen.print(head, soft_wrap=not screen.is_terminal)
    print_table(screen, tree_table(screen, tree_of(spans), fold=fold))


def _title(spans: list[Span]) -> Text:
    """Which session it is, and which trace if it is only one."""
    traces, session = {span.trace_id for span in spans}, spans[0].session_id
    title = Text()
    if session is not None:
        title.append("session ", "dim").append(visible(session), "bold")
    if len(traces) == 1 or session is None:
        title.append(" trace " if title else "trace ", "dim").append(visible(spans[0].trace_id), "bold")
    return title


@contextmanager
def _store(path: Path) -> Iterator[Store]:
    """The store at `path`; what is wrong with it ends the command."""
    try:
        yield open_store(path)
    except StorageError as error:
        refuse(str(error))


def _session_table(sessions: list[SessionSummary], screen: Console) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    # Where an id is cut, what is left is its beginning, which `show` takes.
    table.add_column("session", no_wrap=True, max_width=max(10, screen.width - _WIDTH_OF_THE_REST))
    for name in ("started", "calls", "errors", "took"):
        table.add_column(name, no_wrap=True, justify="left" if name == "started" else "right")
    for session in sessions:
        table.add_row(
            Text(visible(session.session_id), "bold") if session.session_id is not None else Text("(none)", "dim"),
            _moment(session.started_at),
            str(session.calls),
            Text(str(session.errors), "red" if session.errors else "dim"),
            seconds_text(session.last - session.started_at),
        )
    return table


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _session_row(session: SessionSummary) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "started_at": session.started_at,
        "ended_at": session.last,
        "calls": session.calls,
        "errors": session.errors,
    }


_SPAN_FIELDS = (
    "span_id", "trace_id", "parent_id", "session_id", "kind", "name", "started_at", "duration", "status",
    "input", "output", "error", "attributes", "events",
)  # fmt: skip


def _span_row(span: Span) -> dict[str, Any]:
    return {name: getattr(span, name) for name in _SPAN_FIELDS}
