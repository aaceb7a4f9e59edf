"""The ```python blocks of the documents, as programs."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(
    r"^(?P<indent> *)```python(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```[ ]*$", re.DOTALL | re.MULTILINE
)
INFO = {"", "continued", "no-run"}


@dataclass
class Program:
    """A block, with the blocks that continue it."""

    name: str
    blocks: list[str] = field(default_factory=list)
    runs: bool = True

    def text(self) -> str:
        return as_program("\n".join(self.blocks))


def documents() -> list[Path]:
    return [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if path.exists()]


def programs_of(document: Path) -> list[Program]:
    text = document.read_text(encoding="utf-8")
    programs: list[Program] = []
    for match in FENCE.finditer(text):
        name = f"{document.relative_to(ROOT).as_posix()}:{text.count(chr(10), 0, match.start()) + 1}"
        info = match["info"].strip()
        if info not in INFO:
            raise ValueError(f"{name}: unknown word after ```python: {info!r}")
        code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        if info == "continued":
            programs[-1].blocks.append(code)
        else:
            programs.append(Program(name, [code], runs=info != "no-run"))
    return programs


def as_program(code: str) -> str:
    """The code itself, or, where it awaits outside of any function, the code inside `async def main()`."""
    tree = ast.parse(code)
    if not any(awaits(statement) for statement in tree.body):
        return code
    indented = indent(code, tree)
    return f"import asyncio\n\n\nasync def main():\n{indented}\n\n\nasyncio.run(main())\n"


def awaits(node: ast.AST) -> bool:
    """Whether the node awaits in its own scope; a nested function has a scope of its own."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        return False
    if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith) or getattr(node, "is_async", 0):
        return True
    return any(awaits(child) for child in ast.iter_child_nodes(node))


def indent(code: str, tree: ast.Module) -> str:
    """The code four columns to the right, except inside strings of several lines, which would change."""
    inside = {
        number
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
        for number in range(node.lineno + 1, node.end_lineno + 1)
    }
    lines = enumerate(code.splitlines(), 1)
    return "\n".join(line if number in inside or not line else "    " + line for number, line in lines)
