"""The onion, and everything it can be made of."""

from agentguard.core.chain import GuardMiddleware, Handler, Middleware
from agentguard.layers.admission import AdmissionMiddleware
from agentguard.layers.budget import BudgetMiddleware
from agentguard.layers.circuit_breaker import CircuitBreakerMiddleware
from agentguard.layers.concurrency import ConcurrencyMiddleware
from agentguard.layers.deadline import DeadlineMiddleware
from agentguard.layers.hallucination import HallucinationMiddleware
from agentguard.layers.hook import HookMiddleware
from agentguard.layers.loop_guard import LoopGuardMiddleware
from agentguard.layers.rate_limit import RateLimiterMiddleware
from agentguard.layers.retry import RetryMiddleware
from agentguard.layers.telemetry import TelemetryMiddleware
from agentguard.layers.timeout import TimeoutMiddleware
from agentguard.layers.trace import TraceMiddleware
from agentguard.layers.truncation import TruncationMiddleware
from agentguard.layers.validation import ValidationMiddleware
from agentguard.middleware.chain import MiddlewareChain
from agentguard.middleware.order import CLASSIC_ORDER, ORDER
from agentguard.middleware.pipeline import MiddlewarePipeline

__all__ = (
    "AdmissionMiddleware",
    "BudgetMiddleware",
    "CLASSIC_ORDER",
    "CircuitBreakerMiddleware",
    "ConcurrencyMiddleware",
    "DeadlineMiddleware",
    "GuardMiddleware",
    "HallucinationMiddleware",
    "Handler",
    "HookMiddleware",
    "LoopGuardMiddleware",
    "Middleware",
    "MiddlewareChain",
    "MiddlewarePipeline",
    "ORDER",
    "RateLimiterMiddleware",
    "RetryMiddleware",
    "TelemetryMiddleware",
    "TimeoutMiddleware",
    "TraceMiddleware",
    "TruncationMiddleware",
    "ValidationMiddleware",
)
