"""Every error agentguard raises, in one tree.

AgentGuardError
  ConfigError (also ValueError) - a setting is wrong; raised when it is given, before any call
  StorageError - a trace store cannot be opened, read or written
  WouldDeadlockError - the call would wait for the very thread that must make it go on
  ToolExecutionError - a guarded call ended without the tool's own result or exception
    CallRejected - the tool did not run
      InvalidInputError
      LoopDetectedError
      ApprovalDeniedError
      ApprovalTimeoutError
      GuardrailBlockedError
      CircuitOpenError
      RateLimitedError
      BudgetExceededError
      ConcurrencyLimitError
      WorkerUnavailableError
    CallTimedOutError (also TimeoutError) - the time was up; the tool may have started
    OutputRejected - the tool ran, and what it returned is not let through
      InvalidOutputError
      HallucinationError
    WorkerLostError - the process that ran the tool ended without an answer
    ToolRaisedError - the tool raised, in another process, what cannot be raised in this one

The tool's own exception is never wrapped: it reaches the caller as the same object, or, from a worker process, as one
of the same type with the same arguments. All errors can be pickled.
"""

from __future__ import annotations

from typing import ClassVar


class AgentGuardError(Exception):
    """Anything agentguard itself raises."""

    def __reduce__(self) -> tuple[object, ...]:
        # The default rebuilds an exception from its positional arguments alone, which keyword-only constructors
        # do not have.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[AgentGuardError], args: tuple[object, ...], state: dict[str, object]) -> AgentGuardError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(AgentGuardError, ValueError):
    """A setting is wrong. Raised where the setting is given; nothing has run."""


class StorageError(AgentGuardError):
    """A trace store cannot be opened, read or written. Calls go on; recordings already made are kept."""


class WouldDeadlockError(AgentGuardError):
    """The call would block the thread that it waits for. Nothing has run; use `await tool.acall(...)` instead."""


class ToolExecutionError(AgentGuardError):
    """A guarded call ended without the tool's own result or exception.

    The message is `reason` followed by the class's `hint`, written so that a language model can read it.
    """

    code: ClassVar[str] = "failed"
    """Stable name of the kind of error, for programs."""
    status: ClassVar[str] = "failure"
    """The `CallStatus` that a call ending this way has."""
    hint: ClassVar[str] = ""
    """What to do next."""
    retryable: bool = False
    """Whether the same call may succeed later without any change."""
    retry_after: float | None = None
    """Seconds after which trying again makes sense; None when that is not known or makes no sense."""

    def __init__(self, reason: str, *, tool_name: str, call_id: str | None = None) -> None:
        self.reason = reason
        self.tool_name = tool_name
        self.call_id = call_id
        stop = "" if reason.endswith((".", "!", "?")) else "."
        super().__init__(f"{reason}{stop} {self.hint}".rstrip())


class CallRejected(ToolExecutionError):
    """The call was refused: the tool's body did not run, and nothing was spent."""

    code = "rejected"
    status = "denied"


class InvalidInputError(CallRejected):
    """The arguments do not fit the tool's parameters. Nothing ran and nothing was asked, counted or spent."""

    code = "invalid_input"
    status = "validation_failed"
    hint = "Correct the arguments and call again."

    def __init__(self, problem: str, *, tool_name: str, call_id: str | None = None, path: str = "") -> None:
        self.path = path
        super().__init__(f"Invalid arguments for {tool_name!r}: {problem}", tool_name=tool_name, call_id=call_id)


class LoopDetectedError(CallRejected):
    """The same call, or the same short pattern of calls, was repeated with the same results."""

    code = "loop_detected"
    status = "loop_blocked"
    hint = "Repeating it will not change the outcome: try something else, or finish with what is known."

    def __init__(
        self, *, tool_name: str, call_id: str | None = None, count: int, period: int = 1, halt: bool = False
    ) -> None:
        self.count = count
        self.period = period
        self.halt = halt
        pattern = (
            f"the call of {tool_name!r}" if period == 1 else f"a pattern of {period} calls ending in {tool_name!r}"
        )
        super().__init__(
            f"Loop detected: {pattern} came {count} times with the same outcome.", tool_name=tool_name, call_id=call_id
        )


class ApprovalDeniedError(CallRejected):
    """A person or a rule said no."""

    code = "approval_denied"
    hint = "Do not try to reach the same effect another way."


class ApprovalTimeoutError(CallRejected):
    """Nobody decided in time; the call was not approved."""

    code = "approval_timeout"
    hint = "Ask again later, or go on without it."
    retryable = True


class GuardrailBlockedError(CallRejected):
    """A guardrail blocked the run that this call belongs to."""

    code = "guardrail_blocked"
    status = "guardrail_blocked"


class _Unavailable(CallRejected):
    """A refusal that time heals."""

    retryable = True

    def __init__(self, reason: str, *, tool_name: str, call_id: str | None = None, retry_after: float | None) -> None:
        self.retry_after = retry_after
        when = "" if retry_after is None else f" Try again in {retry_after:.3g} s."
        super().__init__(f"{reason}{when}", tool_name=tool_name, call_id=call_id)


