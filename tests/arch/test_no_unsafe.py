"""No code from data, and no error thrown away."""

import ast

from tests.arch.sources import nodes

UNSAFE_MODULES = {"cloudpickle", "dill", "marshal", "pickle", "shelve"}
UNSAFE_BUILTINS = {"__import__", "eval", "exec"}


def imported_roots(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").split(".")[0]}
    return set()


def is_unsafe_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in UNSAFE_BUILTINS
    return ast.unparse(node.func) in {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen"}


def catches_everything(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or ast.unparse(handler.type) in {"Exception", "BaseException"}


def does_nothing(handler: ast.ExceptHandler) -> bool:
    return all(isinstance(step, ast.Pass | ast.Continue) or is_ellipsis(step) for step in handler.body)


def is_ellipsis(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and ast.unparse(statement) == "..."


def test_nothing_is_unpickled():
    assert [where for where, node in nodes() if imported_roots(node) & UNSAFE_MODULES] == []


def test_no_text_is_run_as_code():
    assert [where for where, node in nodes() if is_unsafe_call(node)] == []


def test_every_except_names_what_it_catches():
    bare = [where for where, node in nodes() if isinstance(node, ast.ExceptHandler) and node.type is None]
    assert bare == []


def test_no_error_is_swallowed_in_silence():
    handlers = [(where, node) for where, node in nodes() if isinstance(node, ast.ExceptHandler)]
    assert [where for where, node in handlers if catches_everything(node) and does_nothing(node)] == []
