"""`agentguard traces tail`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agentguard.cli.completion import TRACES_FOLDER
from agentguard.cli.trace_options import AsJson, SessionId, Status, StorePath, Text, Tool, chosen

if TYPE_CHECKING:
    from rich.console import Console

    from agentguard.tracing.follower import Follower

_PAUSE: Final = 0.2
"""Seconds between two looks: a person sees no delay, and a look at a store without news takes a millisecond."""


def tail(
    *,
    path: StorePath = TRACES_FOLDER,
    tool: Tool = None,
    status: Status = None,
    session: SessionId = None,
    text: Text = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="So many that are there already, first.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Every call as it ends, until Ctrl-C; a line each.

    Waits for a store that does not exist yet. With --json a line is the JSON of a call. Ctrl-C ends it, with exit
    code 0.
    """
    from agentguard.cli.screen import open_screen, refuse
    from agentguard.errors import ConfigError, StorageError
    from agentguard.tracing.follower import Follower

    filters = chosen(tool=tool, status=status, session=session, text=text)
    try:
        _follow(Follower(path, newest=limit, kind="tool", **filters), path, None if as_json else open_screen())
    except (ConfigError, StorageError) as error:
        refuse(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _follow(follower: Follower, path: object, screen: Console | None) -> None:
    """Print what comes, on `screen` or else as JSON, until something raises."""
    from agentguard.cli.call_line import print_call
    from agentguard.cli.screen import say
    from agentguard.tracing.export import json_line

    has_said_so = False
    while True:
        for span in (arrived := follower.poll()):
            if screen is None:
                print(json_line(span), flush=True)
            else:
                print_call(screen, span)
        if follower.is_waiting and not has_said_so:
            say(f"waiting for traces in {str(path)!r}; Ctrl-C ends, --path names another folder")
            has_said_so = True
        if not arrived:
            time.sleep(_PAUSE)
