"""What a `GuardConfig` checks and tidies when it is made, field by field."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from agentguard.core.config.budget import BudgetConfig
from agentguard.core.config.circuit_breaker import CircuitBreakerConfig
from agentguard.core.config.concurrency import ConcurrencyConfig
from agentguard.core.config.fields import (
    check_callable,
    check_choice,
    check_flag,
    check_integer,
    check_key,
    check_path,
    check_positive,
    is_text,
    keep_tuple,
    refuse,
)
from agentguard.core.config.loop_guard import LoopGuardConfig
from agentguard.core.config.output_limit import LEAST_CHARS, OutputLimitConfig
from agentguard.core.config.rate_limit import RateLimitConfig
from agentguard.core.config.response_profile import ResponseProfile
from agentguard.core.config.retry import RetryConfig
from agentguard.core.config.timeout import TimeoutConfig
from agentguard.errors import ConfigError

_FLAGS = (
    "validate_input",
    "validate_output",
    "detect_hallucination",
    "verify_response",
    "record",
    "capture_input",
    "capture_output",
)
_CONFIGS: dict[str, type[object]] = {
    "response_profile": ResponseProfile,
    "retry": RetryConfig,
    "timeout_config": TimeoutConfig,
    "budget": BudgetConfig,
    "rate_limit": RateLimitConfig,
    "circuit_breaker": CircuitBreakerConfig,
}


# `Any`, not `GuardConfig`: guard.py imports this file, and the checks assign to a frozen object by name anyway.
def check_guard(config: Any) -> None:
    """Check every field of a `GuardConfig`; make sequences tuples and the metadata a read-only copy.

    Raises:
        ConfigError: Naming the first field that is wrong, or the two that disagree.
    """
    for name in _FLAGS:
        check_flag(config, name)
    for name, kind in _CONFIGS.items():
        if not (getattr(config, name) is None or isinstance(getattr(config, name), kind)):
            refuse(config, name, f"a {kind.__name__} or None")
    _check_tool(config)
    _check_shorthands(config)
    _check_callables(config)
    _check_tracing(config)
    _check_spellings(config)


def _check_tool(config: Any) -> None:
    check_key(config, "name")
    check_choice(config, "effect", ("read", "idempotent", "write", None))
    check_choice(config, "on_refusal", ("raise", "result"))
    keep_tuple(config, "tags", "a sequence of strings", is_text)
    if not (config.session_id is None or isinstance(config.session_id, str)):
        refuse(config, "session_id", "a string or None")
    metadata = {} if config.metadata is None else config.metadata
    if not isinstance(metadata, Mapping):
        refuse(config, "metadata", "a mapping or None")
    object.__setattr__(config, "metadata", MappingProxyType(dict(metadata)))


def _check_shorthands(config: Any) -> None:
    check_integer(config, "max_retries", least=0)
    check_positive(config, "timeout", optional=True)
    if not (config.loop_guard is None or isinstance(config.loop_guard, (bool, LoopGuardConfig))):
        refuse(config, "loop_guard", "True, False, a LoopGuardConfig or None")
    _check_number_or(config, "concurrency", ConcurrencyConfig, least=1)
    _check_number_or(config, "output_limit", OutputLimitConfig, least=LEAST_CHARS)


def _check_number_or(config: Any, name: str, kind: type[object], *, least: int) -> None:
    value = getattr(config, name)
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= least
    if not (value is None or is_count or isinstance(value, kind)):
        refuse(config, name, f"an integer >= {least}, {kind.__name__} or None")


def _check_callables(config: Any) -> None:
    keep_tuple(config, "custom_validators", "a sequence of callables", callable)
    check_callable(config, "before_call")
    check_callable(config, "after_call")
    if inspect.isroutine(config.middleware) or isinstance(config.middleware, (str, bytes, bool, int, float, type)):
        refuse(config, "middleware", "a MiddlewareChain, a sequence of callables or None")
    if isinstance(config.middleware, (list, tuple)):
        keep_tuple(config, "middleware", "a MiddlewareChain, a sequence of callables or None", callable)


def _check_tracing(config: Any) -> None:
    check_choice(config, "trace_backend", ("jsonl", "memory", "sqlite"))
    check_choice(config, "durability", ("buffered", "durable", "fsync"))
    check_path(config, "trace_dir")
    check_path(config, "trace_db_path", optional=True)
    keep_tuple(config, "redact", "a sequence of names and compiled text patterns", _is_name_or_shape)


def _is_name_or_shape(value: object) -> bool:
    if isinstance(value, re.Pattern):
        return isinstance(value.pattern, str)
    return isinstance(value, str) and bool(value)


def _check_spellings(config: Any) -> None:
    retry, timing = config.retry, config.timeout_config
    if retry is not None and config.max_retries not in (0, retry.max_retries):
        _refuse_both("max_retries", config.max_retries, "retry.max_retries", retry.max_retries)
    if timing is not None and config.timeout is not None and timing.timeout_seconds not in (None, config.timeout):
        _refuse_both("timeout", config.timeout, "timeout_config.timeout_seconds", timing.timeout_seconds)
    one, other = config.approval, config.require_approval
    if one is not None and other is not None and one is not other and one != other:
        _refuse_both("approval", one, "require_approval", other)


def _refuse_both(short: str, value: object, long: str, other: object) -> None:
    raise ConfigError(f"GuardConfig.{short} and {long} say different things: {value!r} and {other!r}; give one of them")
