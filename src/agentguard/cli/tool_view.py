"""A guarded tool on the screen."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentguard import GuardedTool
from agentguard.cli.screen import print_table
from agentguard.middleware.description import StageDescription
from agentguard.tracing.escaping import visible

_EFFECTS = {
    "read": "reads only; may be run again",
    "idempotent": "may be run again",
    "write": "must not be run again blindly",
    None: "undeclared, treated as write",
}


def print_tool(screen: Console, tool: GuardedTool[..., Any, Any]) -> None:
    """What it is, what a call of it passes through, outermost first, and the parameters that a model sees."""
    target = tool.target
    head = Text.assemble((visible(tool.name), "bold"), visible(str(target.signature)))
    screen.print(head, soft_wrap=not screen.is_terminal)
    for line in (target.doc or "").splitlines()[:1]:
        screen.print(Text(f"  {visible(line)}"), soft_wrap=not screen.is_terminal)
    screen.print(Text(f"  {target.kind.value}, effect: {target.effect or 'none'} ({_EFFECTS[target.effect]})\n", "dim"))
    print_table(screen, _onion(tool.describe(), tool.name))
    screen.print()
    parameters = tool.schema().get("properties", {})
    print_table(screen, _parameters(parameters, tool.schema().get("required", ())))


def _onion(stages: list[StageDescription], name: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("a call passes", no_wrap=True)
    table.add_column("settings (dim: the default)", overflow="fold")
    for stage in stages:
        label = Text(visible(stage.name, 40), "cyan" if stage.is_own else "bold")
        table.add_row(label, Text("these decide together, all or nothing:", "dim") if stage.parts else _settings(stage))
        for part in stage.parts:
            table.add_row(Text(f"  {part.name}", "bold"), _settings(part))
    table.add_row(Text(visible(name, 40), "green"), Text("the function itself", "dim"))
    return table


def _settings(stage: StageDescription) -> Text:
    """What was set stands first and plain, what was not behind it and dim."""
    ordered = sorted(stage.settings.items(), key=lambda item: item[0] not in stage.changed)
    parts = [
        Text(f"{name}={visible(_short(value))}", "" if name in stage.changed or stage.is_own else "dim")
        for name, value in ordered
    ]
    return Text("  ").join(parts)


def _parameters(properties: dict[str, Any], required: Any) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("parameter", "needed", "schema"):
        table.add_column(name, overflow="fold")
    for name, schema in properties.items():
        table.add_row(Text(visible(name), "bold"), "yes" if name in required else "no", Text(visible(_short(schema))))
    return table


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
