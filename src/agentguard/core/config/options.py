"""`GuardOptions`: the keywords of `guard(...)` as a type, and how they override a `GuardConfig`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypedDict

from agentguard.core.config.budget import BudgetConfig
from agentguard.core.config.circuit_breaker import CircuitBreakerConfig
from agentguard.core.config.concurrency import ConcurrencyConfig
from agentguard.core.config.loop_guard import LoopGuardConfig
from agentguard.core.config.output_limit import OutputLimitConfig
from agentguard.core.config.rate_limit import RateLimitConfig
from agentguard.core.config.response_profile import ResponseProfile
from agentguard.core.config.retry import RetryConfig
from agentguard.core.config.timeout import TimeoutConfig
from agentguard.errors import ConfigError

_CLOSE = 0.6  # difflib's own default: "max_retrys" finds "max_retries", "zzz" finds nothing


class GuardOptions(TypedDict, total=False):
    """The keywords of `guard(...)`, each with the meaning of the `GuardConfig` field of the same name."""

    name: str | None
    effect: Literal["read", "idempotent", "write"] | None
    validate_input: bool
    validate_output: bool
    custom_validators: Sequence[Callable[..., object]]
    detect_hallucination: bool
    verify_response: bool
    response_profile: ResponseProfile | None
    max_retries: int
    retry: RetryConfig | None
    timeout: float | None
    timeout_config: TimeoutConfig | None
    budget: BudgetConfig | None
    rate_limit: RateLimitConfig | None
    circuit_breaker: CircuitBreakerConfig | None
    concurrency: ConcurrencyConfig | int | None
    loop_guard: LoopGuardConfig | bool | None
    approval: object
    require_approval: object
    output_limit: OutputLimitConfig | int | None
    before_call: Callable[..., object] | None
    after_call: Callable[..., object] | None
    middleware: object
    record: bool
    trace_dir: str | os.PathLike[str]
    trace_backend: Literal["jsonl", "memory", "sqlite"]
    trace_db_path: str | os.PathLike[str] | None
    durability: Literal["buffered", "durable", "fsync"]
    redact: Sequence[str | re.Pattern[str]]
    capture_input: bool
    capture_output: bool
    session_id: str | None
    metadata: Mapping[str, Any] | None
    tags: Sequence[str]
    on_refusal: Literal["raise", "result"]


def check_names(options: Mapping[str, object]) -> None:
    """Refuse a keyword that `guard(...)` does not have.

    Raises:
        ConfigError: With the nearest name there is, if one is near.
    """
    known = GuardOptions.__optional_keys__
    for name in options:
        if name not in known:
            import difflib  # noqa: PLC0415 - only to say what is wrong

            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=_CLOSE)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"guard() got an unknown option {name!r}{hint}")


def overrides(
    options: Mapping[str, Any], *, retry: RetryConfig | None, timeout_config: TimeoutConfig | None
) -> dict[str, object]:
    """The fields to replace in a config whose `retry` and `timeout_config` are given, so that `options` win.

    Some settings have two spellings. An option in one of them also replaces what the config says in the other:
    `timeout=5` over a `timeout_config` changes its `timeout_seconds` and keeps the rest of it.
    """
    changes = dict(options)
    if "retry" in options:
        changes.setdefault("max_retries", 0)
    elif "max_retries" in options and retry is not None:
        changes["retry"] = replace(retry, max_retries=options["max_retries"])
    if "timeout_config" in options:
        changes.setdefault("timeout", None)
    elif "timeout" in options and timeout_config is not None:
        changes["timeout_config"] = _retimed(timeout_config, options["timeout"])
    _replace_aliases(changes)
    return changes


def _retimed(config: TimeoutConfig, seconds: Any) -> TimeoutConfig | None:
    if seconds is None and config.total_seconds is None:
        return None  # switched off: a TimeoutConfig without any limit does not exist
    return replace(config, timeout_seconds=seconds)


def _replace_aliases(changes: dict[str, object]) -> None:
    if "approval" in changes:
        changes.setdefault("require_approval", None)
    elif "require_approval" in changes:
        changes["approval"] = None
    switches = [changes[name] for name in ("verify_response", "detect_hallucination") if name in changes]
    if switches and not any(switches):
        # Switched off means off, whichever spelling turned it on.
        changes.setdefault("verify_response", False)
        changes.setdefault("detect_hallucination", False)
        changes.setdefault("response_profile", None)
