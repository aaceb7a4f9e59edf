"""`agentguard traces show`."""

from __future__ import annotations

from typing import Annotated

import typer

from agentguard.cli import completion
from agentguard.cli.completion import TRACES_FOLDER
from agentguard.cli.trace_options import AsJson, Since, Status, StorePath, Text, Tool, Until, chosen, reading


def show(
    *,
    wanted: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="Session, trace or call, or the beginning of its id. Without one: the newest.",
            autocompletion=completion.ids,
        ),
    ] = None,
    path: StorePath = TRACES_FOLDER,
    tool: Tool = None,
    status: Status = None,
    since: Since = None,
    until: Until = None,
    text: Text = None,
    waterfall: Annotated[bool, typer.Option("--waterfall", help="Draw the calls on an axis of time.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Show each of many equal calls, and every attempt.")] = False,
    as_json: AsJson = False,
) -> None:
    """A session or a trace as a tree, with status, attempts and times.

    With filters: the calls that fit, inside the calls that made them.
    """
    from agentguard.cli.screen import open_screen, refuse
    from agentguard.cli.session_view import print_session, print_waterfall
    from agentguard.cli.trace_lookup import UnknownIdError, find_spans
    from agentguard.tracing.export import as_json as json_of
    from agentguard.tracing.query import Query
    from agentguard.tracing.tree import with_enclosing

    filters = chosen(tool=tool, status=status, since=since, until=until, text=text)
    with reading(path) as store:
        try:
            spans = find_spans(store, wanted)
        except UnknownIdError as error:
            refuse(f"{error} (in {str(path)!r})")
        spans = with_enclosing(spans, Query(**filters).matches) if filters else spans
    if as_json:
        for piece in json_of(spans):
            print(piece, end="")
    elif not spans:
        print("It has no such calls.")
    elif waterfall:
        print_waterfall(open_screen(), spans, attempts=every)
    else:
        print_session(open_screen(), spans, fold=not every)
