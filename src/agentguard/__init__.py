"""One guard around every tool call: validation, limits, retries, time-outs, traces; the same for sync and async."""

from agentguard.core.call import ToolCall, current_call
from agentguard.core.config import (
    ApprovalConfig,
    BudgetConfig,
    CircuitBreakerConfig,
    ConcurrencyConfig,
    GuardConfig,
    LoopGuardConfig,
    OutputLimitConfig,
    RateLimitConfig,
    ResponseProfile,
    RetryConfig,
    TimeoutConfig,
)
from agentguard.core.context import call_metadata
from agentguard.core.refusal import Refusal
from agentguard.core.result import CallStatus, ToolResult
from agentguard.core.target import Effect
from agentguard.errors import (
    AgentGuardError,
    ApprovalDeniedError,
    ApprovalTimeoutError,
    BudgetExceededError,
    CallRejected,
    CallTimedOutError,
    CircuitOpenError,
    ConcurrencyLimitError,
    ConfigError,
    GuardrailBlockedError,
    HallucinationError,
    InvalidInputError,
    InvalidOutputError,
    LoopDetectedError,
    OutputRejected,
    RateLimitedError,
    StorageError,
    ToolExecutionError,
    ToolRaisedError,
    WorkerLostError,
    WorkerUnavailableError,
    WouldDeadlockError,
)
from agentguard.middleware import GuardMiddleware, MiddlewareChain, MiddlewarePipeline
from agentguard.state.baselines import Baseline
from agentguard.tools.decorator import guard
from agentguard.tools.guarded import GuardedTool
from agentguard.tools.session import Session, session
from agentguard.tracing import async_record_session, open_store, record_session

__all__ = (
    "AgentGuardError",
    "ApprovalConfig",
    "ApprovalDeniedError",
    "ApprovalTimeoutError",
    "Baseline",
    "BudgetConfig",
    "BudgetExceededError",
    "CallRejected",
    "CallStatus",
    "CallTimedOutError",
    "CircuitBreakerConfig",
    "CircuitOpenError",
    "ConcurrencyConfig",
    "ConcurrencyLimitError",
    "ConfigError",
    "Effect",
    "GuardConfig",
    "GuardMiddleware",
    "GuardedTool",
    "GuardrailBlockedError",
    "HallucinationError",
    "InvalidInputError",
    "InvalidOutputError",
    "LoopDetectedError",
    "LoopGuardConfig",
    "MiddlewareChain",
    "MiddlewarePipeline",
    "OutputLimitConfig",
    "OutputRejected",
    "RateLimitConfig",
    "RateLimitedError",
    "Refusal",
    "ResponseProfile",
    "RetryConfig",
    "Session",
    "StorageError",
    "TimeoutConfig",
    "ToolCall",
    "ToolExecutionError",
    "ToolRaisedError",
    "ToolResult",
    "WorkerLostError",
    "WorkerUnavailableError",
    "WouldDeadlockError",
    "async_record_session",
    "call_metadata",
    "current_call",
    "guard",
    "open_store",
    "record_session",
    "session",
)
