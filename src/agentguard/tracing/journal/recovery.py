"""Recovering what dead processes have left, for whoever opens a store: to write, to read, or just for that."""

from __future__ import annotations

import os
import time

from agentguard.tracing.journal.adoption import Adopted, adopt
from agentguard.tracing.journal.place import journals_at, place_of
from agentguard.tracing.location import FILE_NAMES, Location, open_ends
from agentguard.tracing.notices import warn_once
from agentguard.tracing.sinks.port import Sink

PATIENCE_SECONDS = 1.0
"""How long someone who opens a store waits for another process that is writing it."""
_PAUSE_SECONDS = 0.02
_BUSY_OR_LOCKED = (5, 6)  # as in https://www.sqlite.org/rescode.html; written out, because this loads no sqlite3


def recover(location: Location, sink: Sink | None = None) -> Adopted:
    """Bring what dead processes have left for a store into it, through `sink` or one of its own.

    Touches nothing when nothing was left.

    Raises:
        Exception: The store cannot be written; what was left stays where it is.
    """
    place = place_of(location)
    if place is None or not journals_at(place):
        return Adopted()
    if sink is not None:
        return adopt(place, sink)
    own, _ = open_ends(location)
    try:
        return adopt(place, own)
    finally:
        own.close()


def recover_before(location: Location, sink: Sink | None = None) -> None:
    """The same for someone who has something else in mind: a failure is a warning, and it is tried again next time."""
    try:
        _recover_patiently(location, sink)
    except Exception:  # noqa: BLE001 - a store that takes nothing for now, or for ever: the journals stay
        message = "agentguard: what a process that died has recorded cannot be brought into %s; it stays beside it"
        warn_once(("recover", location), message, location.path)


def _recover_patiently(location: Location, sink: Sink | None) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            recover(location, sink)
        except Exception as error:
            if not _is_busy(error) or time.monotonic() >= end:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _is_busy(error: Exception) -> bool:
    # SQLite waits for most locks by itself, but not where two processes make a new file a store at the same moment.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY_OR_LOCKED


def locations_at(path: str) -> list[Location]:
    """The stores that a folder, or a file, may have, whether or not they are there yet."""
    real = os.path.realpath(path)
    if os.path.isdir(real):
        return [Location(backend, os.path.realpath(os.path.join(real, name))) for backend, name in FILE_NAMES.items()]
    return [Location("jsonl" if real.endswith(".jsonl") else "sqlite", real)]
