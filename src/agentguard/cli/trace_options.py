"""Options that the commands about traces share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentguard.cli import completion
from agentguard.cli.moments import moment

if TYPE_CHECKING:
    from agentguard.tracing import Store

_WHEN = "10m, 2h, 3d ago, or a date or time such as 2026-11-21T09:30"

StorePath = Annotated[Path, typer.Option("--path", help="Folder of the traces, or one of its files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Tool = Annotated[str | None, typer.Option("--tool", help="Calls of this tool.", autocompletion=completion.tools)]
Status = Annotated[
    str | None,
    typer.Option(
        "--status", help="Calls that ended so: ok, error, denied, circuit_open...", autocompletion=completion.statuses
    ),
]
SessionId = Annotated[str | None, typer.Option("--session", help="Calls of this session.")]
Since = Annotated[
    float | None,
    typer.Option("--since", metavar="WHEN", parser=moment, help=f"Calls that began then or later: {_WHEN}."),
]
Until = Annotated[
    float | None, typer.Option("--until", metavar="WHEN", parser=moment, help="Calls that began earlier.")
]
Text = Annotated[str | None, typer.Option("--text", help="Calls with this in their arguments, result or error.")]


def chosen(**filters: Any) -> dict[str, Any]:
    """The filters that were given."""
    return {name: value for name, value in filters.items() if value is not None}


@contextmanager
def reading(path: Path) -> Iterator[Store]:
    """The store at `path`; what is wrong with it, or with what is asked, ends the command with exit code 2."""
    from agentguard.cli.screen import refuse
    from agentguard.errors import ConfigError, StorageError
    from agentguard.tracing import open_store
    from agentguard.tracing.store import locations_in

    try:
        yield open_store(path)
    except StorageError as error:
        is_missing = not locations_in(str(path))
        refuse(f"{error} Name another folder with --path." if is_missing else str(error))
    except ConfigError as error:
        refuse(str(error))
