"""How free the event loop is."""

from __future__ import annotations

import asyncio
import time
from typing import Self

_PERIOD_SECONDS = 0.01


class Heartbeat:
    """Beats a hundred times a second for the time of an `async with` block, and notes how late the loop made it."""

    def __init__(self) -> None:
        self.beats = 0
        """Beats so far."""
        self.worst_lag = 0.0
        """Seconds by which the latest of them came too late."""
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _beat(self) -> None:
        while True:
            expected = time.monotonic() + _PERIOD_SECONDS
            await asyncio.sleep(_PERIOD_SECONDS)
            self.beats += 1
            self.worst_lag = max(self.worst_lag, time.monotonic() - expected)
