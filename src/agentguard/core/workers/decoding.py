"""Values from the JSON that `encoding.py` writes.

What a worker sends is not trusted: a class is only taken from the modules that are loaded here already, and only when
it is an enum, a dataclass, a pydantic model, a named tuple or an exception. None of its code runs to make the object:
its attributes are put back as they were.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
import pathlib
import sys
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from enum import Enum, Flag
from typing import Any, cast
from uuid import UUID

from agentguard.core.workers import naming

_PATHS: dict[str, type[pathlib.PurePath]] = {
    "PosixPath": pathlib.Path,
    "WindowsPath": pathlib.Path,
    "PurePosixPath": pathlib.PurePosixPath,
    "PureWindowsPath": pathlib.PureWindowsPath,
}


class NotDecodableError(Exception):
    """Text that is not what `encode` writes, or names a class that is not known here. Says what is wrong."""


def decode(body: bytes, *, may_import: bool = False) -> Any:
    """The value that `encode` made `body` from.

    Args:
        body: JSON in UTF-8.
        may_import: Whether modules may be imported to find a class: in a worker, whose parent has them all.

    Raises:
        NotDecodableError: It is something else, or a class is not to be found.
    """
    decoder = _Decoder(naming.load if may_import else naming.find)
    try:
        return json.loads(body, object_hook=decoder.value)
    except NotDecodableError:
        raise
    except Exception as error:
        # Whatever a hostile worker may think of: wrong shapes, unhashable members, numbers that are none.
        msg = f"it is not a value that was encoded here ({type(error).__name__}: {error})"
        raise NotDecodableError(msg) from error


class _Decoder:
    """Turns the objects in the JSON back into values, innermost first."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        self._find = find

    def value(self, node: dict[str, Any]) -> Any:
        ((tag, content),) = node.items()
        plain = _PLAIN.get(tag)
        return plain(content) if plain is not None else _BY_CLASS[tag](self, *content)

    def a_class(self, name: str, kind: type) -> Any:
        found = self._find(name)
        if not isinstance(found, type) or not issubclass(found, kind):
            what = "class" if kind is object else kind.__name__
            msg = f"{name!r} is no {what} in a module that is loaded here"
            raise NotDecodableError(msg)
        return found

    def member(self, name: str, member: str) -> Any:
        return self.a_class(name, Enum).__members__[member]

    def flags(self, name: str, value: int) -> Any:
        return self.a_class(name, Flag)(value)

    def named_tuple(self, name: str, values: list[Any]) -> Any:
        found = self.a_class(name, tuple)
        if len(values) != len(found._fields):
            msg = f"{name!r} does not have {len(values)} fields here"
            raise NotDecodableError(msg)
        return tuple.__new__(found, values)

    def dataclass(self, name: str, names: list[str], values: list[Any]) -> Any:
        found = self.a_class(name, object)
        if not dataclasses.is_dataclass(found):
            msg = f"{name!r} is no dataclass here"
            raise NotDecodableError(msg)
        made: Any = object.__new__(cast("type", found))
        # Around a frozen dataclass's own `__setattr__`.
        for each, value in _named(names, values).items():
            object.__setattr__(made, each, value)
        return made

    def model(self, name: str, fields: Any, fields_set: list[str], extra: Any, private: Any) -> Any:
        found = self.a_class(name, object)
        # Only now: to find the class may have been to load pydantic.
        pydantic: Any = sys.modules.get("pydantic")
        if pydantic is None or not issubclass(found, pydantic.BaseModel):
            msg = f"{name!r} is no pydantic model here"
            raise NotDecodableError(msg)
        made = object.__new__(found)
        state = {
            "__dict__": _named(*fields),
            "__pydantic_fields_set__": set(fields_set),
            "__pydantic_extra__": None if extra is None else dict(zip(*extra, strict=True)),
            "__pydantic_private__": None if private is None else _named(*private),
        }
        pydantic.BaseModel.__setstate__(made, state)
        return made

    def exception(self, name: str, args: list[Any], names: list[str], values: list[Any]) -> Any:
        found = self.a_class(name, BaseException)
        # The built-in class below it fills its own slots (errno, code, start); no `__init__` in Python runs.
        built_in: Any = next(each for each in found.__mro__ if each.__module__ == "builtins")
        made: BaseException = built_in.__new__(found, *args)
        built_in.__init__(made, *args)
        made.__dict__.update(_named(names, values))
        return made


def _named(names: list[str], values: list[Any]) -> dict[str, Any]:
    for name in names:
        # `__class__` and its like make another object of it. (What is no text has no `startswith`.)
        if name.startswith("__") and name != "__notes__":
            msg = f"{name!r} is no attribute to set"
            raise NotDecodableError(msg)
    return dict(zip(names, values, strict=True))


def _zone(zone: Any) -> dt.tzinfo | None:
    if zone is None:
        return None
    if isinstance(zone, str):
        return zoneinfo.ZoneInfo(zone)
    offset, name = zone
    made = dt.timezone(dt.timedelta(*offset))
    return made if made.tzname(None) == name else dt.timezone(dt.timedelta(*offset), name)


def _datetime(content: list[Any]) -> dt.datetime:
    text, fold, zone = content
    return dt.datetime.fromisoformat(text).replace(fold=fold, tzinfo=_zone(zone))


def _time(content: list[Any]) -> dt.time:
    text, fold, zone = content
    return dt.time.fromisoformat(text).replace(fold=fold, tzinfo=_zone(zone))


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "int": lambda content: int(content, 16),
    "str": lambda content: base64.b64decode(content).decode("utf-8", "surrogatepass"),
    "bytes": base64.b64decode,
    "bytearray": lambda content: bytearray(base64.b64decode(content)),
    "complex": lambda content: complex(*content),
    "datetime": _datetime,
    "date": dt.date.fromisoformat,
    "time": _time,
    "timedelta": lambda content: dt.timedelta(*content),
    "decimal": Decimal,
    "uuid": lambda content: UUID(hex=content),
    "path": lambda content: _PATHS[content[0]](content[1]),
    "tuple": tuple,
    "dict": lambda content: dict(zip(*content, strict=True)),
    "set": set,
    "frozenset": frozenset,
}
_BY_CLASS: dict[str, Callable[..., Any]] = {
    "member": _Decoder.member,
    "flags": _Decoder.flags,
    "named tuple": _Decoder.named_tuple,
    "dataclass": _Decoder.dataclass,
    "model": _Decoder.model,
    "exception": _Decoder.exception,
}


def decode_exception(body: bytes) -> BaseException:
    """The exception in `body`. Raises `NotDecodableError` as `decode` does, and when it is something else."""
    value = decode(body)
    if not isinstance(value, BaseException):
        msg = "it is no exception"
        raise NotDecodableError(msg)
    return value
