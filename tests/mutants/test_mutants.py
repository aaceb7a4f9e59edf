"""The list of mutants that may survive, and what `make mutants` makes of it."""

import ast
from pathlib import Path

import pytest

from tests.mutants.suites import NOT_YET, PACKAGE, ROOT, SUITES
from tests.mutants.survivors import Explained, Mutant, compare, explained

ENTRIES = explained()
MUTANT = Mutant("policies/slots.py", "Slots.take", "return False", "return True")


def lines_of(file: str, function: str) -> set[str]:
    """The lines of a function, without what is around them."""
    text = (ROOT / PACKAGE / file).read_text("utf-8")
    nodes: list[ast.AST] = [ast.parse(text)]
    for name in function.split("."):
        nodes = [node for parent in nodes for node in ast.iter_child_nodes(parent) if getattr(node, "name", "") == name]
    assert nodes, f"no {function} in {file}"
    return {line.strip() for node in nodes for line in text.splitlines()[node.lineno - 1 : node.end_lineno]}


@pytest.mark.parametrize("file", sorted({entry.mutant.file for entry in ENTRIES}))
def test_every_explained_mutant_is_of_a_line_that_is_there(file: str):
    for entry in ENTRIES:
        if entry.mutant.file == file and "  " not in entry.mutant.was:
            lines = lines_of(file, entry.mutant.function)
            assert entry.mutant.was in lines or entry.mutant.was in " ".join(sorted(lines)), f"gone: {entry.mutant}"


def test_every_explained_mutant_has_a_reason():
    assert [str(entry.mutant) for entry in ENTRIES if len(entry.reason) < 10] == []


def test_no_mutant_is_explained_twice():
    assert len({entry.mutant for entry in ENTRIES}) == len(ENTRIES)


def test_every_policy_is_in_one_suite():
    policies = {path.relative_to(ROOT / PACKAGE).as_posix() for path in (ROOT / PACKAGE / "policies").glob("*.py")}
    mutated = [file for suite in (*SUITES, *NOT_YET) for file in suite.sources]
    assert len(mutated) == len(set(mutated))
    assert policies - {"policies/__init__.py"} == {file for file in mutated if file.startswith("policies/")}


@pytest.mark.parametrize("test", sorted(test for suite in (*SUITES, *NOT_YET) for test in suite.tests))
def test_the_tests_of_a_suite_exist(test: str):
    assert Path(ROOT / test).exists()


def test_a_survivor_that_is_not_explained_is_a_finding():
    verdict = compare([MUTANT], [], [MUTANT.file])
    assert verdict.unexplained == [MUTANT]
    assert not verdict.is_fine


def test_an_explained_survivor_is_fine_as_often_as_it_says():
    assert compare([MUTANT], [Explained(MUTANT, "why not")], [MUTANT.file]).is_fine
    assert compare([MUTANT] * 2, [Explained(MUTANT, "why not", 2)], [MUTANT.file]).is_fine
    assert compare([MUTANT] * 2, [Explained(MUTANT, "why not")], [MUTANT.file]).unexplained == [MUTANT]


def test_an_explanation_of_what_does_not_survive_is_a_finding():
    assert compare([], [Explained(MUTANT, "why not")], [MUTANT.file]).outdated == [MUTANT]


def test_files_that_are_not_tried_are_not_missed():
    assert compare([], [Explained(MUTANT, "why not")], ["policies/quota.py"]).is_fine


def test_the_printed_entry_can_be_pasted_into_the_list(tmp_path: Path):
    quoted = Mutant("policies/quota.py", "take", """say("it's")""", """say("")""")
    listed = tmp_path / "explained.toml"
    listed.write_text("\n\n".join(mutant.as_toml() for mutant in (MUTANT, quoted)), "utf-8")
    assert [entry.mutant for entry in explained(listed)] == [MUTANT, quoted]
