"""Telling an act while it happens, and checking what it claims."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentguard import Session
from agentguard.cli.demo_repository import Repository
from agentguard.cli.demo_service import BuildService
from agentguard.tracing import TraceEntry
from agentguard.tracing.escaping import visible

E = TypeVar("E", bound=Exception)

ACT = "act"
"""The metadata of every call that says in which act it was made."""


class ClaimError(AssertionError):
    """Something that the demo says did not happen."""


@dataclass(frozen=True)
class Act:
    """One layer, shown."""

    title: str
    """The layer."""

    shows: str
    """What it does, in a few words."""

    play: Callable[[Scene], Awaitable[str]]
    """Makes the calls and checks what came of them; gives what happened, in a few words."""


class Scene:
    """An act being played."""

    def __init__(
        self, act: Act, screen: Console, service: BuildService, repository: Repository, session: Session
    ) -> None:
        self.act = act
        """What is played."""
        self.service = service
        """The service that the tools call."""
        self.repository = repository
        """The checkout that the tools read."""
        self.failed = 0
        """Claims that were not true."""
        self.screen = screen
        """Where it is told."""
        self._session = session

    @property
    def calls(self) -> list[TraceEntry]:
        """The calls made in this act so far, by start."""
        return [entry for entry in self._session.entries() if entry.call.metadata.get(ACT) == self.act.title]

    def say(self, text: str) -> None:
        """Tell something that is not checked."""
        self._print("-", "·", "dim", text)

    def check(self, claim: str, *truths: bool, **counts: tuple[object, object]) -> None:
        """Tell something, and whether it is true.

        Args:
            claim: What happened.
            *truths: All must be true.
            **counts: What was counted, and what it should be.
        """
        wrong = [f"{name}: {seen!r}, not {due!r}" for name, (seen, due) in counts.items() if seen != due]
        if all(truths) and not wrong:
            self._print("+", "✓", "green", claim)
        else:
            self.fail(f"{claim} ({'; '.join(wrong)})" if wrong else claim)

    def fail(self, claim: str) -> None:
        """Tell something that should be true and is not."""
        self.failed += 1
        self._print("X", "✗", "bold red", f"NOT SO: {claim}")

    async def refusal(self, kind: type[E], call: Awaitable[object]) -> E:
        """The error of this kind that the call must end with."""
        try:
            value = await call
        except kind as error:
            return error
        raise ClaimError(f"the call should have raised {kind.__name__}, and gave {value!r:.100}")

    def _print(self, plain: str, mark: str, style: str, text: str) -> None:
        mark = plain if self.screen.options.ascii_only else mark
        print_line(self.screen, Text(f"    {mark}", style), Text(visible(text)))


def print_line(screen: Console, mark: Text, text: Text) -> None:
    """Print `text` after its mark; where it goes on below, it stays clear of the mark."""
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_column(no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(mark, text)
    screen.print(line)
