"""What is kept of a stream's items: enough to read what came out, and never all of an endless one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentguard.tracing.walk import MAX_TEXT

MAX_ITEMS = 1_000
"""Items kept of one stream; texts are kept up to `MAX_TEXT` characters in all."""

_TEXTS = (str, bytes)


class StreamCopy:
    """A bounded copy of the items of one stream, taken as they pass.

    Items that are all texts are kept as one text: so a secret that is cut into tokens is redacted too.
    """

    __slots__ = ("_kind", "_pieces", "_room", "_snapshot", "kept")

    def __init__(self, snapshot: Callable[[Any], bytes]) -> None:
        self._snapshot = snapshot
        self._kind: type | None = None  # of all items, as long as they are texts of one kind
        self._pieces: list[Any] = []
        self._room = MAX_TEXT
        self.kept = 0
        """How many items are in it."""

    def add(self, item: Any) -> None:
        """Take one more item, unless it is full."""
        if self._room < 0 or self.kept >= MAX_ITEMS:
            return
        kind = type(item)
        if self.kept == 0 and kind in _TEXTS:
            self._kind = kind
        if kind is not self._kind:
            self._part(item)
            return
        self._pieces.append(item)
        self._room -= len(item)
        self.kept += 1

    def output(self) -> bytes | None:
        """JSON of the items: one text, or a list; None when there were none."""
        if self._kind is not None:
            return self._snapshot(self._kind().join(self._pieces))
        return b"[" + b",".join(self._pieces) + b"]" if self._pieces else None

    def _part(self, item: Any) -> None:
        if self._kind is not None:
            # Not one text after all. What was kept until now becomes one item.
            self._pieces = [self._snapshot(self._kind().join(self._pieces))]
            self._kind = None
        # Encoded now: the consumer may change it.
        encoded = self._snapshot(item)
        self._pieces.append(encoded)
        self._room -= len(encoded)
        self.kept += 1
