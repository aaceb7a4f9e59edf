"""The casting table in Python: what happens to a value that is not right yet.

pydantic-core calls these only after its own strict check of the value has failed, so a call whose arguments are right
already never comes here. Each takes the value and pydantic's `info`, and raises, or returns what pydantic shall check
next: the cast, or the value itself where the check knows better what is wrong with it.

Text is taken from a `str` subclass without calling its methods, so an overridden one cannot make a value look like
something else.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Collection
from enum import Enum
from typing import Any

from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from agentguard.policies.json_text import MAX_INT_DIGITS, looks_like_json, read_json

Cast = Callable[[Any, ValidationInfo], Any]

NOTED = "agentguard.cast"
"""Key that a cast sets in the validation context, if there is one, to say that it changed something."""

_INT = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_MAX_NUMBER_CHARS = 800  # a double's longest exact decimal spelling has 767 significant digits, plus sign and exponent
_MAX_EXACT = 2**53  # beyond it a double no longer stands for one integer only


def text_of(value: object) -> str | None:
    """The characters of a `str` or of an instance of a subclass; None for anything else."""
    return str.__str__(value) if issubclass(type(value), str) else None


def cast_int(value: Any, info: ValidationInfo) -> Any:
    """`"5"`, `"-5"`, `"+5"`, `"007"` and `5.0` are integers; `"5.0"`, `""`, `"1_000"`, `" 5 "` and `True` are not.

    A float counts up to 2**53: above that it stands for several integers.
    """
    text = text_of(value)
    if text is not None and len(text) > MAX_INT_DIGITS:
        raise _refused(f"an integer of at most {MAX_INT_DIGITS} digits")
    if text is not None and _INT.fullmatch(text):
        return _noted(int(text), info)
    if issubclass(type(value), float) and float.is_integer(value) and float.__abs__(value) <= _MAX_EXACT:
        return _noted(float.__trunc__(value), info)
    if _is_plain_int(value):
        return value
    raise _refused("an integer")


def cast_float(value: Any, info: ValidationInfo) -> Any:
    """`"3.5"`, `"1e3"` and `3` are floats; `"nan"`, `"inf"`, `"1e999"` and `True` are not."""
    text = text_of(value)
    if text is not None and _is_number(text):
        return _noted(_finite(float(text)), info)
    if issubclass(type(value), float):
        return _finite(value)
    if _is_plain_int(value):
        return _noted(_finite(_float_of(value)), info)
    raise _refused("a finite number")


def cast_bool(value: Any, info: ValidationInfo) -> Any:
    """`"true"` and `"false"`, in any case, are booleans; `1`, `"1"` and `"yes"` are not."""
    text = text_of(value)
    word = text.lower() if text is not None and len(text) <= len("false") else None
    if word in {"true", "false"}:
        return _noted(word == "true", info)
    raise _refused("a boolean, true or false")


def cast_decimal(value: Any, info: ValidationInfo) -> Any:
    """Text as for `float`, and as far as a float reaches; handed on unread, for pydantic makes the exact value."""
    text = text_of(value)
    if text is not None and _is_number(text):
        _finite(float(text))
        return _noted(text, info)
    if text is not None or issubclass(type(value), bool):
        raise _refused("a finite decimal number")
    if _is_plain_int(value):
        _finite(_float_of(value))  # pydantic makes text of it, which Python refuses for one of more than 4,300 digits
    return _noted(value, info)


def cast_other(value: Any, info: ValidationInfo) -> Any:
    """Dates, UUIDs, bytes and the like: pydantic's own reading, except of booleans."""
    if issubclass(type(value), bool):
        raise PydanticCustomError("not_a_boolean", "Input should not be a boolean")
    return _noted(value, info)


