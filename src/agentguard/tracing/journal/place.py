"""Where journals lie: beside the store that they are for, some files for each process."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from itertools import groupby
from operator import itemgetter

from agentguard.tracing.location import Location

FOLDER = "./traces"
"""Of the journals for stores that are no files."""

_FILES = ("sqlite", "jsonl")
# `<store>.journal.<process>-<random>.<number>`. Not `-journal`, which is SQLite's own name for something else.
_NAME = re.compile(r"(.+)\.journal\.(\d{1,10}-[0-9a-f]{16})\.(\d{6,})", re.DOTALL)


def place_of(location: Location) -> str | None:
    """What the names of the journals for a store begin with; None for a store that ends with the process."""
    if location.backend == "memory":
        return None
    if location.backend in _FILES:
        return location.path
    digest = sha256(location.path.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return os.path.realpath(os.path.join(FOLDER, f"{location.backend}-{digest}"))


def new_journal(place: str) -> str:
    """What the names of a new journal's files begin with."""
    return f"{place}.journal.{os.getpid()}-{os.urandom(8).hex()}"


def file_name(journal: str, number: int) -> str:
    """The path of a journal's file with this number."""
    return f"{journal}.{number:06d}"


def journals_at(place: str) -> list[list[str]]:
    """The files of every journal of this place, in the order in which they were written."""
    folder, store = os.path.split(place)
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = sorted(
        (match[2], int(match[3]), name) for name in names if (match := _NAME.fullmatch(name)) and match[1] == store
    )
    return [[os.path.join(folder, name) for *_, name in group] for _, group in groupby(found, key=itemgetter(0))]
