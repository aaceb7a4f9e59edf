"""Values as JSON, by value, and nothing that would run code when it is read.

`None`, booleans, integers of 64 bits, floats, text and lists are themselves. All else is an object of one entry, whose
key says what it is: `{"tuple": [1, 2]}`. Only values of exactly these types cross: a subclass may be more than what
would arrive of it. `decoding.py` reads it.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
import pathlib
import re
import sys
import zoneinfo
from collections.abc import Callable, Collection
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from agentguard.core.workers.frames import MAX_BODY_BYTES
from agentguard.core.workers.naming import name_of

MAX_DEPTH = 100
"""Containers inside each other. Deeper ones come from mistakes, and would meet the interpreter's own limit."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_LARGEST_PLAIN = 2**63
_AS_THEY_ARE = frozenset({type(None), bool, float})
_PATHS = frozenset({pathlib.PosixPath, pathlib.WindowsPath, pathlib.PurePosixPath, pathlib.PureWindowsPath})

Node = Any
"""What the json module writes."""


class CannotCrossError(Exception):
    """A value cannot go to another process."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        """What is wrong with it, as the end of a sentence."""
        self.path = ""
        """Where it is inside the value that was to be encoded: `.lines[3]`."""

    def inside(self, step: str) -> CannotCrossError:
        """The same, seen from one level further out."""
        self.path = step + self.path
        return self


def encode(value: object) -> bytes:
    """`value` as JSON in UTF-8.

    Raises:
        CannotCrossError: Something in it is of a type that does not cross, refers to itself, or is too deep or large.
    """
    try:
        text = json.dumps(_Encoder().node(value), ensure_ascii=False, separators=(",", ":"), check_circular=False)
    except CannotCrossError:
        raise
    except Exception as error:
        # Attributes are the user's code, and may raise anything.
        msg = f"reading it raised {type(error).__name__}"
        raise CannotCrossError(msg) from error
    body = text.encode()
    if len(body) > MAX_BODY_BYTES:
        msg = f"it takes {len(body)} bytes, and {MAX_BODY_BYTES} are allowed; hand over a file's path instead"
        raise CannotCrossError(msg)
    return body


def what_crosses(values: dict[str, Any]) -> dict[str, Any]:
    """The entries whose values can cross; the others are left behind."""
    return {name: value for name, value in values.items() if crosses(value)}


def crosses(value: object) -> bool:
    """Whether `value` can cross."""
    try:
        encode(value)
    except CannotCrossError:
        return False
    return True


class _Encoder:
    """Turns one value into what the json module writes."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        """Ids of the containers around the one at hand."""

    def node(self, value: Any) -> Node:
        kind = type(value)
        if kind in _AS_THEY_ARE:
            return value
        leaf = _LEAVES.get(kind)
        if leaf is not None:
            return leaf(value)
        container = self._container_of(kind)
        if id(value) in self._open:
            msg = "it contains itself"
            raise CannotCrossError(msg)
        if len(self._open) >= MAX_DEPTH:
            msg = f"it is nested more than {MAX_DEPTH} levels deep"
            raise CannotCrossError(msg)
        self._open.add(id(value))
        try:
            return container(value)
        finally:
            self._open.remove(id(value))

    def _container_of(self, kind: type) -> Callable[[Any], Node]:
        plain = _CONTAINERS.get(kind)
        if plain is not None:
            return lambda value: plain(self, value)
        for is_one, container in _KINDS:
            if is_one(kind):
                return lambda value: container(self, value)
        msg = f"a value of type {kind.__module__}.{kind.__qualname__} cannot go to another process"
        raise CannotCrossError(msg)

    def items(self, values: Collection[Any]) -> list[Node]:
        if _are_plain(values):
            return list(values)
        nodes = []
        for index, value in enumerate(values):
            try:
                nodes.append(self.node(value))
            except CannotCrossError as problem:
                raise problem.inside(f"[{index}]") from None
        return nodes

    def members(self, values: Collection[Any]) -> list[Node]:
        """A set's, which have no place."""
        return list(values) if _are_plain(values) else [self.node(value) for value in values]

    def entries(self, values: dict[Any, Any]) -> list[Node]:
        if _are_plain(values.values()):
            return [self.members(values), list(values.values())]
        nodes = []
        for key, value in values.items():
            try:
                nodes.append(self.node(value))
            except CannotCrossError as problem:
                raise problem.inside(f"[{key!r:.40}]") from None
        return [self.members(values), nodes]

    def attributes(self, values: dict[str, Any]) -> list[Node]:
        nodes = []
        for name, value in values.items():
            try:
                nodes.append(self.node(value))
            except CannotCrossError as problem:
                raise problem.inside(f".{name}") from None
        return [list(values), nodes]

    def member(self, member: Enum) -> Node:
        kind = type(member)
        if kind.__members__.get(member.name) is member:
            return {"member": [_name_of(kind), member.name]}
        # Several flags at once.
        return {"flags": [_name_of(kind), self.node(member.value)]}

    def named_tuple(self, value: Any) -> Node:
        return {"named tuple": [_name_of(type(value)), self.items(value)]}

    def dataclass(self, value: Any) -> Node:
        kind = type(value)
        made_by: object = kind.__new__
        if made_by is not object.__new__:
            msg = f"{kind.__qualname__} is made in a way of its own (`__new__`)"
            raise CannotCrossError(msg)
        named = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if _has(value, field)}
        return {"dataclass": [_name_of(kind), *self.attributes({**named, **getattr(value, "__dict__", {})})]}

    def model(self, model: Any) -> Node:
        state = model.__getstate__()
        parts = [
            self.attributes(state["__dict__"]),
            self.members(state["__pydantic_fields_set__"] or ()),
            None if state["__pydantic_extra__"] is None else self.attributes(state["__pydantic_extra__"]),
            None if state["__pydantic_private__"] is None else self.attributes(state["__pydantic_private__"]),
        ]
        return {"model": [_name_of(type(model)), *parts]}

    def exception(self, error: BaseException) -> Node:
        try:
            args = self.items(_made_with(error))
        except CannotCrossError as problem:
            raise problem.inside(".args") from None
        return {"exception": [_name_of(type(error)), args, *self.attributes(what_crosses(error.__dict__))]}


