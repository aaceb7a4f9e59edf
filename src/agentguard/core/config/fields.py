"""Checks that all configs share: each names the class and the field, says what is allowed and shows what came.

Booleans are not numbers here although Python says so (`max_retries=True` is a mistake), and NaN and infinity are no
duration, rate or price: a comparison with NaN is always false, so a limit of NaN would never limit.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

from agentguard.errors import ConfigError

_LARGEST = sys.float_info.max
_SHOWN_CHARS = 80  # of the value that came: enough to recognise it, too little to print somebody's document


def refuse(config: object, field: str, allowed: str) -> NoReturn:
    """Raise the `ConfigError` for a field whose value is not among what is `allowed` (a phrase: "an integer >= 1")."""
    value = getattr(config, field)
    raise ConfigError(f"{type(config).__name__}.{field} must be {allowed}, got {_shown(value)}")


def check_integer(config: object, field: str, *, least: int, optional: bool = False) -> None:
    """Refuse anything but an integer that is at least `least` (or None where that is `optional`)."""
    value = getattr(config, field)
    if value is None and optional:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        refuse(config, field, f"an integer >= {least}{_or_none(optional=optional)}")


def check_number(config: object, field: str, *, least: float, optional: bool = False) -> None:
    """Refuse anything but a finite number that is at least `least` (or None where that is `optional`)."""
    value = getattr(config, field)
    if value is None and optional:
        return
    if not is_number(value) or value < least:
        refuse(config, field, f"a finite number >= {least:g}{_or_none(optional=optional)}")


def check_positive(config: object, field: str, *, optional: bool = False) -> None:
    """Refuse anything but a finite number above 0 (or None where that is `optional`)."""
    value = getattr(config, field)
    if value is None and optional:
        return
    if not is_number(value) or value <= 0:
        refuse(config, field, f"a finite number > 0{_or_none(optional=optional)}")


def check_share(config: object, field: str, *, optional: bool = False) -> None:
    """Refuse anything but a share of a whole, above 0 and at most 1 (or None where that is `optional`)."""
    value = getattr(config, field)
    if value is None and optional:
        return
    if not is_number(value) or not 0 < value <= 1:
        refuse(config, field, f"a number above 0 and at most 1{_or_none(optional=optional)}")


def check_choice(config: object, field: str, choices: tuple[str | None, ...]) -> None:
    """Refuse anything but one of `choices`."""
    value = getattr(config, field)
    if not (value is None or isinstance(value, str)) or value not in choices:
        refuse(config, field, "one of " + ", ".join(map(repr, choices)))


def check_flag(config: object, field: str) -> None:
    """Refuse anything but True and False."""
    if not isinstance(getattr(config, field), bool):
        refuse(config, field, "True or False")


def check_callable(config: object, field: str) -> None:
    """Refuse anything but None and what can be called."""
    value = getattr(config, field)
    if value is not None and not callable(value):
        refuse(config, field, "a callable or None")


def check_key(config: object, field: str) -> None:
    """Refuse anything but None and a string that is not empty."""
    value = getattr(config, field)
    if value is not None and not (isinstance(value, str) and value):
        refuse(config, field, "a string that is not empty, or None")


def check_path(config: object, field: str, *, optional: bool = False) -> None:
    """Refuse anything but a path that is not empty (or None where that is `optional`)."""
    value = getattr(config, field)
    if value is None and optional:
        return
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        refuse(config, field, f"a path{_or_none(optional=optional)}")


def keep_tuple(config: object, field: str, allowed: str, accepts: Callable[[object], bool]) -> None:
    """Replace the field's sequence by a tuple, so that nobody can change it later; refuse items not accepted.

    A lone string is refused, though it is a sequence: `redact="token"` would mean five letters.
    """
    value = getattr(config, field)
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        refuse(config, field, allowed)
    items = tuple(value)
    if not all(map(accepts, items)):
        refuse(config, field, allowed)
    object.__setattr__(config, field, items)


def is_number(value: object) -> bool:
    """Whether the value is an integer or a float, finite, and not a boolean."""
    # A comparison is exact for integers of any size (`math.isfinite` raises on 10**400) and false for NaN. An integer
    # that no float can hold is refused too, because durations and prices are computed with as floats.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST


def is_text(value: object) -> bool:
    """Whether the value is a string."""
    return isinstance(value, str)


def _or_none(*, optional: bool) -> str:
    return " or None" if optional else ""


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a broken __repr__ must not hide which field is wrong
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 3] + "..."
