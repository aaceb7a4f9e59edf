"""User code that reads what an error carries, as type checkers see it. It is checked, never run."""

from typing import assert_type

from agentguard.errors import (
    BudgetExceededError,
    CallRejected,
    CallTimedOutError,
    CircuitOpenError,
    HallucinationError,
    RateLimitedError,
    ToolExecutionError,
)


def what_to_tell_the_model(error: ToolExecutionError) -> str:
    assert_type(error.tool_name, str)
    assert_type(error.call_id, str | None)
    match error:
        case CircuitOpenError() | RateLimitedError():
            assert_type(error.retry_after, float | None)
            return f"try again in {error.retry_after} s"
        case BudgetExceededError(spent=spent, limit=limit):
            assert_type(spent, float)
            return f"{spent} of {limit} {error.unit} are gone"
        case CallRejected():
            return f"{error.code}: it did not run"
        case CallTimedOutError():
            assert_type(error.may_still_run, bool)
            return "it may still run" if error.may_still_run else "it was stopped"
        case HallucinationError(signals=signals):
            assert_type(signals, tuple[str, ...])
            return "; ".join(signals)
        case _:
            return str(error)


def waits_as_for_any_time_out(error: CallTimedOutError) -> TimeoutError:
    return error
