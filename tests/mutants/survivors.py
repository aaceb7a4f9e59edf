"""Mutants that no test noticed, and the list of those that need not be: `explained.toml`."""

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

EXPLAINED = Path(__file__).with_name("explained.toml")


@dataclass(frozen=True, order=True)
class Mutant:
    """A change of one line. Known by the text of the line and not by its number, so that it may move."""

    file: str
    """Inside the package, as in "policies/bucket.py"."""
    function: str
    """With its class, as in "RateLimit.wait"."""
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.file} {self.function}\n    - {self.was}\n    + {self.becomes}"

    def as_toml(self) -> str:
        """Its entry in the list, but for the reason."""
        fields = (("file", self.file), ("function", self.function), ("was", self.was), ("becomes", self.becomes))
        lines = [f"{name} = '''{value}'''" if "'" in value else f"{name} = '{value}'" for name, value in fields]
        return "\n".join(["[[survivor]]", *lines, "reason = ''"])


@dataclass(frozen=True)
class Explained:
    """Why nobody needs to notice a mutant."""

    mutant: Mutant
    reason: str
    times: int = 1
    """How many mutants look like this one, in the same function."""


def explained(path: Path = EXPLAINED) -> list[Explained]:
    """The entries of the list."""
    entries = tomllib.loads(path.read_text("utf-8")).get("survivor", [])
    return [
        Explained(
            Mutant(*(entry[name] for name in ("file", "function", "was", "becomes"))),
            entry["reason"],
            entry.get("times", 1),
        )
        for entry in entries
    ]


@dataclass(frozen=True)
class Verdict:
    """What is wrong with the survivors and the list of them."""

    unexplained: list[Mutant]
    outdated: list[Mutant]
    """In the list, and noticed by now, or gone."""

    @property
    def is_fine(self) -> bool:
        """Whether all survivors are explained, and nothing else is."""
        return not self.unexplained and not self.outdated


def compare(survivors: Iterable[Mutant], entries: Iterable[Explained], files: Iterable[str]) -> Verdict:
    """Hold the survivors in `files` against the entries for them."""
    mutated = set(files)
    alive = Counter(survivors)
    known: Counter[Mutant] = Counter()
    for entry in entries:
        if entry.mutant.file in mutated:
            known[entry.mutant] += entry.times
    return Verdict(sorted((alive - known).elements()), sorted((known - alive).elements()))
