"""`Slots`: how many bodies run at once, and who is next."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

W = TypeVar("W")


class Slots(Generic[W]):
    """A fixed number of places, handed out in order of arrival.

    `W` is whatever the caller wakes a waiting call with; it must be hashable, and each is enqueued once. Not safe to
    share: the caller holds the lock, and wakes waiters after letting it go.
    """

    __slots__ = ("_queue", "in_use", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """Places there are, at least 1."""
        self.in_use = 0
        """Places taken now, those handed to waiters that have not woken up yet included."""
        # Ordered, because a plain dict finds its first key slowly after many deletions at the front.
        self._queue: OrderedDict[W, None] = OrderedDict()

    @property
    def waiting(self) -> int:
        """Calls in the queue."""
        return len(self._queue)

    def take(self) -> bool:
        """Take a place now. False when none is free, or when others wait: nobody is overtaken."""
        if self.in_use >= self.limit or self._queue:
            return False
        self.in_use += 1
        return True

    def enqueue(self, waiter: W) -> None:
        """Wait at the end of the queue, after `take()` said False."""
        self._queue[waiter] = None

    def withdraw(self, waiter: W) -> bool:
        """Leave the queue (cancelled, or out of time). False when the waiter has been handed a place already.

        After False the place is the waiter's: it must run or `release()`, or the place is lost.
        """
        if waiter in self._queue:
            del self._queue[waiter]
            return True
        return False

    def release(self) -> W | None:
        """Give a place back. If somebody waits it is handed over, and the caller must wake that waiter; else None."""
        if self._queue:
            return self._queue.popitem(last=False)[0]  # the place changes hands without ever being free
        self.in_use -= 1
        return None