def cast_enum(members: type[Enum]) -> Cast:
    """A cast that hands on only values of exactly the type of some member's value: `True` is not `1`."""
    kinds = {type(member.value) for member in members}
    expected = " or ".join(repr(member.value) for member in members)

    def cast(value: Any, info: ValidationInfo) -> Any:
        text = text_of(value)
        plain = value if text is None else text
        if type(plain) not in kinds:
            raise _refused(expected)
        return _noted(plain, info)

    return cast


def open_list(value: Any, info: ValidationInfo) -> Any:
    """JSON text opened; other ordered collections kept; sets and iterators refused, whose order or end is unknown."""
    return _open(value, info, accepted=(list, tuple, deque, range), expected="a list")


def open_set(value: Any, info: ValidationInfo) -> Any:
    """JSON text opened; lists, tuples and sets kept."""
    return _open(value, info, accepted=(list, tuple, set, frozenset), expected="a set, or a list of its items")


def open_object(value: Any, info: ValidationInfo) -> Any:
    """JSON text opened; everything else is handed on."""
    return _open(value, info, accepted=(object,), expected="an object")


def open_iterable(value: Any, info: ValidationInfo) -> Any:
    """JSON text opened; any other finished collection made a list, so that its items can be checked now."""
    text = text_of(value)
    return list_items(_read(text, info) if text is not None and looks_like_json(text) else value, info)


def list_items(value: Any, info: ValidationInfo) -> Any:
    """A finished collection made a list; text and bytes are none."""
    if issubclass(type(value), str | bytes | bytearray) or not issubclass(type(value), Collection):
        raise _refused("a list")
    return value if issubclass(type(value), list) else _noted(list(value), info)


def open_json(value: Any, info: ValidationInfo) -> Any:
    """The value that JSON text spells: for `pydantic.Json`, which asks for text."""
    text = text_of(value)
    if text is None:
        raise _refused("JSON text")
    return _read(text, info)


def note(value: Any, info: ValidationInfo) -> Any:
    """The value as it is: something else is about to be made of it."""
    return _noted(value, info)


def keep_lazy(value: Any) -> Any:
    """An iterator or generator as it is: reading it here would empty it."""
    if issubclass(type(value), Collection):
        raise _refused("a list")
    return value


def check_keys(value: Any, handler: Callable[[Any], Any]) -> Any:
    """The dict with its keys cast, refused if two keys became one (`{"1": ..., "01": ...}`)."""
    size = len(value)
    cast = handler(value)
    if len(cast) != size:
        raise PydanticCustomError("duplicate_key", "Input should be an object without duplicate keys")
    return cast


def check_fields(value: Any, handler: Callable[[Any], Any]) -> Any:
    """The value untouched, after its fields were checked: for models whose own `__init__` will build them."""
    if isinstance(value, dict):
        handler(value)
    return value


def _open(value: Any, info: ValidationInfo, *, accepted: tuple[type, ...], expected: str) -> Any:
    text = text_of(value)
    if text is not None:
        # Other text is handed on: a model with a validator of its own may know what to do with it.
        return _read(text, info) if looks_like_json(text) else text
    if not issubclass(type(value), accepted):
        raise _refused(expected)
    return _noted(value, info)


def _read(text: str, info: ValidationInfo) -> object:
    try:
        return _noted(read_json(text), info)
    except ValueError as error:
        problem = str(error)
    raise PydanticCustomError("json_text", "Input should be valid JSON text, but it {problem}", {"problem": problem})


def _noted(value: Any, info: ValidationInfo) -> Any:
    if info.context is not None:
        info.context[NOTED] = True
    return value


def _is_plain_int(value: object) -> bool:
    return issubclass(type(value), int) and not issubclass(type(value), bool)


def _is_number(text: str) -> bool:
    return len(text) <= _MAX_NUMBER_CHARS and _NUMBER.fullmatch(text) is not None


def _float_of(value: int) -> float:
    try:
        return int.__float__(value)
    except OverflowError:
        return math.inf


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise _refused("a finite number")
    return number


def _refused(expected: str) -> PydanticCustomError:
    return PydanticCustomError("not_cast", "Input should be {expected}", {"expected": expected})
