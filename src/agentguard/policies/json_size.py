"""How long a value's compact JSON is, found without writing it out: the cost is bounded by the room there is.

Compact is `json.dumps(value, separators=(",", ":"), ensure_ascii=False)`.
"""

from __future__ import annotations

from collections.abc import Iterable
from json.encoder import encode_basestring
from math import isfinite
from typing import Any, Final

MAX_DEPTH: Final = 64
"""Levels of nesting; what lies deeper is left out. Ours: encoders fail at about 1,000, readers lose count earlier."""

_MOST_ESCAPED: Final = 6  # a control character becomes \u001f
_LONGEST_FLOAT: Final = 26  # -2.2250738585072014e-308 and a comma; a key of that kind gets quotes
_SHORT_INTEGER: Final = 10**20
_LONG_DIGITS: Final = 300  # bits from which the length of an integer is estimated, because writing it out is quadratic
_LONGEST_NAME: Final = 9  # -Infinity, as Python writes it
_UNKNOWN: Final = 64  # for what cannot even be shown


def json_length(value: object, room: int, depth: int = 0) -> int:
    """Characters of the value's compact JSON, counted up to `room`.

    Above `room` it stops, and any larger number comes back: the cost is bounded by `room`, not by the value. What JSON
    does not know counts as its `repr`.
    """
    if isinstance(value, str):
        return len(value) + 2 if len(value) + 2 > room else len(encode_basestring(value))
    if isinstance(value, (dict, list, tuple)):
        if depth > MAX_DEPTH:
            return room + 1
        return _dict_length(value, room, depth) if isinstance(value, dict) else _list_length(value, room, depth)
    return _scalar_length(value)


def key_length(key: object, room: int) -> int:
    """Characters of a dict's key in JSON, where every key is a string."""
    return json_length(key, room) if isinstance(key, str) else _scalar_length(key) + 2


def fits_easily(value: object, room: int, depth: int = 0) -> bool:
    """Whether the value fits even if every character had to be escaped: cheap, and enough for nearly all results.

    False says nothing; then `json_length` decides.
    """
    return _rest(value, room, depth) >= 0


def _dict_length(value: dict[Any, Any], room: int, depth: int) -> int:
    length = 1  # one bracket; the other one takes the place of the last comma
    for key, child in value.items():
        length += key_length(key, room - length) + 2
        if length > room:
            return length
        length += json_length(child, room - length, depth + 1)
    return max(length, 2)


def _list_length(value: Iterable[Any], room: int, depth: int) -> int:
    length = 1
    for child in value:
        length += json_length(child, room - length, depth + 1) + 1
        if length > room:
            return length
    return max(length, 2)


def _scalar_length(value: object) -> int:
    if isinstance(value, int) and value.bit_length() > _LONG_DIGITS:
        return value.bit_length() // 3 + 2  # at least as long as its digits, of which each holds 3.3 bits
    if isinstance(value, float) and not isfinite(value):
        return _LONGEST_NAME
    try:
        return 4 if value is None else len(repr(value)) + (0 if isinstance(value, (int, float)) else 2)
    except Exception:  # noqa: BLE001 - a foreign __repr__ may raise anything; its value is not ours to judge
        return _UNKNOWN


def _rest(value: object, room: int, depth: int) -> int:
    """What is left of `room` after the longest form the value's JSON can take, with a comma; negative: too little."""
    if isinstance(value, str):
        return room - _MOST_ESCAPED * len(value) - 3
    if value is None or isinstance(value, float) or (isinstance(value, int) and abs(value) < _SHORT_INTEGER):
        return room - _LONGEST_FLOAT
    if depth > MAX_DEPTH:
        return -1
    room -= 3
    if isinstance(value, dict):
        for key, child in value.items():
            room = _rest(child, _rest(key, room, depth), depth + 1)
            if room < 0:
                break
        return room
    return _rest_after(value, room, depth) if isinstance(value, (list, tuple)) else -1


def _rest_after(children: Iterable[object], room: int, depth: int) -> int:
    for child in children:
        room = _rest(child, room, depth + 1)
        if room < 0:
            break
    return room
