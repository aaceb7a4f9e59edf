"""A function's parameters, as one pydantic schema for its calls and as one JSON Schema for its callers."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Unpack, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import core_schema as cs

from agentguard.policies.annotations import Property, core_schema_of, object_schema
from agentguard.policies.schema_nodes import Schema

Kind = inspect.Parameter  # whose constants name the kinds
Mode = Literal["positional_only", "positional_or_keyword", "keyword_only"]

_MODES: dict[Any, Mode] = {
    Kind.POSITIONAL_ONLY: "positional_only",
    Kind.POSITIONAL_OR_KEYWORD: "positional_or_keyword",
    Kind.KEYWORD_ONLY: "keyword_only",
}

OMITTED = object()
"""Stands for an argument that was not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter and what pydantic made of its hint."""

    name: str
    kind: Any
    """One of the kinds of `inspect.Parameter`."""
    schema: Schema
    definitions: list[Schema]
    """What the schema refers to."""
    required: bool
    default: Any = None
    """Of a parameter that is not required: its default, for the JSON Schema."""
    omittable: bool = False
    """Whether Python knows its default. One that stands in a `Field` is not known to Python, so pydantic passes it."""
    unpacked: bool = False
    """Whether it is `**kwargs: Unpack[SomeTypedDict]`."""


def read_parameters(signature: inspect.Signature, hints: Mapping[str, Any]) -> list[Parameter]:
    """The parameters of a signature. One without a hint takes anything.

    Raises:
        NameError: a hint refers to a name that is not defined yet.
        TypeError: pydantic cannot make a schema of a hint.
    """
    return [_read(parameter, hints.get(name, Any)) for name, parameter in signature.parameters.items()]


def arguments_schema(parameters: Iterable[Parameter], schemas: Iterable[Schema], *, by_name: bool) -> Schema:
    """The core schema of a call.

    Args:
        parameters: of the function.
        schemas: what their arguments must be, in the same order.
        by_name: True for calls that give nothing by position. pydantic-core checks such a call in half the time (0.3 us
            for two arguments) if it is told so.

    For an omitted argument pydantic-core passes on a default; here it is `OMITTED`, to be dropped again.
    """
    listed: list[cs.ArgumentsParameter] = []
    defaults = False
    rest: dict[str, Any] = {}
    for parameter, schema in zip(parameters, schemas, strict=True):
        if parameter.kind is Kind.VAR_POSITIONAL:
            rest["var_args_schema"] = schema
        elif parameter.kind is Kind.VAR_KEYWORD:
            rest["var_kwargs_schema"] = schema
            rest["var_kwargs_mode"] = "unpacked-typed-dict" if parameter.unpacked else "uniform"
        else:
            # A `Field(...)` can ask for an argument after one with a default; pydantic-core then takes it by name only.
            by_name = by_name or (defaults and parameter.required)
            defaults = defaults or not parameter.required
            listed.append(_argument(parameter, schema, by_name=by_name))
    return dict(cs.arguments_schema(listed, **rest))


def parameters_json_schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """JSON Schema of an object whose members are the parameters; `*args` has no name to be given by and is left out."""
    fields = {
        parameter.name: Property(parameter.schema, parameter.required, parameter.default)
        for parameter in parameters
        if parameter.kind in _MODES
    }
    extra = next((parameter for parameter in parameters if parameter.kind is Kind.VAR_KEYWORD), None)
    definitions = [definition for parameter in parameters for definition in parameter.definitions]
    return object_schema(fields, extra=_extra_schema(extra), definitions=definitions)


def _read(parameter: inspect.Parameter, hint: Any) -> Parameter:
    default, unpacked = parameter.default, get_origin(hint) is Unpack
    if isinstance(default, FieldInfo):  # `x: int = Field(5, ge=0)`, as pydantic's `validate_call` reads it
        hint, default = Annotated[hint, default], Kind.empty
    if unpacked:
        hint = get_args(hint)[0] if parameter.kind is Kind.VAR_KEYWORD else Any
    schema, definitions = core_schema_of(hint, name=parameter.name)
    unpacked = unpacked and parameter.kind is Kind.VAR_KEYWORD
    if unpacked:
        schema = _closed(schema, definitions)
    omittable = default is not Kind.empty
    filled = schema["type"] == "default" and not omittable
    if schema["type"] == "default" and omittable:  # two defaults: Python's own counts
        schema = schema["schema"]
    return Parameter(
        name=parameter.name,
        kind=parameter.kind,
        schema=schema,
        definitions=definitions,
        required=not omittable and not filled,
        default=default if omittable else None,
        omittable=omittable,
        unpacked=unpacked,
    )


def _closed(schema: Schema, definitions: Iterable[Schema]) -> Schema:
    """The schema of a TypedDict that refuses what it does not know, where pydantic's drops it."""
    if schema["type"] == "definition-ref":
        schema = next(definition for definition in definitions if definition["ref"] == schema["schema_ref"])
    return {**schema, "extra_behavior": "forbid"}


def _argument(parameter: Parameter, schema: Any, *, by_name: bool) -> cs.ArgumentsParameter:
    if parameter.omittable:
        schema = cs.with_default_schema(schema, default=OMITTED)
    mode = _MODES[parameter.kind]
    if by_name and mode == "positional_or_keyword":
        mode = "keyword_only"
    return cs.arguments_parameter(parameter.name, schema, mode=mode)


def _extra_schema(parameter: Parameter | None) -> Schema | None:
    if parameter is None:
        return None
    return {"type": "any"} if parameter.unpacked else parameter.schema
