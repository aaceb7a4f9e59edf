"""Answers that do not look like real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.config import ResponseProfile
from agentguard.core.result import ToolResult
from agentguard.core.streams import check_items
from agentguard.errors import ConfigError, HallucinationError

if TYPE_CHECKING:
    from agentguard.policies.response import Signal

_WRONG_SCHEMA = 1.0
"""The developer wrote down what an answer is; one that breaks it is not one."""


class HallucinationMiddleware(Layer):
    """Refuses with `HallucinationError` an answer that does not look like a real one of this tool. The tool has run.

    Looks at what the profile says: required and forbidden fields, patterns, latency, JSON Schema. Without a profile,
    only at error bodies returned as success and at placeholder values. Each finding has a score; their combination is
    held against `threshold`. Items of a generator are looked at one by one, without their latency.
    """

    name: ClassVar[str] = "Hallucination"

    def __init__(self, profile: ResponseProfile) -> None:
        if profile.learn:
            msg = "ResponseProfile.learn is not available in this version of agentguard"
            raise ConfigError(msg)
        from agentguard.policies.response import ResponseCheck, Signal  # noqa: PLC0415 - 4 ms of every import

        self.settings = profile
        self._signal = Signal
        self._check = ResponseCheck(profile)
        self._signals_of = (
            self._check.signals
            if profile.json_schema is None
            else self._with_schema(_schema_checker(profile.json_schema))
        )

    def link(self, inner: Handler, /) -> Handler:
        """Run the call and look at the answer."""
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
            return signals if problem is None else [*signals, self._signal("json_schema", _WRONG_SCHEMA, problem)]

        return signals_of


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
