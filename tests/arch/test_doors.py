"""A door is a module with `__all__`: a sorted tuple that names all that is public in it, and only that."""

import ast
import importlib
from pathlib import Path

import pytest

from tests.arch.sources import module_name, source_files, tree_of


def declared(path: Path) -> ast.expr | None:
    """The expression that `__all__` is set to, if it is set."""
    for node in tree_of(path).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            assert isinstance(node, ast.Assign | ast.AnnAssign), f"{path}: set `__all__` once, in one place"
            return node.value
    return None


def public(names: list[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def imported_names(path: Path) -> set[str]:
    imports = [node for node in tree_of(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return public(
        [
            alias.asname or alias.name.split(".")[0]
            for node in imports
            if getattr(node, "module", None) != "__future__"
            for alias in node.names
        ]
    )


def defined_names(path: Path) -> set[str]:
    definitions = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return public([node.name for node in tree_of(path).body if isinstance(node, definitions)])


DOORS = [path for path in source_files() if declared(path) is not None]
each_door = pytest.mark.parametrize("path", DOORS, ids=module_name)


@each_door
def test_all_is_a_sorted_tuple_of_literals(path):
    value = declared(path)
    assert isinstance(value, ast.Tuple)
    names = [ast.literal_eval(element) for element in value.elts]
    assert names == sorted(set(names)), f"should be {tuple(sorted(set(names)))}"


@each_door
def test_every_name_in_all_exists(path):
    door = importlib.import_module(module_name(path))
    assert [name for name in door.__all__ if not hasattr(door, name)] == []


@each_door
def test_everything_public_in_a_door_is_in_all(path):
    door = importlib.import_module(module_name(path))
    # A door that also defines things imports what it needs for them; one that only imports does so for its visitors.
    offered = defined_names(path) or imported_names(path)
    assert sorted(offered - set(door.__all__)) == []


def test_the_front_door_only_imports():
    front = next(path for path in source_files() if module_name(path) == "agentguard")
    assert defined_names(front) == set()
