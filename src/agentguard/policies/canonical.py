"""One spelling for equal arguments and results, to tell whether a call was made before."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from pydantic_core import to_json

_SHORT = 200
"""Bytes up to which the spelling itself is kept: comparing that costs no more than comparing digests."""
_SCALARS = frozenset({str, int, float, bool, type(None)})
_DEEPEST = 100
"""Levels of nesting beyond which two values are taken to differ. Arguments of real tools have fewer than ten."""


def spelling(value: Any) -> object:
    """Something hashable that is equal for equal JSON-like values, whatever the order of their keys.

    `1`, `1.0`, `True` and `"1"` differ. A value that cannot be spelled (a cycle, a lone surrogate, an iterator, an
    object that JSON does not know) equals nothing but itself: to take two unlike calls for one would stop an agent that
    makes progress. Never raises, and reads no iterator.
    """
    kind = type(value)
    if kind is str and len(value) <= _SHORT:
        # Marked, so that the text "1" is not the number 1.
        return "text", value
    if kind is dict and _is_simple(value):
        # The usual arguments: the pairs themselves, in a third of the time that encoding takes.
        return tuple(value.items()) if len(value) < 2 else tuple(sorted(value.items()))  # noqa: PLR2004 - no order
    try:
        text = to_json(_sorted(value, _DEEPEST))
    except Exception:  # noqa: BLE001 - foreign objects may raise anything when they are encoded
        return object()
    return text if len(text) <= _SHORT else blake2b(text, digest_size=16).digest()


def are_plain(values: tuple[Any, ...]) -> bool:
    """Whether the values themselves may stand for their spelling: short texts, whole numbers and None. Not so floats
    and booleans, for `1 == 1.0 == True`.
    """
    for value in values:
        kind = type(value)
        if not (kind is int or value is None or (kind is str and len(value) <= _SHORT)):
            return False
    return True


def _is_simple(arguments: dict[Any, Any]) -> bool:
    return are_plain(tuple(arguments.values())) and all(type(name) is str for name in arguments)


def _sorted(value: Any, levels: int) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if not levels:
        raise RecursionError
    if kind is dict:
        for each in value.values():
            if type(each) not in _SCALARS:
                return {key: _sorted(value[key], levels - 1) for key in sorted(value)}
        return value if len(value) < 2 else dict(sorted(value.items()))  # noqa: PLR2004 - fewer have no order
    if kind is list or kind is tuple:
        return [_sorted(each, levels - 1) for each in value]
    if _can_be_used_up(value):
        raise TypeError
    return value


def _can_be_used_up(value: Any) -> bool:
    """Whether to encode it would take items from the tool or its caller: an iterator, alone, in a set or in a field."""
    inside = value if isinstance(value, set | frozenset) else getattr(value, "__dict__", {}).values()
    return any(hasattr(type(each), "__next__") for each in (value, *inside))
