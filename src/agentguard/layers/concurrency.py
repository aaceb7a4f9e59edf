"""Not running too much at once."""

from __future__ import annotations

from typing import ClassVar

from agentguard.core.config import ConcurrencyConfig
from agentguard.state.admission import Admission
from agentguard.state.slot_gate import SlotGate


class ConcurrencyMiddleware(Admission):
    """Lets `max_concurrent` bodies run at once; others queue up to `max_wait` seconds, in order, or are refused with
    `ConcurrencyLimitError`. The slot is held only by an attempt, never during a pause between attempts.
    """

    name: ClassVar[str] = "Concurrency"

    def __init__(self, config: ConcurrencyConfig) -> None:
        super().__init__(SlotGate(config))
