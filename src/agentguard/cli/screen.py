"""Where commands print: colours and the width of the window on a terminal, plain whole lines in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentguard.tracing.escaping import visible

_ENDLESS = 10_000
"""Columns of a pipe, where whoever reads it may cut lines, and a line that was wrapped cannot be put together again."""


def open_screen(*, to_stderr: bool = False) -> Console:
    """A console on standard output, or on standard error. NO_COLOR, TERM=dumb and COLUMNS are respected.

    Pass it `Text` and never strings with markup: what is printed comes out of traces.
    """
    file = sys.stderr if to_stderr else sys.stdout
    if hasattr(file, "reconfigure"):
        # A terminal that cannot show a character should show its code, and not a traceback.
        file.reconfigure(errors="backslashreplace")
    screen = Console(stderr=to_stderr, highlight=False, markup=False, emoji=False)
    if not screen.is_terminal and "COLUMNS" not in os.environ:
        screen.width = _ENDLESS
    return screen


def count(number: int, noun: str) -> str:
    """So many of something."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_table(screen: Console, table: Table) -> None:
    """Print `table`; in a pipe without the blanks that fill its last column."""
    if screen.is_terminal:
        screen.print(table)
        return
    with screen.capture() as drawn:
        screen.print(table)
    for line in drawn.get().splitlines():
        screen.print(Text(line.rstrip()), soft_wrap=True)


def say(message: str) -> None:
    """A line on standard error, for what is not the answer itself."""
    open_screen(to_stderr=True).print(Text.assemble(("agentguard: ", "bold"), visible(message)), soft_wrap=True)


def refuse(problem: str, details: Iterable[str] = ()) -> NoReturn:
    """End the command with exit code 2, and a line on standard error that says why; `details` are lines below it."""
    screen = open_screen(to_stderr=True)
    screen.print(Text.assemble(("agentguard: ", "bold red"), visible(problem)))
    for line in details:
        screen.print(Text(f"  {visible(line)}"), soft_wrap=True)
    raise typer.Exit(2)
