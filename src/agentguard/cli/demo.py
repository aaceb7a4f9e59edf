"""`agentguard demo`: every layer at work, on real tools."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from agentguard.cli.screen import open_screen, refuse
from agentguard.cli.traces import TRACES_FOLDER
from agentguard.errors import StorageError


def demo(
    traces: Annotated[Path, typer.Option("--traces", help="Folder for the recorded session.")] = TRACES_FOLDER,
) -> None:
    """Show every layer at work, on real tools.

    They read a git checkout and its files, and ask a service on this machine that is slow, fails and recovers. It takes
    about five seconds, and ends with exit code 1 if something is not as it says.
    """
    # The other commands do without a web server and twenty tools.
    from agentguard.cli.demo_repository import GitError, open_repository  # noqa: PLC0415
    from agentguard.cli.demo_service import BuildService  # noqa: PLC0415
    from agentguard.cli.demo_stage import play  # noqa: PLC0415

    try:
        with open_repository(Path()) as repository, BuildService() as service:
            is_true = asyncio.run(play(open_screen(), repository, service, traces))
    except (GitError, StorageError) as error:
        refuse(str(error))
    if not is_true:
        raise typer.Exit(1)
