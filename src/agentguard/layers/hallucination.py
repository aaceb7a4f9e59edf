"""Answers that do not look like real ones."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.config import ResponseProfile
from agentguard.core.result import ToolResult
from agentguard.core.streams import check_items
from agentguard.errors import ConfigError, HallucinationError
from agentguard.policies.signal import Signal

if TYPE_CHECKING:
    from agentguard.state.baselines import Baseline

_logger = logging.getLogger("agentguard")

_WRONG_SCHEMA = 1.0
"""The developer wrote down what an answer is; one that breaks it is not one."""


class HallucinationMiddleware(Layer):
    """Refuses with `HallucinationError` an answer that does not look like a real one of this tool. The tool has run.

    Looks at what the profile says: required and forbidden fields, patterns, latency, JSON Schema. Without a profile,
    only at error bodies returned as success and at placeholder values. Each finding has a score; their combination is
    held against `threshold`. Items of a generator are looked at one by one, without their latency.

    With `learn`, answers are also held against what earlier ones were like. A baseline belongs to one tool, unless the
    profile names one; what was refused teaches it nothing, and when it moves because the tool has drifted, that is
    logged and noted in the call's trace as `drift`.
    """

    name: ClassVar[str] = "Hallucination"

    def __init__(self, profile: ResponseProfile) -> None:
        from agentguard.policies.response import ResponseCheck  # noqa: PLC0415 - 4 ms of every import

        self.settings = profile
        self._check = ResponseCheck(profile)
        self._signals_of = (
            self._check.signals
            if profile.json_schema is None
            else self._with_schema(_schema_checker(profile.json_schema))
        )
        self._learns = profile.learn
        self._baseline = _baseline_for(profile)

    def link(self, inner: Handler, /) -> Handler:
        """Run the call and look at the answer."""
        if self._baseline is not None:
            return self._link_learning(inner, self._baseline)
        signals_of = self._signals_of

        async def verified(call: ToolCall) -> ToolResult:
            if call.target.is_stream:
                return await check_items(inner, call, lambda item: self._checked_item(call, item))
            result = await inner(call)
            signals = signals_of(result.return_value, result.execution_time * 1000.0)
            if signals:
                self._judge(call, signals)
            return result

        return verified

    def _link_learning(self, inner: Handler, baseline: Baseline) -> Handler:
        signals_of = self._with_habits(baseline)

        async def verified(call: ToolCall) -> ToolResult:
            if call.target.is_stream:
                return await check_items(inner, call, lambda item: self._checked_habits(call, item, signals_of))
            result = await inner(call)
            signals = signals_of(call, result.return_value, result.execution_time * 1000.0)
            if signals:
                self._judge(call, signals)
            return result

        return verified

    def reading(self) -> dict[str, Any]:
        """What was learned, by name; nothing when nothing is learned."""
        return {} if self._baseline is None else {"baseline": self._baseline.summary()}

    def reset(self) -> None:
        """Forget what was learned: back to what was loaded, or to nothing."""
        if self._baseline is not None:
            self._baseline.reset()

    def _with_habits(self, baseline: Baseline) -> Callable[[ToolCall, Any, float | None], list[Signal]]:
        """The signs of the profile, and what the baseline finds if these do not refuse the answer anyway."""
        general, check, limit = self._signals_of, self._check, self._check.threshold
        if not self._learns:
            return lambda _call, value, took_ms: [*general(value, took_ms), *baseline.judge(value, took_ms)]
        observe = baseline.observe

        def signals_of(call: ToolCall, value: Any, execution_time_ms: float | None) -> list[Signal]:
            signals = general(value, execution_time_ms)
            if signals and check.score(signals) >= limit:
                # Refused anyway; and an error body says nothing about this tool's answers.
                return signals
            found, notes = observe(value, execution_time_ms, call.runtime.now(), _question_of(call), signals, limit)
            if notes:
                call.note("drift", notes)
                _logger.warning("the answers of %r have changed for good: %s", call.tool_name, "; ".join(notes))
            return [*signals, *found] if found else signals

        return signals_of

    def _checked_habits(self, call: ToolCall, item: Any, signals_of: Callable[..., list[Signal]]) -> Any:
        if signals := signals_of(call, item, None):
            self._judge(call, signals)
        return item

    def _checked_item(self, call: ToolCall, item: Any) -> Any:
        if signals := self._signals_of(item, None):
            self._judge(call, signals)
        return item

    def _judge(self, call: ToolCall, signals: list[Signal]) -> None:
        score = self._check.score(signals)
        if score >= self._check.threshold:
            strongest_first = sorted(signals, key=lambda signal: -signal.score)
            raise HallucinationError(
                tool_name=call.tool_name,
                call_id=call.call_id,
                score=score,
                signals=tuple(signal.text for signal in strongest_first),
            )

    def _with_schema(self, problem_of: Callable[[Any], str | None]) -> Callable[[Any, float | None], list[Signal]]:
        """The signs of the profile, and what is wrong by its JSON Schema."""

        def signals_of(value: Any, execution_time_ms: float | None) -> list[Signal]:
            signals = self._check.signals(value, execution_time_ms)
            problem = problem_of(value)
            return signals if problem is None else [*signals, Signal("json_schema", _WRONG_SCHEMA, problem)]

        return signals_of


def _baseline_for(profile: ResponseProfile) -> Baseline | None:
    if not profile.learn and profile.baseline is None:
        return None
    from agentguard.state.baselines import baseline_for  # noqa: PLC0415 - only where something is learned

    return baseline_for(profile.baseline)


def _question_of(call: ToolCall) -> object:
    """Equal for calls with equal arguments."""
    try:
        return hash((call.args, *call.kwargs.items())) if call.kwargs else hash(call.args)
    except Exception:  # noqa: BLE001 - lists and dicts have no hash, and the user's own may raise anything
        from agentguard.policies.canonical import spelling  # noqa: PLC0415 - loads pydantic-core

        return spelling(call.arguments)


def _schema_checker(schema: Mapping[str, object]) -> Callable[[Any], str | None]:
    """What is wrong with a value by `schema`; None when nothing is."""
    try:
        from jsonschema import Draft202012Validator  # noqa: PLC0415 - an extra, loaded only where it is used
        from jsonschema.exceptions import SchemaError  # noqa: PLC0415 - as above
    except ImportError:
        msg = "ResponseProfile.json_schema needs the extra `schema`: pip install 'agentguard-runtime[schema]'"
        raise ConfigError(msg) from None
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        msg = f"ResponseProfile.json_schema is not a valid JSON Schema: {error.message}"
        raise ConfigError(msg) from None
    validator = Draft202012Validator(schema)

    def problem(value: Any) -> str | None:
        try:
            error = next(iter(validator.iter_errors(value)), None)
        except RecursionError:
            return "the answer is nested too deeply to be checked against the schema"
        return None if error is None else f"{error.json_path}: {error.validator} is violated"

    return problem
