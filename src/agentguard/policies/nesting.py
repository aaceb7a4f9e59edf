"""How deep a value is nested, found out without recursion."""

from __future__ import annotations

from typing import Any, Final

MAX_LEVELS: Final = 200
"""Levels that a value of a recursive type may have. pydantic-core stops near 255, but after seconds of trying every
member of a union anew at each level; arguments of real tools have fewer than ten."""

MAX_VALUES: Final = 1_000_000
"""Values looked at. More, found in a value whose parts are shared over and over, are as hopeless as too many levels."""


def is_too_deep(values: list[Any]) -> bool:
    """Whether any of `values`, or all together, exceed the limits. Looks into dicts, lists and tuples only."""
    seen = 0
    for _ in range(MAX_LEVELS):
        values = [child for value in values for child in _children(value)]
        if not values:
            return False
        seen += len(values)
        if seen > MAX_VALUES:
            return True
    return True


def _children(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        return value.values()
    return value if kind is list or kind is tuple else ()
