"""Where an export goes: standard output, or a file that is there as a whole or not at all."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def writing(path: Path | None, *, is_forced: bool) -> Iterator[TextIO]:
    """A file to write to, which gets its name at the end; None means standard output.

    Private, because traces hold what users say. When something raises, nothing is left behind, and what had the name
    before still has it.

    Raises:
        FileExistsError: There is something at `path`, and `is_forced` is False.
        OSError: It cannot be written.
    """
    if path is None:
        # What has no UTF-8 was escaped already, where it matters; nothing here may end in the middle of a line.
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a TextIOWrapper, unless replaced
        yield sys.stdout
        return
    if not is_forced and os.path.lexists(path):
        raise FileExistsError(str(path))
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
        if is_forced:
            os.replace(draft, path)
        else:
            _give_name(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _give_name(draft: Path, path: Path) -> None:
    """Call `draft` `path`, and replace nothing that came meanwhile."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: FAT, some of the network
        os.rename(draft, path)