def _has(value: object, field: dataclasses.Field[Any]) -> bool:
    return hasattr(value, field.name)


def _are_plain(values: Collection[Any]) -> bool:
    """Whether all are themselves in JSON. Only asked of the commonest kinds, at the speed of C: long lists are mostly
    numbers, or mostly text.
    """
    kinds = set(map(type, values))
    if kinds == {int}:
        return bool(min(values) >= -_LARGEST_PLAIN and max(values) < _LARGEST_PLAIN)
    if kinds == {str}:
        return all(map(str.isascii, values))
    return kinds <= _AS_THEY_ARE


def _made_with(error: BaseException) -> tuple[Any, ...]:
    if isinstance(error, OSError) and error.filename is not None:
        # An OSError takes its file's name as its third argument, and leaves it out of `args`.
        return (*error.args[:2], error.filename, None, error.filename2)
    return error.args


def _is_model(kind: type) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(kind, pydantic.BaseModel)


def _name_of(kind: type) -> str:
    name = name_of(kind)
    if name is None:
        msg = f"the class {kind.__module__}.{kind.__qualname__} cannot be found by that name; move it to a module's top"
        raise CannotCrossError(msg)
    return name


def _integer(value: int) -> Node:
    # Python refuses to write or read integers of more than 4,300 digits as decimal text.
    return value if -_LARGEST_PLAIN <= value < _LARGEST_PLAIN else {"int": hex(value)}


def _text(value: str) -> Node:
    if value.isascii() or not _LONE_SURROGATE.search(value):
        return value
    return {"str": _base64(value.encode("utf-8", "surrogatepass"))}


def _base64(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode("ascii")


def _zone(zone: dt.tzinfo | None) -> Node:
    if zone is None:
        return None
    if type(zone) is dt.timezone:
        return [_seconds(zone.utcoffset(None)), zone.tzname(None)]
    if type(zone) is zoneinfo.ZoneInfo and zone.key is not None:
        return zone.key
    msg = f"a time zone of type {type(zone).__module__}.{type(zone).__qualname__} cannot go to another process"
    raise CannotCrossError(msg)


def _seconds(value: dt.timedelta) -> Node:
    return [value.days, value.seconds, value.microseconds]


_LEAVES: dict[type, Callable[[Any], Node]] = {
    int: _integer,
    str: _text,
    bytes: lambda value: {"bytes": _base64(value)},
    bytearray: lambda value: {"bytearray": _base64(value)},
    complex: lambda value: {"complex": [value.real, value.imag]},
    dt.datetime: lambda value: {
        "datetime": [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, _zone(value.tzinfo)]
    },
    dt.date: lambda value: {"date": value.isoformat()},
    dt.time: lambda value: {"time": [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, _zone(value.tzinfo)]},
    dt.timedelta: lambda value: {"timedelta": _seconds(value)},
    Decimal: lambda value: {"decimal": str(value)},
    UUID: lambda value: {"uuid": value.hex},
    **dict.fromkeys(_PATHS, lambda value: {"path": [type(value).__name__, _text(str(value))]}),
}
_CONTAINERS: dict[type, Callable[[_Encoder, Any], Node]] = {
    list: lambda encoder, value: encoder.items(value),
    tuple: lambda encoder, value: {"tuple": encoder.items(value)},
    dict: lambda encoder, value: {"dict": encoder.entries(value)},
    set: lambda encoder, value: {"set": encoder.members(value)},
    frozenset: lambda encoder, value: {"frozenset": encoder.members(value)},
}
_KINDS: tuple[tuple[Callable[[type], bool], Callable[[_Encoder, Any], Node]], ...] = (
    (lambda kind: issubclass(kind, Enum), _Encoder.member),
    (lambda kind: issubclass(kind, BaseException), _Encoder.exception),
    (lambda kind: issubclass(kind, tuple) and hasattr(kind, "_fields"), _Encoder.named_tuple),
    (dataclasses.is_dataclass, _Encoder.dataclass),
    (_is_model, _Encoder.model),
)
