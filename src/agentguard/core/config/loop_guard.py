"""`LoopGuardConfig`: after how many repetitions an agent is warned, asked about, blocked and halted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agentguard.core.config.fields import check_callable, check_flag, check_integer, refuse
from agentguard.errors import ConfigError

_LONGEST_PERIOD = 16  # what a call costs grows with it; real agents were seen going round in circles of up to four


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopGuardConfig:
    """Stop an agent that makes the same call, or the same short circle of calls, over and over.

    A repetition is the same tool with the same arguments *and* the same result. Different arguments are never a loop,
    nor are changing results. The four thresholds count how often the circle has been gone round, the current call
    included, and must not descend; two equal ones skip the milder rung.

    Raises:
        ConfigError: A field is out of its range, or the thresholds descend.
    """

    warn_after: int = 3
    """Repetitions from which the call is marked, at least 2."""

    ask_after: int = 5
    """Repetitions from which a human is asked; without an approval channel the call is refused."""

    block_after: int = 8
    """Repetitions from which the call is refused with `LoopDetectedError`."""

    halt_after: int = 20
    """Repetitions from which the run ends; no approval resets it. Blocked calls count as repetitions."""

    max_period: int = 4
    """Longest circle that is looked for, 1 to 16: 1 sees A A A, 2 sees A B A B as well."""

    poll: bool = False
    """True for a tool that is meant to be asked again and again, such as a status: it is not watched."""

    loop_key: Callable[..., object] | None = None
    """`loop_key(call)` gives what identifies the call instead of its arguments. None: tool and arguments."""

    def __post_init__(self) -> None:
        """Check every field."""
        ladder = ("warn_after", "ask_after", "block_after", "halt_after")
        for rung in ladder:
            check_integer(self, rung, least=2)
        check_integer(self, "max_period", least=1)
        if self.max_period > _LONGEST_PERIOD:
            refuse(self, "max_period", f"an integer from 1 to {_LONGEST_PERIOD}")
        check_flag(self, "poll")
        check_callable(self, "loop_key")
        if not self.warn_after <= self.ask_after <= self.block_after <= self.halt_after:
            shown = ", ".join(f"{rung}={getattr(self, rung)}" for rung in ladder)
            raise ConfigError(
                f"LoopGuardConfig needs warn_after <= ask_after <= block_after <= halt_after, got {shown}"
            )
