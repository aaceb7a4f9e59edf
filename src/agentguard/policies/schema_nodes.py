"""Small core schemas that the two profiles are built of.

A cast is a union, tried from left to right: the schema of right values, then a Python function before it. Right values
therefore never leave Rust. Every choice carries a label, by which `policies.mismatch` knows which error to report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import VERSION
from pydantic_core import SchemaValidator
from pydantic_core import core_schema as cs

from agentguard.policies.casting import Cast

Schema = dict[str, Any]

RIGHT = "\0right"
"""Label of the union choice for values that need no cast."""

CAST = "\0cast"
"""Label of every other union choice."""

TAGGED = "\0tagged"
"""Label of what a tag has chosen; the place before it in an error path is the tag."""

_NOT_SHARED: dict[str, Any] = {"_use_prebuilt": False}
"""Without this switch pydantic-core takes the validator that a model's class carries instead of the rewritten schema:
https://github.com/pydantic/pydantic-core/blob/main/src/common/prebuilt.rs"""


def either(right: Schema, cast: Schema) -> Schema:
    """The first schema for values that are right already, else the second, whose error is then the one that counts."""
    return dict(cs.union_schema([(right, RIGHT), (cast, CAST)], mode="left_to_right"))


def first_of(choices: Iterable[Schema]) -> Schema:
    """The first schema that takes the value."""
    return dict(cs.union_schema([(choice, CAST) for choice in choices], mode="left_to_right"))


def labelled(union: Schema) -> Schema:
    """A union as it is, its choices labelled so that their names stay out of error paths."""
    return {**union, "choices": [(choice, CAST) for choice in union["choices"]]}


def before(function: Cast, schema: Schema) -> Schema:
    """The schema, on what the function returns."""
    return dict(cs.with_info_before_validator_function(function, schema))


def gate(classes: type | tuple[type, ...], function: Cast, schema: Schema) -> Schema:
    """The schema, on what the function returns for a value that is no instance of the classes.

    Unlike a union of two schemas it checks the content once, whatever the nesting.
    """
    opened = cs.with_info_plain_validator_function(function)
    return chain(either(dict(cs.is_instance_schema(classes)), dict(opened)), schema)


def chain(*steps: Any) -> Schema:
    """The schemas one after the other, each on what the one before returned."""
    return dict(cs.chain_schema(list(steps)))


def exact_literal(schema: Schema) -> Schema:
    """The literal, by type and value: pydantic's takes `True`, `1.0` and `Decimal(1)` for `1`."""
    expected = schema["expected"]
    kinds = {kind: [value for value in expected if type(value) is kind] for kind in map(type, expected)}
    choices = first_of(_literal_of(kind, values) for kind, values in kinds.items())
    words = " or ".join(map(repr, expected))
    return dict(cs.custom_error_schema(choices, "literal", custom_error_message=f"Input should be {words}"))


def untagged(union: Schema) -> Schema:
    """A tagged union as it is, its tags marked so that they stay out of error paths."""
    choices = {
        tag: dict(cs.union_schema([(choice, TAGGED)], auto_collapse=False)) if isinstance(choice, dict) else choice
        for tag, choice in union["choices"].items()
    }
    return {**union, "choices": choices}


def any_sequence(schema: Schema) -> Schema:
    """The schema of a `Sequence[X]`, whose inner check of a list is told that other sequences will do."""
    python = schema["python_schema"]
    if not is_sequence(schema) or python.get("type") != "chain":
        return schema
    *checks, wrap = python["steps"]
    wrap = {**wrap, "schema": {**wrap["schema"], "strict": False}}
    return {**schema, "python_schema": {**python, "steps": [*checks, wrap]}}


def is_sequence(schema: Schema) -> bool:
    """Whether pydantic made this `json-or-python` schema of a `Sequence[X]`."""
    return bool(schema["json_schema"].get("type") == "list")


def build_validator(schema: Schema, definitions: Mapping[str, Schema]) -> SchemaValidator:
    """A validator of exactly this schema and these definitions.

    Raises:
        TypeError: pydantic is 2.11 or 2.12.
    """
    whole: Any = cs.definitions_schema(schema, list(definitions.values())) if definitions else schema
    try:
        return SchemaValidator(whole, **_NOT_SHARED)
    except TypeError:  # pragma: no cover - pydantic before 2.13
        # 2.10 has no switch and needs none: it never shares validators.
        if VERSION.startswith("2.10."):
            return SchemaValidator(whole)
        raise TypeError(
            f"pydantic {VERSION} cannot check models by other rules than their own: use 2.10, or 2.13 or newer"
        ) from None


def _literal_of(kind: type, values: list[Any]) -> Schema:
    literal = dict(cs.literal_schema(values))
    if kind is str:
        return literal
    return chain(cs.int_schema(strict=True) if kind is int else cs.is_instance_schema(kind), literal)
