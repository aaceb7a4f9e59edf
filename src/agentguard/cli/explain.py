"""`agentguard explain`: what is around a tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentguard.cli.trace_options import AsJson

if TYPE_CHECKING:
    from agentguard import GuardedTool


def explain(
    wanted: Annotated[
        str, typer.Argument(metavar="MODULE:TOOL", help="Or path/to/file.py:tool, or module:Class.tool.")
    ],
    as_json: AsJson = False,
) -> None:
    """What a call of a tool passes through, outermost first, with the settings; its effect and its parameters.

    Imports the module, which runs what stands at its top level. The current folder is on the path.
    """
    from agentguard.cli.screen import open_screen, refuse
    from agentguard.cli.tool_lookup import UnknownToolError, find_tool

    try:
        tool = find_tool(wanted)
    except UnknownToolError as error:
        refuse(str(error), error.details)
    if as_json:
        import json

        print(json.dumps(_row(tool), indent=2))
        return
    from agentguard.cli.tool_view import print_tool

    print_tool(open_screen(), tool)


def _row(tool: GuardedTool[..., Any, Any]) -> dict[str, Any]:
    target = tool.target
    return {
        "name": tool.name,
        "description": target.doc,
        "kind": target.kind.value,
        "effect": target.effect,
        "may_repeat": target.may_repeat,
        "signature": str(target.signature),
        "tags": list(tool.config.tags),
        "stages": [stage.as_row() for stage in tool.describe()],
        "schema": tool.schema(),
    }
