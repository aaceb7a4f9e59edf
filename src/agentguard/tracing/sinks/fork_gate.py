"""No SQLite connection is open while the process forks.

SQLite keeps a table of the locks that this process holds on each file. A forked child inherits the table but not the
locks: a connection that it opens later takes itself for locked, and a closing parent, which sees no lock, folds and
deletes the WAL that the child is writing. Lost spans were seen here. So our connections are closed before a fork, and
opened again when they are next needed, in parent and child.

See "Carrying an open database connection across a fork" in https://www.sqlite.org/howtocorrupt.html.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakSet

PATIENCE_SECONDS = 2.0
"""How long a fork waits for statements that are running; then it goes on, as if nothing of ours were there."""


class Closable(Protocol):
    """Holds a connection between uses of the gate."""

    def close(self) -> None:
        """Close the connection; the next use opens another."""


class _Gate:
    """Open to any number of users; while a fork is under way, to none."""

    def __init__(self) -> None:
        self.holders: WeakSet[Closable] = WeakSet()
        self._renew()

    def _renew(self) -> None:
        self._changed = threading.Condition()
        self._users = 0
        self._forking = False

    @contextmanager
    def passed(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._forking)
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    def shut(self) -> None:
        with self._changed:
            self._forking = True
            is_free = self._changed.wait_for(lambda: not self._users, PATIENCE_SECONDS)
        if is_free:
            for holder in list(self.holders):
                holder.close()

    def open(self) -> None:
        with self._changed:
            self._forking = False
            self._changed.notify_all()

    def renew_in_child(self) -> None:
        self._renew()


_gate = _Gate()
os.register_at_fork(before=_gate.shut, after_in_parent=_gate.open, after_in_child=_gate.renew_in_child)

no_fork = _gate.passed
"""`with no_fork():` around every use of a connection, from opening it to the last result."""

close_before_fork = _gate.holders.add
"""Say that an object may hold a connection when it is not being used."""
