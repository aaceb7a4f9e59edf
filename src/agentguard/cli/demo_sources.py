"""What the demo's tools read from: git, in a subprocess, and the build service, over HTTP. Each blocking and async."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from agentguard.cli.demo_repository import git_command, git_environment, git_output, run_git

PATIENCE_SECONDS = 10.0
"""How long the HTTP client itself waits: longer than any guard here, so that one sees the guard act."""

# Proxies are for the way out; the service is on this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServiceError(ConnectionError):
    """The build service answered with an error."""


@dataclass(frozen=True)
class Workspace:
    """Where the tools work."""

    root: Path
    """The checkout."""

    service_url: str
    """The build service."""


workspace: ContextVar[Workspace] = ContextVar("workspace")
"""Set once by the demo. The guard takes the caller's context along wherever a tool runs, into its threads too."""


def git(*arguments: str) -> str:
    """What git prints, in the checkout."""
    return run_git(workspace.get().root, *arguments)


async def agit(*arguments: str) -> str:
    """As `git`, with the event loop running on; git is killed when the caller is cancelled."""
    process = await asyncio.create_subprocess_exec(
        *git_command(workspace.get().root, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=git_environment(),
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return git_output(process.returncode, output, errors)


def ask_service(path: str, /, *, post: str | None = None, key: str = "", **query: str) -> dict[str, Any]:
    """The service's JSON answer; raises urllib's own HTTPError for an error status.

    Args:
        path: What to ask for.
        post: Text to post; None gets.
        key: Idempotency key of what is posted.
        **query: Named values, added to the address.
    """
    request = urllib.request.Request(  # noqa: S310 - the address is the demo's own
        workspace.get().service_url + _address(path, query),
        data=None if post is None else post.encode(),
        headers={"Idempotency-Key": key} if key else {},
    )
    with _opener.open(request, timeout=PATIENCE_SECONDS) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


async def aask_service(path: str, /, **query: str) -> dict[str, Any]:
    """As `ask_service`, on the event loop. Raises `ServiceError` for an error status."""
    host, _, port = workspace.get().service_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(f"GET {_address(path, query)} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status = head.split(b"\r\n")[0].decode().partition(" ")[2]
    if not status.startswith("200"):
        raise ServiceError(f"the service answered: {status}")
    answer: dict[str, Any] = json.loads(body)
    return answer


def _address(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
