"""`agentguard demo`: every layer at work, on real tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentguard.cli.completion import TRACES_FOLDER
from agentguard.errors import StorageError


def demo(
    traces: Annotated[Path, typer.Option("--traces", help="Folder for the recorded session.")] = TRACES_FOLDER,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON, and everything else to standard error.")
    ] = False,
) -> None:
    """Show every layer at work, on real tools.

    They read a git checkout and its files, and ask a service on this machine that is slow, fails and recovers. It takes
    about five seconds, and ends with exit code 1 if something is not as it says.
    """
    import asyncio
    import json

    from agentguard.cli.demo_repository import GitError, open_repository
    from agentguard.cli.demo_service import BuildService
    from agentguard.cli.demo_stage import play
    from agentguard.cli.screen import open_screen, refuse

    try:
        with open_repository(Path()) as repository, BuildService() as service:
            played = asyncio.run(play(open_screen(to_stderr=as_json), repository, service, traces))
    except (GitError, StorageError) as error:
        refuse(str(error))
    if as_json:
        print(json.dumps(played.as_row(), indent=2))
    if played.failed:
        raise typer.Exit(1)
