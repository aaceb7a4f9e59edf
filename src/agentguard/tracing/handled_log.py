"""Which exceptions a span has been told of: the interpreter tells of one again wherever a frame handles it."""

from __future__ import annotations

from typing import Any

MAX_HANDLED = 100
"""Handled exceptions shown on one span; more are counted."""


class HandledLog:
    """The handled exceptions of one span."""

    __slots__ = ("_known", "_shown", "not_shown")

    def __init__(self) -> None:
        # By id, because to keep an exception would keep alive what its frames hold. An id may come again, with another
        # exception: then its outline is another one, too, or nobody could tell the two apart.
        self._known: dict[int, tuple[dict[str, Any], dict[str, Any] | None]] = {}
        self._shown = 0
        self.not_shown = 0
        """How many came when there was no more room."""

    def is_news(self, error: BaseException, outline: dict[str, Any]) -> bool:
        """Whether `error` is to be shown; one that there is no room for is counted."""
        if self._known.get(id(error), (None,))[0] == outline:
            return False
        if self._shown < MAX_HANDLED:
            return True
        if len(self._known) < 2 * MAX_HANDLED:
            self._known[id(error)] = (outline, None)
        self.not_shown += 1
        return False

    def keep(self, error: BaseException, outline: dict[str, Any], event: dict[str, Any]) -> None:
        """`error` is shown as `event`."""
        self._known[id(error)] = (outline, event)
        self._shown += 1

    def take_back(self, error: BaseException, events: list[dict[str, Any]]) -> None:
        """`error` was handled on its way only: take its event out."""
        _, event = self._known.pop(id(error), (None, None))
        if event is not None and event in events:
            events.remove(event)
