"""`ConcurrencyConfig`: how many calls of a tool may run at the same time."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from agentguard.core.config.fields import check_integer, check_number


@dataclass(frozen=True, slots=True)
class ConcurrencyConfig:
    """Run at most so many bodies of a tool at once; the pause between two attempts occupies no place.

    Raises:
        ConfigError: A field is out of its range.
    """

    max_concurrent: int
    """Bodies that may run at the same time, at least 1."""

    _: KW_ONLY

    max_wait: float = 0.0
    """Most seconds a call waits for a place, in order of arrival. 0 refuses at once with `ConcurrencyLimitError`."""

    def __post_init__(self) -> None:
        """Check every field."""
        check_integer(self, "max_concurrent", least=1)
        check_number(self, "max_wait", least=0)
