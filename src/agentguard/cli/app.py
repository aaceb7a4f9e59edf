"""The command `agentguard`."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from agentguard.cli import demo, traces

app = typer.Typer(
    name="agentguard",
    no_args_is_help=True,
    add_completion=False,
    # Boxes drawn by rich are neither for pipes nor for screen readers, and its tracebacks print local variables.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.add_typer(traces.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"agentguard {version('agentguard-runtime')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """One guard around every tool call and every agent run."""


def main() -> None:
    """Run the command line. It ends with 0; 1 when something claimed is not so; 2 when it was asked wrongly."""
    app(prog_name="agentguard")
