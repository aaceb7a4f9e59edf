"""The onion of one tool: its stages, composed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer, Middleware, compose, innermost, needs_loop
from agentguard.core.config import GuardConfig
from agentguard.core.context import ROOT
from agentguard.core.target import Target
from agentguard.errors import CallRejected, CallTimedOutError, ConfigError, ToolExecutionError
from agentguard.layers.admission import AdmissionMiddleware
from agentguard.layers.budget import BudgetMiddleware
from agentguard.layers.circuit_breaker import CircuitBreakerMiddleware
from agentguard.layers.concurrency import ConcurrencyMiddleware
from agentguard.layers.deadline import DeadlineMiddleware
from agentguard.layers.hallucination import HallucinationMiddleware
from agentguard.layers.hook import HookMiddleware
from agentguard.layers.loop_guard import LoopGuardMiddleware
from agentguard.layers.rate_limit import RateLimiterMiddleware
from agentguard.layers.refusal import RefusalMiddleware
from agentguard.layers.retry import RetryMiddleware
from agentguard.layers.timeout import TimeoutMiddleware
from agentguard.layers.trace import TraceMiddleware
from agentguard.layers.truncation import TruncationMiddleware
from agentguard.layers.validation import ValidationMiddleware
from agentguard.middleware.chain import MiddlewareChain, check_middleware, name_of
from agentguard.middleware.description import StageDescription, describe
from agentguard.middleware.order import ORDER, Stage, resolve
from agentguard.state.admission import Admission


class Onion:
    """What wraps a tool, outermost first, in two forms: with the stages that record, and without."""

    def __init__(
        self, config: GuardConfig, *, extra: Iterable[Middleware] = (), order: Iterable[Stage] = ORDER
    ) -> None:
        _check_available(config)
        own = _users_middleware(config.middleware)
        for each in extra:
            check_middleware(each)
        stages = _stages(config)
        built_in = _fused([stages[name] for name in resolve(order, list(stages))])
        self._outside: tuple[Layer, ...] = _outside(config)
        self._config = config
        self.middleware: tuple[Middleware, ...] = (*own, *extra, *built_in)
        """The user's own middleware and the built-in stages, outermost first."""
        self.needs_loop = any(needs_loop(each) for each in self.middleware)
        """Whether something of the user's in it is async, so that even a plain call of a sync tool needs a loop."""
        quiet = [each for each in self.middleware if not isinstance(each, TraceMiddleware)]
        self.at_root = self._recorded if config.record else compose([*self._outside, *quiet], innermost)

    def handler_for(self, call: ToolCall) -> Handler:
        """The handler for `call`: the recording one only when something records it."""
        # One comparison for every call made outside of sessions, recorders and other tools' bodies.
        if call.origin_node is ROOT:
            return self.at_root
        return self._recorded if call.origin.collectors else self.at_root

    @property
    def stages(self) -> Sequence[Middleware]:
        """What a recorded call passes through, outermost first."""
        return (*self._outside, self._call_span, *self.middleware)

    # Made when the first call is recorded: what it takes to record costs a program that never does 20 ms of import.

    @cached_property
    def _recorded(self) -> Handler:
        return compose(self.stages, innermost)

    @cached_property
    def _call_span(self) -> Layer:
        from agentguard.layers.call_span import CallSpanMiddleware  # noqa: PLC0415 - as above

        return CallSpanMiddleware(self._config)

    def prepare(self, target: Target) -> None:
        """Have the layers compile what they need to know of `target`, so that a wrong hint shows at decoration."""
        for each in self.middleware:
            if isinstance(each, Layer):
                each.prepare(target)

    def describe(self) -> list[StageDescription]:
        """The composed onion as plain values, outermost first."""
        return describe(self.stages, self._config)

    def explain(self) -> str:
        """The composed onion as text, one stage a line, outermost first."""
        return "\n".join(f"{name}{f'({settings})' if settings else ''}" for name, settings in map(_line, self.stages))


def target_of(fn: Any, config: GuardConfig) -> Target:
    """What `config` makes of `fn`. Raises `ConfigError` when it is not callable."""
    timing = config.timeout_settings
    isolation = None if timing is None else timing.isolation
    return Target(
        fn,
        name=config.name,
        effect=config.effect,
        is_inline=isolation == "inline",
        is_remote=isolation == "process",
        memory_limit_mb=None if timing is None else timing.memory_limit_mb,
    )


