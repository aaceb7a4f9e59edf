"""What a tool can be told: one frozen, validated config per layer, and `GuardConfig` that holds them all.

Durations are seconds, money is US dollars. A wrong value is a `ConfigError` when the config is made.
"""

from agentguard.core.config.approval import ApprovalConfig
from agentguard.core.config.budget import BudgetConfig
from agentguard.core.config.circuit_breaker import CircuitBreakerConfig
from agentguard.core.config.concurrency import ConcurrencyConfig
from agentguard.core.config.guard import GuardConfig
from agentguard.core.config.loop_guard import LoopGuardConfig
from agentguard.core.config.options import GuardOptions
from agentguard.core.config.output_limit import OutputLimitConfig
from agentguard.core.config.rate_limit import RateLimitConfig
from agentguard.core.config.response_profile import ResponseProfile
from agentguard.core.config.retry import RetryConfig
from agentguard.core.config.timeout import TimeoutConfig

__all__ = (
    "ApprovalConfig",
    "BudgetConfig",
    "CircuitBreakerConfig",
    "ConcurrencyConfig",
    "GuardConfig",
    "GuardOptions",
    "LoopGuardConfig",
    "OutputLimitConfig",
    "RateLimitConfig",
    "ResponseProfile",
    "RetryConfig",
    "TimeoutConfig",
)
