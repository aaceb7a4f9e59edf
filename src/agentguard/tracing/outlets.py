"""The open stores of this process: one writer for each, whoever records there."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

from agentguard.tracing.location import Location, open_ends
from agentguard.tracing.spool import Durability, MemorySpool, Spool
from agentguard.tracing.writer import Writer

EXIT_SECONDS = 2.0
"""How long the end of the process waits for everything to be written; less when it is written sooner."""


class Outlet:
    """One store that somebody in this process records into."""

    def __init__(self, location: Location, durability: Durability) -> None:
        self.location = location
        """Which store."""
        self.durability = durability
        """What its records survive."""
        self.sink, self.reader = open_ends(location)
        self.users = 0
        """How many recorders are open on it."""
        # Not above: importing agentguard must not load what only recording needs. And not in the writer's thread: an
        # import under way there at a fork would never end in the child. A fork waits for the lock held here.
        from agentguard.tracing.journal.recovery import recover_before  # noqa: PLC0415

        name = f"agentguard traces {location.path}"
        if durability == "fsync":
            getattr(self.sink, "survive_power_cuts", _nothing)()
        self.writer = Writer(
            self.sink,
            name=name,
            on_start=_watch_exit,
            before_work=partial(recover_before, location, self.sink),
            may_retire=self._may_retire,
            make_spool=_spools(location, durability),
        )

    def prepare(self) -> Future[None]:
        """Have the store opened now; the answer raises StorageError when it cannot be written."""
        return self.writer.ask(self.sink.open, at_once=True)

    def settle(self) -> Future[None]:
        """Have everything written and the files closed; a later span opens them again."""
        return self.writer.settle()

    def _may_retire(self) -> bool:
        with _state.lock:
            if self.users:
                return False
            if _state.outlets.get((self.location, self.durability)) is self:
                del _state.outlets[self.location, self.durability]
            return True


def _spools(location: Location, durability: Durability) -> Callable[[], Spool]:
    from agentguard.tracing.journal.place import place_of  # noqa: PLC0415 - as above
    from agentguard.tracing.journal.spool import JournalSpool, SyncedJournalSpool  # noqa: PLC0415 - as above

    place = place_of(location)
    if place is None or durability == "buffered":
        return MemorySpool
    return partial(SyncedJournalSpool if durability == "fsync" else JournalSpool, place)


def _nothing() -> None:
    """A server syncs its own disks."""


class _State:
    def __init__(self) -> None:
        self.outlets: dict[tuple[Location, Durability], Outlet] = {}
        self.lock = threading.RLock()
        self.pid = 0  # of the process whose end is watched


_state = _State()


def acquire(location: Location, durability: Durability = "durable") -> Outlet:
    """The outlet of `location`, shared by all who record there in the same way; give it back with `release`."""
    with _state.lock:
        outlet = _state.outlets.get((location, durability))
        if outlet is None:
            outlet = _state.outlets[location, durability] = Outlet(location, durability)
        outlet.users += 1
        return outlet


def release(outlet: Outlet) -> Future[None]:
    """Stop using `outlet`; answered when everything is written, and the files are closed."""
    with _state.lock:
        outlet.users -= 1
    return outlet.settle()


def flush_within(path: str, timeout: float) -> None:
    """Have what this process recorded into the store or folder with the real path `path` written, waiting up to
    `timeout` seconds for each store: whoever reads expects to find what was recorded before.
    """
    with _state.lock:
        outlets = list(_state.outlets.values())
    for outlet in outlets:
        if path in {outlet.location.path, os.path.dirname(outlet.location.path)} and outlet.writer.is_running:
            outlet.writer.flush(timeout)


def _watch_exit() -> None:
    if _state.pid == os.getpid():
        return
    if _state.pid == 0:
        atexit.register(_settle_all)
    _state.pid = os.getpid()
    # A child of multiprocessing ends with os._exit, past atexit, and only runs its own finalizers.
    multiprocessing: Any = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None:
        multiprocessing.Finalize(None, _settle_all, exitpriority=100)


def _settle_all() -> None:
    end = time.monotonic() + EXIT_SECONDS
    answers = [outlet.settle() for outlet in list(_state.outlets.values()) if outlet.writer.is_running]
    wait(answers, max(0.0, end - time.monotonic()))


def _before_fork() -> None:
    # While another thread opens a store it may be importing; a child forked then would wait for that import for ever.
    _state.lock.acquire()


def _after_fork() -> None:
    _state.lock.release()


def _begin_anew_in_child() -> None:
    _state.lock = threading.RLock()
    for outlet in _state.outlets.values():
        outlet.writer.begin_anew_in_child()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_begin_anew_in_child)
