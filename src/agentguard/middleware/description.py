"""What a tool's stages are and were told, as plain values: for programs, and for those who lay it out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

from agentguard.core.chain import Layer, Middleware
from agentguard.core.config import GuardConfig, RateLimitConfig
from agentguard.middleware.chain import name_of
from agentguard.state.admission import Admission

_FROM_CONFIG: Mapping[str, Sequence[str]] = {
    "Refusal": ("on_refusal",),
    "CallSpan": ("record", "trace_dir", "trace_backend", "trace_db_path", "redact", "capture_input", "capture_output"),
    "Validation": ("validate_input", "validate_output", "custom_validators"),
    "Hook": ("before_call", "after_call"),
}
"""Stages without a config of their own, and the fields of the tool's config that they were made from."""


@dataclass(frozen=True, slots=True)
class StageDescription:
    """One stage of an onion."""

    name: str
    """What it is called."""
    settings: Mapping[str, Any]
    """What it was told, as values that JSON has; callables and classes by name."""
    changed: frozenset[str] = frozenset()
    """Which of the settings are not the default."""
    is_own: bool = False
    """Whether it is the user's own middleware."""
    parts: tuple[StageDescription, ...] = ()
    """The stages that decide together in this one, all or nothing; none for most."""

    def as_row(self) -> dict[str, Any]:
        """The description as one plain mapping."""
        row: dict[str, Any] = {"name": self.name, "settings": dict(self.settings), "is_own": self.is_own}
        return {**row, "parts": [part.as_row() for part in self.parts]} if self.parts else row


def describe(stages: Iterable[Middleware], config: GuardConfig) -> list[StageDescription]:
    """The stages of a tool with this config, in the same order."""
    return [_described(stage, config) for stage in stages]


def _described(stage: Middleware, config: GuardConfig) -> StageDescription:
    if not isinstance(stage, Layer):
        return StageDescription(name_of(stage), {"defined_in": _place_of(stage)}, is_own=True)
    if isinstance(stage, Admission) and len(stage.gates) > 1:
        parts = (gate.settings for gate in stage.gates)
        return StageDescription(stage.name, {}, parts=tuple(_of_dataclass(_name_of_gate(each), each) for each in parts))
    if is_dataclass(stage.settings):
        return _of_dataclass(stage.name, stage.settings)
    return _of_config(stage, config)


def _name_of_gate(settings: object) -> str:
    """The stage that these settings would make if it stood alone."""
    return "RateLimiter" if isinstance(settings, RateLimitConfig) else type(settings).__name__.removesuffix("Config")


def _of_dataclass(name: str, settings: Any) -> StageDescription:
    return _of_fields(name, settings, fields(settings))


def _of_config(stage: Layer, config: GuardConfig) -> StageDescription:
    if stage.name == "Deadline" and config.timeout_settings is not None:
        total = config.timeout_settings.total_seconds
        return StageDescription(stage.name, {"total_seconds": total}, frozenset({"total_seconds"}))
    names = _FROM_CONFIG.get(stage.name)
    if names is not None:
        return _of_fields(stage.name, config, [field for field in fields(config) if field.name in names])
    return StageDescription(stage.name, {} if stage.settings is None else {"settings": plain(stage.settings)})


def _of_fields(name: str, holder: Any, shown: Iterable[Field[Any]]) -> StageDescription:
    values = {field.name: getattr(holder, field.name) for field in shown}
    changed = frozenset(field.name for field in shown if not _is_default(field, values[field.name]))
    return StageDescription(name, {each: plain(value) for each, value in values.items()}, changed)


def _is_default(field: Field[Any], value: object) -> bool:
    default: Any = field.default if field.default_factory is MISSING else field.default_factory()
    # By type too: for Python, True is 1.
    return type(default) is type(value) and bool(default == value)


def plain(value: object) -> Any:
    """`value` as JSON has it; what JSON has not, by name or else as its `repr`."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return _name_of_value(value)


def _name_of_value(value: object) -> str:
    if isinstance(value, re.Pattern):
        return str(value.pattern)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, type) or hasattr(value, "__qualname__"):
        return _place_of(value)
    return repr(value)


def _place_of(value: object) -> str:
    """Module and name of a function, a class, or the class of an object."""
    named: Any = value if hasattr(value, "__qualname__") else type(value)
    module = "" if named.__module__ == "builtins" else f"{named.__module__}."
    return f"{module}{named.__qualname__}"
