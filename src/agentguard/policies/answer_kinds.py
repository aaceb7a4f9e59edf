"""What kind of thing stands in one place of an answer."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

ABSENT, NULL, FLAG, NUMBER, ODD_NUMBER, TEXT, EMPTY_TEXT, LIST, EMPTY_LIST, FIELDS, NO_FIELDS, OTHER, HIDDEN = range(13)

NAMES: Final = (
    "missing", "null", "true or false", "a number", "no finite number", "a text", "an empty text", "a list",
    "an empty list", "fields", "no fields", "something else", "hidden",
)  # fmt: skip
"""The kinds in words, by number. "hidden" is what a recording has redacted or cut: nothing can be said about it."""

HUGE: Final = 1e300
"""Numbers further from zero are taken for infinite: their ratios would be."""

LONG_TEXT: Final = 1_000
_END: Final = 200


class Absent:
    """Stands where a field is missing."""


class Hidden:
    """Stands where a recording does not show what was there."""


ABSENCE: Final = Absent()
SECRECY: Final = Hidden()

PLAIN_KINDS: Final[dict[type, int]] = {
    Absent: ABSENT,
    type(None): NULL,
    bool: FLAG,
    int: NUMBER,
    float: NUMBER,
    str: TEXT,
    dict: FIELDS,
    list: LIST,
    tuple: LIST,
    Hidden: HIDDEN,
}

# Recordings spell these as texts, and a baseline learned from recordings has to fit the living answers.
_SPELLED: Final = (date, time, timedelta, UUID, PurePath, bytes, bytearray)


def unusual_kind(value: Any) -> tuple[int, Any]:
    """The kind of a value whose type is none of `PLAIN_KINDS`, and the plain value to look at in its place.

    Runs no code of the value's class: subclasses of built-in types are read by the built-in methods, other objects by
    their instance dictionary.
    """
    kind = type(value)
    if issubclass(kind, str):
        return TEXT, str.__str__(value)
    if issubclass(kind, (int, float)):
        return NUMBER, int.__int__(value) if issubclass(kind, int) else float.__float__(value)
    if issubclass(kind, dict):
        return FIELDS, dict(dict.items(value))
    if issubclass(kind, (list, tuple, set, frozenset)):
        return LIST, ([] if issubclass(kind, (set, frozenset)) else value)
    if kind is Decimal:
        return NUMBER, float(value)
    if issubclass(kind, _SPELLED):
        return TEXT, ascii(kind)
    return _of_object(value)


def mark_of(text: str) -> int:
    """Equal for equal texts; a long text is marked by its length and both ends."""
    if len(text) <= LONG_TEXT:
        return hash(text)
    return hash((len(text), text[:_END], text[-_END:]))


def _of_object(value: object) -> tuple[int, Any]:
    try:
        fields = object.__getattribute__(value, "__dict__")
    except Exception:  # noqa: BLE001 - it has no instance dictionary, or a property of that name that fails
        return OTHER, None
    return (FIELDS, fields) if type(fields) is dict and not isinstance(value, type) else (OTHER, None)
