"""From a type hint to pydantic's core schema, and from core schemas to the JSON Schema that model APIs take."""

from __future__ import annotations

import functools
import operator
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple

import typing_extensions
from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import SchemaError
from pydantic_core import core_schema as cs

from agentguard.policies.schema_nodes import Schema

# Unknown classes (a context object, a client) are checked with `isinstance`.
_CONFIG = ConfigDict(arbitrary_types_allowed=True)

_SAID_ELSEWHERE = (typing.Never, typing.NoReturn, typing.Self)  # no value of theirs can be told from another


class Property(NamedTuple):
    """One property of an object in JSON Schema."""

    schema: Schema
    required: bool
    default: Any = None


def core_schema_of(annotation: Any, *, name: str) -> tuple[Schema, list[Schema]]:
    """The core schema of a type hint, and the definitions it refers to.

    Args:
        annotation: resolved, as `typing.get_type_hints(..., include_extras=True)` returns it.
        name: of the parameter, for the error.

    Raises:
        NameError: the hint refers to a name that is not defined yet.
        TypeError: pydantic cannot make a schema of the hint.
    """
    # In a tuple because pydantic refuses a config next to a model, which has its own.
    wrapped: Any = tuple[_understood(annotation)]  # type: ignore[misc]
    try:
        whole = TypeAdapter(wrapped, config=_CONFIG).core_schema
    except (RuntimeError, SchemaError, TypeError, ValueError) as error:  # all of them are raised by pydantic
        raise TypeError(f"{name}: the type hint {annotation!r} cannot be checked: {error}") from error
    if isinstance(whole, dict):
        return _only_item(whole)
    # pydantic's stand-in for a schema that waits for a name
    raise NameError(f"{name}: the type hint {annotation!r} refers to a name that is not defined yet")


def object_schema(
    fields: Mapping[str, Property], *, extra: Schema | None, definitions: Iterable[Schema]
) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of an object with these fields.

    Args:
        fields: by name.
        extra: the core schema of further members; None if there may be none.
        definitions: what the schemas refer to.
    """
    members = {
        name: cs.typed_dict_field(_with_default(field), required=field.required) for name, field in fields.items()
    }
    extras: Any = {"extra_behavior": "forbid"} if extra is None else {"extra_behavior": "allow", "extras_schema": extra}
    unique = {definition["ref"]: definition for definition in definitions}
    whole: Any = cs.definitions_schema(cs.typed_dict_schema(members, **extras), list(unique.values()))
    generator = _ObjectJsonSchema()
    generator.ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}
    made = generator.generate(whole)
    made.setdefault("additionalProperties", extra is not None)  # pydantic 2.10 leaves it out
    made.setdefault("properties", {})
    made.setdefault("required", [])
    return made


class _ObjectJsonSchema(GenerateJsonSchema):
    """pydantic's generator without the titles, which cost tokens, and without failing for a Python-only type."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}


def _with_default(field: Property) -> Any:
    if field.required or field.schema.get("type") == "default":
        return field.schema
    return cs.with_default_schema(field.schema, default=field.default)


def _only_item(schema: Any) -> tuple[Schema, list[Schema]]:
    """The schema that pydantic made inside a tuple of one, and its definitions."""
    if schema["type"] == "definitions":
        return schema["schema"]["items_schema"][0], schema["definitions"]
    return schema["items_schema"][0], []


def _understood(annotation: Any) -> Any:
    """The hint, without the few things that pydantic has no schema for where they stand alone."""
    if type(annotation) is str:
        raise NameError(f"the type hint {annotation!r} was not resolved")
    if any(annotation is form for form in _SAID_ELSEWHERE):
        return Any
    if annotation is typing.LiteralString:
        return str
    return _without_typing_dicts(annotation) if sys.version_info < (3, 12) else annotation


def _without_typing_dicts(annotation: Any) -> Any:
    """The hint with each `typing.TypedDict` made one of `typing_extensions`, which pydantic asks for before 3.12."""
    if typing.is_typeddict(annotation) and type(annotation).__module__ == "typing":
        return _modern_dict(annotation)
    arguments = typing.get_args(annotation)
    changed = tuple(map(_without_typing_dicts, arguments))
    if all(new is old for new, old in zip(changed, arguments, strict=True)):
        return annotation
    origin: Any = typing.get_origin(annotation)
    if origin is Annotated:
        return Annotated[(changed[0], *annotation.__metadata__)]
    if origin in {types.UnionType, typing.Union}:
        return functools.reduce(operator.or_, changed)
    return origin[changed]


def _modern_dict(annotation: Any) -> Any:
    fields = {}
    for name, hint in typing.get_type_hints(annotation, include_extras=True).items():
        marker: Any = typing.Required if name in annotation.__required_keys__ else typing.NotRequired
        marked = typing.get_origin(hint) in {typing.Required, typing.NotRequired}
        fields[name] = marker[_without_typing_dicts(typing.get_args(hint)[0] if marked else hint)]
    make: Any = typing_extensions.TypedDict
    return make(annotation.__name__, fields)
