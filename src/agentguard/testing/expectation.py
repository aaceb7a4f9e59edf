"""What a test expects of a recorded call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentguard.core.result import CallStatus
from agentguard.errors import ConfigError
from agentguard.testing.call_text import brief
from agentguard.tracing import TraceEntry
from agentguard.tracing.decoding import decoded
from agentguard.tracing.snapshot import redactor_for, snapshot

_MISSING: Any = object()


class Expectation:
    """A call of `tool` with (at least) these arguments, that ended in this way if one is given."""

    def __init__(self, tool: str, arguments: Mapping[str, Any], status: CallStatus | str | None = None) -> None:
        self.tool = tool
        """The tool's name."""
        self._arguments = {name: _Expected(name, value) for name, value in arguments.items()}
        self._status = None if status is None else _status_named(status)

    def is_met_by(self, entry: TraceEntry) -> bool:
        """Whether `entry` is such a call."""
        return entry.tool_name == self.tool and not self._differences(entry)

    def why_not(self, entry: TraceEntry) -> str | None:
        """In which way a call of the same tool is another one; None when it is such a call, or of another tool."""
        differences = self._differences(entry) if entry.tool_name == self.tool else []
        return f"another call of {self.tool} had {', '.join(differences)}" if differences else None

    def _differences(self, entry: TraceEntry) -> list[str]:
        actual = entry.call.arguments
        differences = []
        for name, expected in self._arguments.items():
            found = actual.get(name, _MISSING)
            if found is _MISSING:
                differences.append(f"no argument {name!r}")
            elif not expected.accepts(found):
                differences.append(f"{name}={brief(found)} instead of {expected}")
        if self._status is not None and entry.result.status is not self._status:
            differences.append(f"the status {entry.result.status.value} instead of {self._status.value}")
        return differences

    def __str__(self) -> str:
        given = ", ".join(f"{name}={expected}" for name, expected in self._arguments.items())
        called = f"{self.tool}({given})" if given else self.tool
        return called if self._status is None else f"{called} with the status {self._status.value}"


class _Expected:
    """The value that an argument should have."""

    def __init__(self, name: str, value: Any) -> None:
        self._value = value
        self._as_recorded = value if callable(value) else _as_recorded(name, value)

    def accepts(self, actual: Any) -> bool:
        if callable(self._value):
            try:
                return bool(self._value(actual))
            except (AttributeError, LookupError, TypeError, ValueError):
                # What a model passed may be of any type, and a condition that cannot be asked about it does not hold.
                return False
        # The value itself is asked too, and first: it may be something like `unittest.mock.ANY`.
        return bool(self._value == actual) or bool(self._as_recorded == actual)

    def __str__(self) -> str:
        return getattr(self._value, "__name__", "<a condition>") if callable(self._value) else brief(self._value)


def runs_of(entry: TraceEntry) -> int:
    """How often the body of a call started."""
    attributes = entry.span.attributes
    runs: int = attributes.get("bodies", entry.result.attempts)
    return runs


def _as_recorded(name: str, value: Any) -> Any:
    """What recording makes of an argument: with its name, by which secrets are known."""
    return decoded(snapshot({name: value}, redactor_for(())))[name]


def _status_named(status: CallStatus | str) -> CallStatus:
    try:
        return CallStatus(status)
    except ValueError:
        msg = f"{status!r} is no status of a call; there are {', '.join(CallStatus)}"
        raise ConfigError(msg) from None
