import ast

from tests.arch.sources import PACKAGE, nodes, relative, source_files

MAX_FILE_LINES = 300
MAX_BODY_LINES = 40
# Names under which anything can be put, so that nothing is found.
BANNED = {
    "base", "common", "data", "do", "handle", "helper", "helpers", "info", "manager", "misc", "process", "util",
    "utils",
}  # fmt: skip
EXCEPTIONS = {"src/agentguard/tracing/storage/base.py"}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement to the last, the docstring left out, comments and blank lines counted."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_file_is_longer_than_300_lines():
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()}
    assert {path: lines for path, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_no_function_body_is_longer_than_40_lines():
    bodies = {
        f"{where} {node.name}": body_lines(node)
        for where, node in nodes()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in bodies.items() if lines > MAX_BODY_LINES} == {}


def test_every_module_is_named_after_what_it_holds():
    paths = [path for path in PACKAGE.rglob("*") if path.suffix == ".py" or path.is_dir()]
    named_badly = [relative(path) for path in paths if path.stem.strip("_") in BANNED]
    assert sorted(set(named_badly) - EXCEPTIONS) == []
