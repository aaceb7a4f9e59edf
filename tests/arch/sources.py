"""Where the sources are, for the tests that read them instead of importing them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
PACKAGE = SRC / "agentguard"


def source_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Every node of every source file, with a "file:line" to print."""
    for path in source_files():
        for node in ast.walk(tree_of(path)):
            yield f"{relative(path)}:{getattr(node, 'lineno', 0)}", node
