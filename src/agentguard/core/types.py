"""A door with the names that the documents import from here."""

from agentguard.core.call import ToolCall
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
from agentguard.core.refusal import Refusal
from agentguard.core.result import CallStatus, ToolResult
from agentguard.core.target import Effect

__all__ = (
    "ApprovalConfig",
    "BudgetConfig",
    "CallStatus",
    "CircuitBreakerConfig",
    "ConcurrencyConfig",
    "Effect",
    "GuardConfig",
    "LoopGuardConfig",
    "OutputLimitConfig",
    "RateLimitConfig",
    "Refusal",
    "ResponseProfile",
    "RetryConfig",
    "TimeoutConfig",
    "ToolCall",
    "ToolResult",
)
