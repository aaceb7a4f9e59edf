"""A refusal as a value, for loops that hand it to the model instead of raising."""

from __future__ import annotations

from dataclasses import dataclass

from agentguard.errors import ToolExecutionError


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call gave no result. Returned in the result's place with `on_refusal="result"`."""

    code: str
    """Stable name of the reason, such as "circuit_open"."""
    reason: str
    """What happened, in a sentence."""
    tool: str
    """The tool's name."""
    retryable: bool
    """Whether the same call may succeed later without any change."""
    retry_after: float | None
    """Seconds after which trying again makes sense; None when that is not known or makes no sense."""
    hint: str
    """What to do next; may be empty."""

    @classmethod
    def of(cls, error: ToolExecutionError) -> Refusal:
        """The refusal that `error` stands for."""
        return cls(error.code, error.reason, error.tool_name, error.retryable, error.retry_after, error.hint)
