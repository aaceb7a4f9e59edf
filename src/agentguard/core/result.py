"""What comes of a call, and how it ended."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from agentguard.core.call import ToolCall
from agentguard.errors import CallRejected, ToolExecutionError


class CallStatus(StrEnum):
    """How a call ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    DENIED = "denied"
    LOOP_BLOCKED = "loop_blocked"
    CIRCUIT_OPEN = "circuit_open"
    RATE_LIMITED = "rate_limited"
    BUDGET_EXCEEDED = "budget_exceeded"
    VALIDATION_FAILED = "validation_failed"
    HALLUCINATED = "hallucinated"
    GUARDRAIL_BLOCKED = "guardrail_blocked"
    STOPPED_EARLY = "stopped_early"
    UNKNOWN = "unknown"


class ToolResult:
    """What came of a call. Layers pass it outward; errors travel as exceptions, never inside it."""

    status: CallStatus = CallStatus.SUCCESS
    """How the call ended."""
    error: BaseException | None = None
    """The exception that ended the call; None on success. Only set for `after_call` and for a `Refusal`."""
    truncated: bool = False
    """Whether `return_value` was shortened."""
    _whole_value: Any = None

    def __init__(self, call: ToolCall, return_value: Any = None, execution_time: float = 0.0) -> None:
        self._call = call
        self.return_value = return_value
        """What the caller gets."""
        self.execution_time = execution_time
        """Seconds in the tool's body, last attempt."""

    @classmethod
    def of_error(cls, call: ToolCall, error: BaseException, return_value: Any = None) -> ToolResult:
        """What came of a call that `error` ended."""
        result = cls(call, return_value)
        result.status = status_of(error, call)
        result.error = error
        return result

    def shorten(self, shortened: Any) -> None:
        """Put `shortened` in the place of the value, and keep the whole one for the trace."""
        self._whole_value = self.return_value
        self.return_value = shortened
        self.truncated = True

    @property
    def whole_value(self) -> Any:
        """The value before it was shortened: what is checked and recorded, so that redaction meets no cut secret."""
        return self._whole_value if self.truncated else self.return_value

    @property
    def cost(self) -> float | None:
        """US dollars this call has cost; None when nothing counts money."""
        return self._call.cost

    @property
    def call_id(self) -> str:
        """The id of the call."""
        return self._call.call_id

    @property
    def tool_name(self) -> str:
        """The name of the tool."""
        return self._call.tool_name

    @property
    def attempts(self) -> int:
        """How often the tool was tried, from 1."""
        return self._call.attempt

    @property
    def execution_time_ms(self) -> float:
        """Milliseconds in the tool's body, last attempt."""
        return self.execution_time * 1000.0

    @property
    def succeeded(self) -> bool:
        """Whether the tool's own result is there."""
        return self.status is CallStatus.SUCCESS

    @property
    def failed(self) -> bool:
        """The opposite of `succeeded`."""
        return not self.succeeded

    @property
    def retry_count(self) -> int:
        """Attempts after the first."""
        return self._call.attempt - 1

    @property
    def exception(self) -> str | None:
        """The error's text; None on success."""
        return None if self.error is None else str(self.error)

    @property
    def exception_type(self) -> str | None:
        """The error's class name; None on success."""
        return None if self.error is None else type(self.error).__name__

    def __repr__(self) -> str:
        return f"<ToolResult {self.tool_name} {self.status.value}>"


class StoppedEarly(BaseException):
    """Travels through the layers of a stream whose consumer closed it. Neutral, and never swallowed.

    Not a GeneratorExit: CPython turns a thrown GeneratorExit into a `close()` of every coroutine on its way
    (`gen_throw` in Objects/genobject.c), and then no clean-up could await anything.
    """

    value: Any = None
    """What the tool's generator returned when it was closed, for `close()` on Python 3.13 and later."""


def is_refusal_of(error: BaseException, call: ToolCall) -> bool:
    """Whether `error` refused this very call. A nested tool's refusal is an ordinary failure of the outer tool."""
    return isinstance(error, CallRejected) and error.call_id == call.call_id


def status_of(error: BaseException, call: ToolCall) -> CallStatus:
    """How a call that raised `error` ended."""
    if isinstance(error, ToolExecutionError) and error.call_id == call.call_id:
        return CallStatus(error.status)
    if isinstance(error, StoppedEarly | GeneratorExit):
        return CallStatus.STOPPED_EARLY
    if isinstance(error, (Exception, SystemExit)):
        return CallStatus.FAILURE
    return CallStatus.CANCELLED