def _line(middleware: Middleware) -> tuple[str, object]:
    if isinstance(middleware, Layer):
        return middleware.name, middleware.settings
    return name_of(middleware), None


def _outside(config: GuardConfig) -> tuple[Layer, ...]:
    kinds: list[type[ToolExecutionError]] = []
    if config.on_refusal == "result":
        kinds.append(CallRejected)
    timing = config.timeout_settings
    if timing is not None and timing.on_timeout == "result":
        kinds.append(CallTimedOutError)
    return (RefusalMiddleware(*kinds),) if kinds else ()


def _users_middleware(given: object) -> tuple[Middleware, ...]:
    if given is None:
        return ()
    if isinstance(given, MiddlewareChain):
        return given.freeze()
    if not isinstance(given, Iterable):
        msg = f"middleware must be a MiddlewareChain or a sequence of middleware, got {type(given).__name__}"
        raise ConfigError(msg)
    return MiddlewareChain(given).freeze()


def _stages(config: GuardConfig) -> dict[str, Layer]:
    """The stages that `config` turns on, by name."""
    made = {name: make(config) for name, make in _MAKERS.items()}
    return {name: layer for name, layer in made.items() if layer is not None}


def _fused(stages: Sequence[Layer]) -> list[Layer]:
    """Neighbouring admission stages decide together, all or nothing."""
    fused: list[Layer] = []
    for is_admission, group in groupby(stages, lambda stage: isinstance(stage, Admission)):
        neighbours = list(group)
        if is_admission and len(neighbours) > 1:
            fused.append(AdmissionMiddleware(*(each for each in neighbours if isinstance(each, Admission))))
        else:
            fused.extend(neighbours)
    return fused


def _check_available(config: GuardConfig) -> None:
    """Refuse what this version cannot do: a guard that silently does nothing would be worse than none."""
    if config.approval_settings not in (None, False):
        msg = "approval is not available in this version of agentguard; the tool would run without being approved"
        raise ConfigError(msg)


def _deadline(config: GuardConfig) -> Layer | None:
    timing = config.timeout_settings
    return None if timing is None or timing.total_seconds is None else DeadlineMiddleware(timing.total_seconds)


def _validation(config: GuardConfig) -> Layer | None:
    if not (config.validate_input or config.validate_output or config.custom_validators):
        return None
    return ValidationMiddleware(
        validate_input=config.validate_input,
        validate_output=config.validate_output,
        custom_validators=config.custom_validators,
    )


def _hook(config: GuardConfig) -> Layer | None:
    if config.before_call is None and config.after_call is None:
        return None
    return HookMiddleware(config.before_call, config.after_call)


def _made(
    layer: Callable[[Any], Layer], settings: Callable[[GuardConfig], Any]
) -> Callable[[GuardConfig], Layer | None]:
    """What makes `layer` from its own settings; None when they are off."""

    def make(config: GuardConfig) -> Layer | None:
        found = settings(config)
        return None if found is None else layer(found)

    return make


_MAKERS: Mapping[str, Callable[[GuardConfig], Layer | None]] = {
    "Truncation": _made(TruncationMiddleware, lambda config: config.output_limit_settings),
    "LoopGuard": _made(LoopGuardMiddleware, lambda config: config.loop_guard_settings),
    "Validation": _validation,
    "Deadline": _deadline,
    "Retry": _made(RetryMiddleware, lambda config: config.retry_settings),
    "Trace": lambda config: TraceMiddleware(
        has_retries=config.retry_settings is not None, notes_starts=config.effect != "read"
    ),
    "CircuitBreaker": _made(CircuitBreakerMiddleware, lambda config: config.circuit_breaker),
    "RateLimiter": _made(RateLimiterMiddleware, lambda config: config.rate_limit),
    "Budget": _made(BudgetMiddleware, lambda config: config.budget),
    "Concurrency": _made(ConcurrencyMiddleware, lambda config: config.concurrency_settings),
    "Hallucination": _made(HallucinationMiddleware, lambda config: config.response_settings),
    "Timeout": _made(TimeoutMiddleware, lambda config: config.timeout_settings),
    "Hook": _hook,
}
"""One line a stage: what makes it from the config, or None when it is off."""
