"""What is committed names no registry and no place on the machine that it was written on."""

import re
import subprocess
from pathlib import Path

from tests.arch.sources import ROOT

# Built from pieces, so that this file does not contain what it looks for.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pypi", "python", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"), ("npmmirror", "com"), ("crates", "io"), ("proxy", "golang", "org"),
        ("rubygems", "org"), ("repo", "maven", "apache", "org"), ("conda", "anaconda", "org"), ("jfrog", "io"),
    )
]  # fmt: skip
PLACES = ["/" + place + "/" for place in ("work", "root", "home", "Users", "opt", "workspace", "workspaces")]
PATTERN = re.compile(
    "|".join(
        [
            *(rf"(?<![\w-]){re.escape(host)}(?![\w-])" for host in HOSTS),
            # At the beginning of a path only: "docs/work/plan.md" and "https://host/home/" are fine.
            *(rf"(?<![\w.:/~$}}*-]){place}" for place in PLACES),
            r"(?<!\w)[A-Za-z]:\\" + "Users",
        ]
    )
)


def committed_files() -> list[str]:
    """Files that git tracks or would add; an export without git is looked at whole."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if is_ours(path))
    return sorted({name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()})


def is_ours(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in parts)


def test_no_committed_file_names_a_registry_or_a_workplace():
    found = [
        f"{name}:{number}: {match.group()}"
        for name in committed_files()
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if (match := PATTERN.search(line))
    ]
    assert found == []
