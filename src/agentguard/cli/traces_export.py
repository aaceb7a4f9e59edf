"""`agentguard traces export`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from agentguard.cli import completion
from agentguard.cli.completion import TRACES_FOLDER
from agentguard.cli.trace_options import SessionId, Since, Status, StorePath, Text, Tool, Until, chosen, reading

if TYPE_CHECKING:
    from agentguard.tracing import Span, Store

_MOST_ON_A_PAGE: Final = 5_000
"""Spans on an HTML page when no limit is given: some 10 MB, which browsers still scroll."""


class Format(StrEnum):
    """What is written."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    HTML = "html"


def export(
    *,
    wanted: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="Session, trace or call, or the beginning of its id. Without one: everything.",
            autocompletion=completion.ids,
        ),
    ] = None,
    path: StorePath = TRACES_FOLDER,
    form: Annotated[
        Format, typer.Option("--format", "-f", help="html is one page that needs no network.")
    ] = Format.JSON,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file, readable by you only.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    tool: Tool = None,
    status: Status = None,
    session: SessionId = None,
    since: Since = None,
    until: Until = None,
    text: Text = None,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help="The newest so many spans.")] = None,
) -> None:
    """Write what was recorded as JSON, lines of JSON, a table of calls (CSV), or a page to look at (HTML).

    Without --output it goes to standard output. However large the store is, json, jsonl and csv take little memory; an
    HTML page has the newest 5,000 spans unless --limit says otherwise.
    """
    from agentguard.cli.output_file import writing
    from agentguard.cli.screen import refuse, say

    filters = chosen(tool=tool, status=status, session=session, since=since, until=until, text=text, limit=limit)
    try:
        with reading(path) as store, writing(output, is_forced=force) as file:
            for piece in _pieces(form, store, wanted, filters):
                file.write(piece)
    except FileExistsError:
        refuse(f"{str(output)!r} is there already. Choose another file, or replace it with --force.")
    except OSError as error:
        if output is None:
            raise  # a reader of the pipe that went away, which the command's main loop knows how to end
        refuse(f"Cannot write {str(output)!r}: {error.strerror or error}.")
    if output is not None:
        say(f"written to {str(output)!r}")


def _pieces(form: Format, store: Store, wanted: str | None, filters: dict[str, Any]) -> Iterator[str]:
    from agentguard.tracing.export import FORMATS

    if form is not Format.HTML:
        return FORMATS[form](_chosen(store, wanted, filters))
    from agentguard.tracing.html_page import html_page

    spans = list(_chosen(store, wanted, {"limit": _MOST_ON_A_PAGE + 1, **filters}))
    if "limit" in filters or len(spans) <= _MOST_ON_A_PAGE:
        return html_page(spans)
    return html_page(spans[1:], note=f"These are the newest {_MOST_ON_A_PAGE:,}; there are more.")


def _chosen(store: Store, wanted: str | None, filters: dict[str, Any]) -> Iterable[Span]:
    if wanted is None:
        return store.each_span(**filters)
    from agentguard.cli.screen import refuse
    from agentguard.cli.trace_lookup import UnknownIdError, find_spans
    from agentguard.tracing.query import Query

    query = Query(**filters)
    try:
        return query.newest([span for span in find_spans(store, wanted) if query.matches(span)])
    except UnknownIdError as error:
        refuse(str(error))
