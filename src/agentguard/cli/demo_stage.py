"""The whole demo: every act in one recorded session, and the record read back."""

from __future__ import annotations

import secrets
import shlex
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from agentguard import Session, async_record_session, open_store, session
from agentguard.cli.demo_acts_arguments import ARGUMENTS, RESULTS
from agentguard.cli.demo_acts_failures import FAILURES
from agentguard.cli.demo_acts_limits import LIMITS
from agentguard.cli.demo_performance import Performance, perform
from agentguard.cli.demo_repository import Repository
from agentguard.cli.demo_scene import Scene, print_line
from agentguard.cli.demo_service import BuildService
from agentguard.cli.demo_sources import Workspace, workspace
from agentguard.cli.demo_summary import print_summary
from agentguard.cli.screen import count
from agentguard.cli.session_view import print_session
from agentguard.tracing import Store, TraceEntry
from agentguard.tracing.escaping import visible

ACTS = (*ARGUMENTS, *FAILURES, *LIMITS, *RESULTS)


@dataclass(frozen=True)
class Played:
    """What became of the demo."""

    session_id: str
    """The recorded session."""

    performances: list[Performance]
    """Its acts."""

    is_complete: bool
    """Whether the store has every call that was made."""

    @property
    def failed(self) -> int:
        """Claims that were not true."""
        return sum(performance.failed for performance in self.performances) + (not self.is_complete)

    def as_row(self) -> dict[str, Any]:
        """All of it as plain values."""
        acts = [
            {
                "act": each.act.title,
                "shown": each.act.shows,
                "outcome": each.outcome,
                "calls": len(each.calls),
                "refused": each.refused,
                "failed": each.failed,
            }
            for each in self.performances
        ]
        return {
            "session_id": self.session_id,
            "is_true": not self.failed,
            "failed": self.failed,
            "is_complete": self.is_complete,
            "acts": acts,
        }


async def play(screen: Console, repository: Repository, service: BuildService, traces: Path) -> Played:
    """Play every act in one recorded session, and show the record."""
    began = time.perf_counter()
    session_id = f"demo-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    workspace.set(Workspace(repository.root, service.url))
    _introduce(screen, repository, service, traces)
    performances: list[Performance] = []
    async with async_record_session(storage=traces, session_id=session_id) as recorder, session(session_id) as seen:
        for number, act in enumerate(ACTS, 1):
            performances.append(await perform(number, Scene(act, screen, service, repository, seen)))
    took = time.perf_counter() - began

    played = Played(session_id, performances, _read_back(screen, open_store(recorder.path), seen))
    print_summary(screen, performances)
    if played.failed:
        screen.print(Text(f"Not true: {count(played.failed, 'claim')} of the above, marked NOT SO.", "bold red"))
    else:
        screen.print(Text(f"All of this was checked while it happened, in {took:.1f} s. Look again:", "green"))
    command = shlex.join(["agentguard", "traces", "show", session_id, "--path", str(traces)])
    screen.print(Text(f"  {visible(command)}"), soft_wrap=True)
    return played


def _introduce(screen: Console, repository: Repository, service: BuildService, traces: Path) -> None:
    made = "a small repository, made now because no git checkout is here"
    where = made if repository.is_temporary else visible(str(repository.root))
    size = f"{count(repository.commits, 'commit')}, {count(len(repository.files), 'text file')}"
    lines = (
        "An agent reviews a repository. Its tools are real, and every call of them goes through the guard.",
        f"files and git: {where} ({size})",
        f"HTTP: a build service at {service.url}, which will be slow, fail and recover",
        f"record: in the folder {visible(str(traces))}",
    )
    screen.print(Text("agentguard demo", "bold"))
    for line in lines:
        print_line(screen, Text(" "), Text(line))


def _read_back(screen: Console, store: Store, seen: Session) -> bool:
    """Show the session as the store has it. Whether these are the calls that were made."""
    screen.print(Text("\nThe session, read back from the store\n", "bold"))
    print_session(screen, store.spans(session=seen.session_id))
    made, stored = _ids(seen.entries()), _ids(store.entries(session=seen.session_id))
    if made != stored:
        screen.print(Text(f"NOT SO: {count(len(made), 'call')} made, {len(stored)} stored.", "bold red"))
    return made == stored


def _ids(entries: list[TraceEntry]) -> set[str]:
    return {entry.call_id for entry in entries}