class CircuitOpenError(_Unavailable):
    """The tool failed too often lately, so that calling it now is pointless."""

    code = "circuit_open"
    status = "circuit_open"

    def __init__(self, *, tool_name: str, call_id: str | None = None, retry_after: float | None) -> None:
        reason = f"The circuit breaker of {tool_name!r} is open: it has been failing."
        super().__init__(reason, tool_name=tool_name, call_id=call_id, retry_after=retry_after)


class RateLimitedError(_Unavailable):
    """The tool was called too often. `retry_after` is exact for a caller that is alone."""

    code = "rate_limited"
    status = "rate_limited"

    def __init__(self, *, tool_name: str, call_id: str | None = None, retry_after: float) -> None:
        reason = f"The rate limit of {tool_name!r} is reached."
        super().__init__(reason, tool_name=tool_name, call_id=call_id, retry_after=retry_after)


class BudgetExceededError(CallRejected):
    """The call would cost more than is left. `spent` and `limit` are US dollars, or calls when `unit` says so."""

    code = "budget_exceeded"
    status = "budget_exceeded"
    hint = "Finish with what is known, or ask for a larger budget."

    def __init__(
        self, *, tool_name: str, call_id: str | None = None, spent: float, limit: float, unit: str = "USD"
    ) -> None:
        self.spent = spent
        self.limit = limit
        self.unit = unit
        reason = f"The budget of {tool_name!r} does not cover this call: {spent:g} of {limit:g} {unit} are spoken for."
        super().__init__(reason, tool_name=tool_name, call_id=call_id)


class ConcurrencyLimitError(_Unavailable):
    """As many calls of the tool are running (or hung and abandoned) as are allowed at once."""

    code = "concurrency_limit"
    status = "rate_limited"

    def __init__(
        self, *, tool_name: str, call_id: str | None = None, limit: int, retry_after: float | None = None
    ) -> None:
        self.limit = limit
        reason = f"{tool_name!r} already has as many calls under way as are allowed at once ({limit})."
        super().__init__(reason, tool_name=tool_name, call_id=call_id, retry_after=retry_after)


class WorkerUnavailableError(CallRejected):
    """No worker process could be made ready for the tool: it did not run."""

    code = "worker_unavailable"
    hint = "Go on without it, or use another tool."


class CallTimedOutError(ToolExecutionError, TimeoutError):
    """The tool did not end in time, or the call's total time was up before it could start.

    `may_still_run` is True when its body could not be stopped (a blocking function in a thread, or a coroutine that
    ignores cancellation): its effects may still happen, so do not simply call it again.
    """

    code = "timeout"
    status = "timeout"

    def __init__(
        self, *, tool_name: str, call_id: str | None = None, timeout_seconds: float, may_still_run: bool = False
    ) -> None:
        self.timeout_seconds = timeout_seconds
        self.may_still_run = may_still_run
        self.retryable = not may_still_run
        rest = " It may still be running, and may still take effect." if may_still_run else ""
        super().__init__(
            f"{tool_name!r} timed out after {timeout_seconds:g} s.{rest}", tool_name=tool_name, call_id=call_id
        )


class OutputRejected(ToolExecutionError):
    """The tool ran, and its effects happened, but its result is not let through."""

    code = "output_rejected"


class InvalidOutputError(OutputRejected):
    """The result is not of the type that the tool declares."""

    code = "invalid_output"
    status = "validation_failed"
    hint = "The tool itself is at fault; other arguments may help."

    def __init__(self, problem: str, *, tool_name: str, call_id: str | None = None, path: str = "") -> None:
        self.path = path
        super().__init__(f"Invalid result of {tool_name!r}: {problem}", tool_name=tool_name, call_id=call_id)


class HallucinationError(OutputRejected):
    """The result does not look like a real response of this tool. `signals` says why, strongest first."""

    code = "hallucination"
    status = "hallucinated"
    hint = "Do not rely on it; call the tool again or use another source."

    def __init__(
        self, *, tool_name: str, call_id: str | None = None, score: float, signals: tuple[str, ...] = ()
    ) -> None:
        self.score = score
        self.signals = signals
        why = "; ".join(signals) or "it fails the tool's response profile"
        reason = f"The result of {tool_name!r} was not accepted: {why} (score {score:.2f})."
        super().__init__(reason, tool_name=tool_name, call_id=call_id)


class WorkerLostError(ToolExecutionError):
    """The worker process ended, or broke its connection, while the tool ran in it: a crash, `os._exit`, a kill from
    outside, too much memory. What the tool did until then has happened.
    """

    code = "worker_lost"
    hint = "Look at what it has done before calling it again."


class ToolRaisedError(ToolExecutionError):
    """The tool raised an exception in a worker process that cannot be raised here: its class is not loaded in this
    process, or its arguments cannot cross. `type_name` and `text` say what it was; the traceback is a note.
    """

    code = "tool_raised"
    hint = "Correct the cause, or go on without it."

    def __init__(self, *, tool_name: str, call_id: str | None = None, type_name: str, text: str) -> None:
        self.type_name = type_name
        self.text = text
        super().__init__(f"{tool_name!r} raised {type_name}: {text}", tool_name=tool_name, call_id=call_id)
