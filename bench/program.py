"""What the programs in `peers/` have in common. They run where agentguard is not installed: nothing of it is here."""

# Without `from __future__ import annotations`: the hints of the measured functions would be texts, which some peers
# evaluate again in every call, for 50 us.

import json
import socket
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, NoReturn

from bench.meter import Scale, Subject, bare, measure

RETRIES = 3
"""What every peer that retries is told: three attempts after the first one."""


class Counter:
    """How often a function's body ran, and how many records of it arrived."""

    def __init__(self) -> None:
        self.runs = 0
        self.records = 0

    def ran(self) -> int:
        return self.runs

    def arrived(self) -> int:
        return self.records


def echoes(counter: Counter) -> tuple[Any, Any]:
    """The task, the same for all: `echo(query, limit)`, plain and async, counting its runs."""

    def echo(query: str, limit: int = 5) -> str:
        """Echo."""
        counter.runs += 1
        return query

    async def aecho(query: str, limit: int = 5) -> str:
        """Echo."""
        counter.runs += 1
        return query

    return echo, aecho


def forbid_network() -> None:
    """Let every attempt to reach another machine fail, and end the program in the end: call before any import."""
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        setattr(socket, name, _refuse)


def report(package: str, subjects: Iterable[Subject], *, note: str = "") -> None:
    """Measure, and print all rows as one line of JSON.

    Raises:
        SystemExit: Calls or records were lost, or the peer tried to reach the network.
    """
    scale = Scale()
    rows = [asdict(measure(subject, scale)) for subject in subjects]
    if _attempts:
        msg = f"it tried to reach the network, {len(_attempts)} times"
        raise SystemExit(msg)
    print(json.dumps({"version": version(package), "bare_us": bare(scale).us, "rows": rows, "note": note}))


_attempts: list[object] = []


def _refuse(*arguments: object, **_: object) -> NoReturn:
    _attempts.append(arguments)
    msg = "a benchmark does not reach the network"
    raise OSError(msg)
