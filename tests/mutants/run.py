"""Running mutmut on a copy of the tree, and reading what it found. The one file that knows mutmut (3.8)."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.mutants.suites import PACKAGE, ROOT, Suite
from tests.mutants.survivors import Mutant

COPIED = ("src", "tests", "examples", "pyproject.toml", "README.md")
SURVIVED = {0, 5, 33}
"""Exit codes: the tests passed, or there are none for it."""
TIMED_OUT = {-24, 24, 36, 152, 255}
UNTRIED = None


@dataclass
class Tally:
    """What became of the mutants of one file."""

    file: str
    total: int = 0
    survivors: list[Mutant] = field(default_factory=list)


def run(suite: Suite, files: list[str]) -> list[Tally]:
    """Try the mutants of some files of a suite, as far as that was not done before."""
    tree = ROOT / ".venv-mutants" / "trees" / suite.name
    _copy(tree, suite)
    _forget_what_may_have_changed(tree)
    modules = ["agentguard." + file.removesuffix(".py").replace("/", ".") for file in files]
    # With the examples of a test always the same, what was noticed once is noticed again.
    environment = {**os.environ, "CI": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    # For tests that start a program: it must meet the mutant, too. Made here, because Python never again looks into a
    # folder of its path that was not there when it started.
    mutated = tree / "mutants" / "src"
    mutated.mkdir(parents=True, exist_ok=True)
    environment["PYTHONPATH"] = str(mutated)
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", os.environ.get("WORKERS", "1")]
    ended = subprocess.run(
        ["nice", "-n", "19", *command, *(f"{module}.x*" for module in modules)], cwd=tree, env=environment, check=False
    )
    if ended.returncode:
        raise SystemExit(f"mutmut failed in {tree}")
    return [_tally(tree, file) for file in files]


def _copy(tree: Path, suite: Suite) -> None:
    """Bring the copy up to date; what has not changed keeps its time, by which mutmut knows it."""
    tree.mkdir(parents=True, exist_ok=True)
    wanted = {path.relative_to(ROOT) for name in COPIED for path in _files(ROOT / name)}
    for path in wanted:
        source, copy = ROOT / path, tree / path
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    # mutmut's own copy is one folder deeper; it does not notice what is gone.
    for top in (tree, tree / "mutants"):
        for name in COPIED:
            for path in list(_files(top / name)):
                if path.suffix == ".py" and path.relative_to(top) not in wanted:
                    path.unlink()
    (tree / "setup.cfg").write_text(_settings(suite), "utf-8")


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for found in path.rglob("*"):
        if found.is_file() and "__pycache__" not in found.parts:
            yield found


def _settings(suite: Suite) -> str:
    lists: dict[str, Iterable[str]] = {
        "source_paths": ["src"],
        "only_mutate": [f"{PACKAGE}/{file}" for file in suite.sources],
        "also_copy": ["README.md", "examples"],
        "pytest_add_cli_args_test_selection": suite.tests,
        # Mutated code is slower, even where nothing is changed: tests of speed would fail.
        "pytest_add_cli_args": [
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--no-header",
            "-k",
            "not less_than_a_second and not cost_is_bounded and not take_no_time",
        ],
    }
    lines = ["[mutmut]", "use_git_change_detection = false", "timeout_multiplier = 20.0", "timeout_constant = 10.0"]
    for name, values in lists.items():
        lines += [f"{name} =", *(f"    {value}" for value in values)]
    return "\n".join(lines) + "\n"


def _forget_what_may_have_changed(tree: Path) -> None:
    """A new test may notice what survived until now; what was noticed, still is. What timed out was noticed by the
    clock only, and perhaps the machine was busy: it is always tried again.
    """
    open_again = TIMED_OUT | SURVIVED if _have_tests_changed(tree) else TIMED_OUT
    for path in (tree / "mutants").rglob("*.meta"):
        found = json.loads(path.read_text("utf-8"))
        codes: dict[str, int | None] = found["exit_code_by_key"]
        found["exit_code_by_key"] = {name: UNTRIED if code in open_again else code for name, code in codes.items()}
        path.write_text(json.dumps(found), "utf-8")


def _have_tests_changed(tree: Path) -> bool:
    """Since the last time this was asked."""
    digest = hashlib.sha256()
    for path in sorted(_files(tree / "tests")):
        if "mutants" not in path.relative_to(tree).parts:
            digest.update(path.read_bytes())
    stamp = tree / "tests.sha256"
    if stamp.exists() and stamp.read_text("utf-8") == digest.hexdigest():
        return False
    # Which test runs which function must be found out anew, too.
    (tree / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    stamp.write_text(digest.hexdigest(), "utf-8")
    return True


def _tally(tree: Path, file: str) -> Tally:
    tally = Tally(file)
    meta = tree / "mutants" / PACKAGE / f"{file}.meta"
    if not meta.exists():
        return tally
    codes: dict[str, int | None] = json.loads(meta.read_text("utf-8"))["exit_code_by_key"]
    tally.total = len(codes)
    tally.survivors = sorted(_mutant(tree, file, name) for name, code in codes.items() if code in SURVIVED)
    if UNTRIED in codes.values():
        raise SystemExit(f"mutmut did not come to the end of {file}; run it again")
    return tally


def _mutant(tree: Path, file: str, name: str) -> Mutant:
    lines = _diff(tree, file, name).splitlines()
    was, becomes = (
        " ".join(line[1:].strip() for line in lines if line[:1] == sign and line[:3] != sign * 3) for sign in "-+"
    )
    return Mutant(file, _function_of(name), was, becomes)


def _diff(tree: Path, file: str, name: str) -> str:
    here = Path.cwd()
    os.chdir(tree)  # where mutmut looks for everything
    try:
        from mutmut.mutation.diff_apply import get_diff_for_mutant

        diff: Any = get_diff_for_mutant(name, path=Path(PACKAGE) / file)
        return str(diff)
    finally:
        os.chdir(here)


def _function_of(name: str) -> str:
    """The function of a mutant that mutmut calls "agentguard.policies.bucket.xǁRateLimitǁwait__mutmut_3", say."""
    mangled = re.sub(r"__mutmut_\d+$", "", name.rpartition(".")[2])
    return (
        mangled.removeprefix("x").removeprefix("ǁ").replace("ǁ", ".") if "ǁ" in mangled else mangled.removeprefix("x_")
    )
