"""`ApprovalConfig`: who is asked before a tool runs, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentguard.core.config.fields import check_positive, keep_tuple


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalConfig:
    """Ask a human, or a program in their place, before the tool runs.

    Raises:
        ConfigError: A field is out of its range.
    """

    rules: Sequence[object] = ()
    """Rules that allow, ask or deny by tool and arguments. Empty: every call is asked about."""

    channel: object = None
    """Where the question is put. None: the console if there is one, else every question is denied."""

    timeout: float | None = 300.0
    """Seconds to wait for an answer, above 0; no answer means the tool does not run. None: wait for ever."""

    store: object = None
    """Where questions and answers survive a restart. None: in memory."""

    risk: object = None
    """How dangerous the tool is, shown to the human. None: not said."""

    def __post_init__(self) -> None:
        """Check what can be checked here; rules, channel and store are checked by the layer that uses them."""
        keep_tuple(self, "rules", "a sequence of rules", _is_anything)
        check_positive(self, "timeout", optional=True)


def _is_anything(_value: object) -> bool:
    return True
