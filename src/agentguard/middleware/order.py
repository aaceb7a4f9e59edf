"""What wraps what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agentguard.core.chain import Layer
from agentguard.errors import ConfigError

ORDER: tuple[str, ...] = (
    "Truncation",
    "LoopGuard",
    "Validation",
    "VerdictGate",
    "Approval",
    "Deadline",
    "Retry",
    "Trace",
    "CircuitBreaker",
    "RateLimiter",
    "Budget",
    "Concurrency",
    "Hallucination",
    "Timeout",
    "Hook",
)
"""The built-in stages, outermost first: your own middleware stands outside them, the tool inside.

Loops are seen even when the call is refused further in. Arguments are cast and checked before anyone is asked, and
before anything is spent. A person's time holds no slot, token or deadline. Breaker, rate and budget are inside Retry,
because every attempt reaches the provider; the breaker is asked first, so that an open circuit drains no tokens."""

CLASSIC_ORDER: tuple[str, ...] = (
    "CircuitBreaker",
    "RateLimiter",
    "Budget",
    "Validation",
    "Hallucination",
    "Retry",
    "Timeout",
    "Trace",
    "Hook",
)
"""The order that the classic documentation shows: one breaker sample, token and charge per call, not per attempt."""

_HOLDS = frozenset({"Deadline", "Retry", "CircuitBreaker", "RateLimiter", "Budget", "Concurrency", "Timeout"})
_ASKS = ("VerdictGate", "Approval")

Stage = str | type[Layer]


def resolve(order: Iterable[Stage], enabled: Sequence[str]) -> tuple[str, ...]:
    """The enabled stages in the order asked for.

    A stage that `order` does not name keeps its default neighbour: it comes right inside the nearest stage that stands
    outside it in `ORDER`. Raises `ConfigError` for an unknown or repeated stage, and for an order in which a person
    would be asked about unchecked arguments or while the call holds something.
    """
    named = [_name_of(stage) for stage in order]
    for name in named:
        if named.count(name) > 1:
            msg = f"order names the stage {name!r} more than once"
            raise ConfigError(msg)
    resolved = list(named)
    for position, name in enumerate(ORDER):
        if name not in resolved:
            resolved.insert(_place_after(ORDER[:position], resolved), name)
    stages = tuple(name for name in resolved if name in enabled)
    _check_asking(stages)
    return stages


def _name_of(stage: Stage) -> str:
    name = stage if isinstance(stage, str) else getattr(stage, "name", "")
    if name in ORDER:
        return name
    import difflib  # noqa: PLC0415 - only to say what is wrong

    near = difflib.get_close_matches(str(name), ORDER, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; the stages are {', '.join(ORDER)}"
    msg = f"order names an unknown stage {stage!r}{hint}"
    raise ConfigError(msg)


def _place_after(outer: Sequence[str], resolved: Sequence[str]) -> int:
    """Right inside the nearest default neighbour that is placed already."""
    for name in reversed(outer):
        if name in resolved:
            return resolved.index(name) + 1
    return 0


def _check_asking(stages: Sequence[str]) -> None:
    for name in _ASKS:
        if name not in stages:
            continue
        outside = stages[: stages.index(name)]
        if "Validation" in stages and "Validation" not in outside:
            msg = f"order puts {name} outside Validation: a person would see arguments that are not the ones that run"
            raise ConfigError(msg)
        holding = [outer for outer in outside if outer in _HOLDS]
        if holding:
            msg = f"order puts {name} inside {holding[-1]}, which would be held while a person decides"
            raise ConfigError(msg)
