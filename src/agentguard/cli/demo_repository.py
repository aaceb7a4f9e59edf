"""The git checkout that the demo works on: the one it is started in, or a small one that it makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FEWEST_FILES = 5
FEWEST_LINES = 20
FEWEST_BYTES = 2_000  # enough for something to be left out
_MOST_FILES = 5_000  # of a huge checkout, this many are looked at
_ELSEWHERE = {"GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE"}
_LARGEST_FILE = 30_000  # bytes; of what is much larger, a trace keeps the size and the digest only
_COMMITTER = (
    "-c", "user.name=agentguard demo", "-c", "user.email=demo@localhost",
    "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null",
)  # fmt: skip


class GitError(RuntimeError):
    """Git said no."""


@dataclass(frozen=True)
class Repository:
    """A checkout with some history and some text."""

    root: Path
    """Its folder."""

    commits: int
    """Commits in its history."""

    files: tuple[str, ...]
    """Text files under version control, largest first, by their path inside the checkout."""

    long_file: str
    """The largest of them that has many lines; empty when there is none."""

    is_temporary: bool = False
    """Whether the demo made it, and removes it."""


@contextmanager
def open_repository(start: Path) -> Iterator[Repository]:
    """The checkout that `start` is in; if there is none worth showing, a new one for the time of the block.

    Raises:
        GitError: There is no git on this machine.
    """
    found = _checkout_around(start)
    if found is not None:
        yield found
        return
    with tempfile.TemporaryDirectory(prefix="agentguard-demo-") as folder:
        root = Path(folder).resolve()
        _fill(root)
        yield _looked_at(root, is_temporary=True)


def run_git(root: Path, *arguments: str) -> str:
    """What git prints.

    Raises:
        GitError: It failed, or is not installed.
    """
    command, environment = git_command(root, *arguments), git_environment()
    try:
        done = subprocess.run(  # noqa: S603 - git, with arguments of the demo's own tools
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as error:
        raise GitError(f"git cannot be started: {error}") from error
    return git_output(done.returncode, done.stdout, done.stderr)


def git_command(root: Path, *arguments: str) -> list[str]:
    """The command line, in which no setting of the checkout starts another program."""
    return ["git", "-C", str(root), "--no-pager", "-c", "core.fsmonitor=false", *arguments]


def git_environment() -> dict[str, str]:
    """Without the variables that point at another repository, as a git hook sets them; and without network."""
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def git_output(code: int | None, output: bytes, errors: bytes) -> str:
    """What git printed, as text. Raises `GitError` with what it complained about."""
    if code:
        raise GitError(errors.decode("utf-8", "replace").strip() or f"git ended with exit code {code}")
    return output.decode("utf-8", "replace")


def _checkout_around(start: Path) -> Repository | None:
    if shutil.which("git") is None:
        raise GitError("The demo shows the history of a git checkout, and there is no git on the PATH: install git.")
    try:
        found = _looked_at(Path(run_git(start, "rev-parse", "--show-toplevel").rstrip("\n")))
    except GitError:
        return None  # no checkout, or one without a commit
    return found if found.long_file and len(found.files) >= FEWEST_FILES else None


def _looked_at(root: Path, *, is_temporary: bool = False) -> Repository:
    commits = int(run_git(root, "rev-list", "--count", "HEAD"))
    tracked = run_git(root, "ls-files", "-z").split("\0")[:_MOST_FILES]
    sizes = {path: _size(root / path) for path in tracked if path}
    readable = [path for path, size in sizes.items() if 0 < size <= _LARGEST_FILE and _is_text(root / path)]
    readable.sort(key=lambda path: (-sizes[path], path))
    long_file = next((path for path in readable if _is_long(root / path)), "")
    return Repository(root, commits, tuple(readable), long_file, is_temporary)


def _size(path: Path) -> int:
    """Bytes of a plain file; 0 for what is none, such as a link or a file that was deleted."""
    return path.stat().st_size if path.is_file() and not path.is_symlink() else 0


def _is_long(path: Path) -> bool:
    text = path.read_bytes()
    return len(text) >= FEWEST_BYTES and text.count(b"\n") >= FEWEST_LINES


def _is_text(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b"\0" not in file.read(1_000)
    except OSError:
        return False


def _fill(root: Path) -> None:
    """Five commits of a small project."""
    run_git(root, "init", "--quiet", "--template=")
    for number in range(1, 6):
        (root / f"chapter_{number}.md").write_text(_chapter(number), encoding="utf-8")
        run_git(root, "add", "--all")
        run_git(root, *_COMMITTER, "commit", "--quiet", "--message", f"Write chapter {number}")


def _chapter(number: int) -> str:
    lines = (f"Line {line} of chapter {number}: a guard looks at every call.\n" for line in range(1, 20 * number + 1))
    return f"# Chapter {number}\n\n{''.join(lines)}"
