"""`GuardConfig`: everything `guard(...)` can be told about one tool."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from agentguard.core.config.budget import BudgetConfig
from agentguard.core.config.circuit_breaker import CircuitBreakerConfig
from agentguard.core.config.concurrency import ConcurrencyConfig
from agentguard.core.config.guard_checks import check_guard
from agentguard.core.config.loop_guard import LoopGuardConfig
from agentguard.core.config.options import check_names, overrides
from agentguard.core.config.output_limit import OutputLimitConfig
from agentguard.core.config.rate_limit import RateLimitConfig
from agentguard.core.config.response_profile import ResponseProfile
from agentguard.core.config.retry import RetryConfig
from agentguard.core.config.timeout import TimeoutConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardConfig:
    """The settings of one tool, or of many: a config may be reused and overridden (`guard(config=..., timeout=5)`).

    Fields keep what was written, sequences as tuples. Where a setting has a short spelling, the `..._settings`
    properties give what holds: the full config of the layer, or None when it is off.

    Raises:
        ConfigError: A field has a wrong type or value, or two spellings of one setting disagree.
    """

    name: str | None = None
    """What models, traces and errors call the tool. None: the function's own name."""

    effect: Literal["read", "idempotent", "write"] | None = None
    """What the tool does to the world: "read" changes nothing, "idempotent" may be repeated, "write" must not be
    repeated blindly. None: undeclared, treated as "write" wherever that is the safe reading."""

    validate_input: bool = False
    """Cast and check the arguments against the type hints before anything is spent or asked."""

    validate_output: bool = False
    """Check the returned value against the return type hint."""

    custom_validators: Sequence[Callable[..., object]] = ()
    """`(call) -> None | str | bool`, run on the cast arguments; a string or False refuses with `InvalidInputError`."""

    detect_hallucination: bool = False
    """Another spelling of `verify_response`."""

    verify_response: bool = False
    """Refuse answers that look invented or broken, by `response_profile` or, without one, by a few general signs."""

    response_profile: ResponseProfile | None = None
    """What a healthy answer looks like; giving one turns `verify_response` on."""

    max_retries: int = 0
    """Attempts after the first one, at least 0; short for `retry=RetryConfig(max_retries=...)`."""

    retry: RetryConfig | None = None
    """How failed calls are tried again. None: `max_retries` decides."""

    timeout: float | None = None
    """Seconds per attempt, above 0; short for `timeout_config=TimeoutConfig(timeout_seconds=...)`. None: no limit."""

    timeout_config: TimeoutConfig | None = None
    """Limits per attempt and in total. None: `timeout` decides."""

    budget: BudgetConfig | None = None
    """Caps on calls and money. None: none."""

    rate_limit: RateLimitConfig | None = None
    """Calls per second, minute and hour. None: no limit."""

    circuit_breaker: CircuitBreakerConfig | None = None
    """When a failing tool is left alone. None: never."""

    concurrency: ConcurrencyConfig | int | None = None
    """Bodies that may run at once; a number is short for `ConcurrencyConfig(number)`. None: no limit."""

    loop_guard: LoopGuardConfig | bool | None = None
    """Watch for an agent that repeats itself. True takes the defaults; None and False: not watched."""

    approval: object = None
    """Who must agree before the tool runs: True (every call), an `ApprovalConfig`, rules. None: nobody."""

    require_approval: object = None
    """Another spelling of `approval`."""

    output_limit: OutputLimitConfig | int | None = None
    """Longest result; a number is short for `OutputLimitConfig(number)`, in characters. None: no limit."""

    before_call: Callable[..., object] | None = None
    """`before_call(call)`, immediately before the function, in every attempt; raising aborts the call."""

    after_call: Callable[..., object] | None = None
    """`after_call(call, result)`, after every attempt, also a failed one; what it raises is logged once, not raised."""

    middleware: Any = None
    """Your own layers, outside the built-in ones: a `MiddlewareChain` or a sequence of middleware. None: none."""

    record: bool = False
    """Record calls into `trace_dir` also when no recorder or session is open."""

    trace_dir: str | os.PathLike[str] = "./traces"
    """Folder of the traces that `record` writes."""

    trace_backend: Literal["jsonl", "memory", "sqlite"] = "sqlite"
    """Form of the traces that `record` writes."""

    trace_db_path: str | os.PathLike[str] | None = None
    """File of the traces, when it should not be the usual one in `trace_dir`. None: the usual one."""

    durability: Literal["buffered", "durable", "fsync"] = "durable"
    """What the records that `record` writes survive: "buffered" nothing (bounded, counted loss), "durable" the death of
    the process, "fsync" a power cut."""

    redact: Sequence[str | re.Pattern[str]] = ()
    """Names of arguments and fields (strings) and shapes of values (compiled patterns) that no trace may show, besides
    the usual ones."""

    capture_input: bool = True
    """Record the arguments."""

    capture_output: bool = True
    """Record the result."""

    session_id: str | None = None
    """Session of calls made outside any open session; any string. None: none."""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Free data for `call.metadata`, read-only here; None is an empty mapping."""

    tags: Sequence[str] = ()
    """Words to find the tool's traces by."""

    on_refusal: Literal["raise", "result"] = "raise"
    """"raise" the `CallRejected` error, or return a `Refusal` as the "result" for loops that hand it to the model."""

    def __post_init__(self) -> None:
        """Check every field; sequences become tuples, the metadata a read-only copy."""
        check_guard(self)

    def merged(self, options: Mapping[str, object]) -> GuardConfig:
        """A config in which the given options, and only those, replace what this one says.

        An option is given when its key is there, whatever its value. Where a setting has two spellings, an option in
        one replaces the other: `max_retries=5` over a `retry` changes its `max_retries` and keeps its delays.

        Raises:
            ConfigError: An option does not exist (with the nearest name), or has a wrong value.
        """
        check_names(options)
        if not options:
            return self
        changes = overrides(options, retry=self.retry, timeout_config=self.timeout_config)
        return replace(self, **cast("dict[str, Any]", changes))  # checked by __post_init__ of the new config

    @property
    def retry_settings(self) -> RetryConfig | None:
        """How failed calls are retried; None when they are not."""
        retry = self.retry or RetryConfig(self.max_retries)
        return retry if retry.max_retries else None

    @property
    def timeout_settings(self) -> TimeoutConfig | None:
        """The limits of an attempt and of the whole call; None when there are none."""
        if self.timeout_config is None:
            return None if self.timeout is None else TimeoutConfig(self.timeout)
        if self.timeout_config.timeout_seconds is None and self.timeout is not None:
            return replace(self.timeout_config, timeout_seconds=self.timeout)
        return self.timeout_config

    @property
    def concurrency_settings(self) -> ConcurrencyConfig | None:
        """How many bodies may run at once; None when any number may."""
        return ConcurrencyConfig(self.concurrency) if isinstance(self.concurrency, int) else self.concurrency

    @property
    def loop_guard_settings(self) -> LoopGuardConfig | None:
        """How repetitions are answered; None when nobody watches."""
        if isinstance(self.loop_guard, bool):
            return LoopGuardConfig() if self.loop_guard else None
        return self.loop_guard

    @property
    def approval_settings(self) -> object:
        """What was given as `approval` or `require_approval`; None when nobody is asked."""
        return self.require_approval if self.approval is None else self.approval

    @property
    def output_limit_settings(self) -> OutputLimitConfig | None:
        """How results are cut; None when they are not."""
        return OutputLimitConfig(self.output_limit) if isinstance(self.output_limit, int) else self.output_limit

    @property
    def response_settings(self) -> ResponseProfile | None:
        """What answers are held against (an empty profile for the general signs); None when they are not checked."""
        if self.response_profile is None and (self.verify_response or self.detect_hallucination):
            return ResponseProfile()
        return self.response_profile
