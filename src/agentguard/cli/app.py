"""The command `agentguard`."""

from __future__ import annotations

from typing import Annotated

import typer

from agentguard.cli import demo, explain, traces

app = typer.Typer(
    name="agentguard",
    no_args_is_help=True,
    add_completion=True,
    # Boxes drawn by rich are neither for pipes nor for screen readers, and its tracebacks print local variables.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("explain")(explain.explain)
app.add_typer(traces.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"agentguard {version('agentguard-runtime')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """One guard around every tool call and every agent run.

    Ends with 0 when it was done, also when there was nothing to show; 1 when something claimed is not so; 2 when it was
    asked wrongly, or what it was asked about is missing or cannot be read. Answers go to standard output, with --json
    nothing but JSON; everything else goes to standard error.
    """


def main() -> None:
    """Run the command line; `agentguard --help` says which exit code means what."""
    app(prog_name="agentguard")
