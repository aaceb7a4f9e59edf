"""The strict reading of a type hint: only what is right passes.

pydantic's own modes do not fit: both accept NaN, lax accepts `True` for an int and a set for a list, neither opens JSON
text. So the core schema that pydantic makes of a hint is copied and rewritten, node by node, here and in
`policies.casting_profile`. Nothing is mutated: the schema of a model belongs to its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic_core import core_schema as cs

from agentguard.policies import casting
from agentguard.policies.schema_nodes import (
    Schema,
    any_sequence,
    before,
    chain,
    exact_literal,
    first_of,
    labelled,
    untagged,
)

Rule = Callable[[Schema], Schema]

_SLOTS = (
    "schema",
    "items_schema",
    "keys_schema",
    "values_schema",
    "strict_schema",
    "lax_schema",
    "python_schema",
    "extras_schema",
    "extras_keys_schema",
    "arguments_schema",
    "var_args_schema",
    "var_kwargs_schema",
    "fields",
    "choices",
    "steps",
)
"""Where a core schema keeps other schemas. `json_schema` is left out: nothing is ever validated in JSON mode."""

_NAMED = frozenset({"fields", "choices"})
"""Slots that may hold a dict of schemas by name."""

_NOT_COPIED = frozenset({"ref", "metadata", "serialization"})

_SCALARS = (
    "int",
    "bool",
    "str",
    "bytes",
    "date",
    "time",
    "datetime",
    "timedelta",
    "uuid",
    "complex",
    "fraction",
    "enum",
    "url",
    "multi-host-url",
)

_CONTAINERS = (
    "list",
    "tuple",
    "set",
    "deque",
    "dict",
    "ordered-dict",
    "counter",
    "frozendict",
    "typed-dict",
    "model-fields",
)

_FAIL_FAST = frozenset({"list", "tuple", "set", "frozenset", "deque", "dict", "ordered-dict", "counter", "frozendict"})


class Strict:
    """Rewrites core schemas so that only values of the right type pass.

    Args:
        outputs: True for results: NaN and infinity pass, and an `int` does for a `float`.
    """

    name = "strict"
    _list_items = staticmethod(casting.list_items)

    def __init__(self, *, outputs: bool = False) -> None:
        self.sources: dict[str, Schema] = {}
        self.definitions: dict[str, Schema] = {}
        self._outputs = outputs
        self._rules = self._make_rules()

    def know(self, definitions: Iterable[Schema]) -> None:
        """Takes in definitions that schemas to be rewritten refer to."""
        self.sources.update({definition["ref"]: definition for definition in definitions})

    def rewrite(self, schema: Schema) -> Schema:
        """A rewritten copy. The definitions it refers to are then in `definitions`."""
        # A parameter of an `arguments` schema has no type: only what is inside it is rewritten.
        return self._rules.get(schema.get("type", ""), self._inside)(schema)

    def _make_rules(self) -> dict[str, Rule]:
        return {
            **dict.fromkeys(_SCALARS, self._scalar),
            **dict.fromkeys(_CONTAINERS, self._container),
            **dict.fromkeys(("model", "dataclass", "named-tuple"), self._instance),
            "float": self._float,
            "decimal": self._decimal,
            "frozenset": self._frozenset,
            "generator": self._iterable,
            "json": self._json_text,
            "json-or-python": lambda schema: self._inside(any_sequence(schema)),
            "lax-or-strict": lambda schema: self.rewrite(schema["strict_schema"]),
            "literal": exact_literal,
            "tagged-union": lambda schema: untagged(self._inside(schema)),
            "union": lambda schema: labelled(self._inside(schema)),
            "definition-ref": self._reference,
        }

    def _inside(self, schema: Schema) -> Schema:
        """A copy whose sub-schemas are rewritten and that is itself as it was."""
        copy = {key: value for key, value in schema.items() if key not in _NOT_COPIED}
        for slot in copy.keys() & _SLOTS:
            copy[slot] = self._slot(copy[slot], named=slot in _NAMED)
        # One error is reported; a hundred thousand of one hostile list would cost as many objects.
        return {**copy, "fail_fast": True} if copy.get("type") in _FAIL_FAST else copy

    def _slot(self, value: Any, *, named: bool = False) -> Any:
        if isinstance(value, list):
            return [self._slot(item) for item in value]
        if isinstance(value, tuple):  # a choice and its label
            return self.rewrite(value[0])
        if isinstance(value, dict) and named:
            return {name: self._slot(item) for name, item in value.items()}
        return self.rewrite(value) if isinstance(value, dict) else value

    def _scalar(self, schema: Schema) -> Schema:
        return {**self._inside(schema), "strict": True}

    def _container(self, schema: Schema) -> Schema:
        # pydantic itself marks that of a `Mapping` as not strict.
        return {**self._inside(schema), "strict": schema.get("strict", True)}

    def _instance(self, schema: Schema) -> Schema:
        return dict(cs.is_instance_schema(schema["cls"]))

    def _float(self, schema: Schema) -> Schema:
        node = self._decimal(schema)
        # As an argument an int becomes a float by a cast, which is noted, and only where nothing else takes an int.
        return node if self._outputs else chain(cs.is_instance_schema(float), node)

    def _decimal(self, schema: Schema) -> Schema:
        infinite = self._outputs and schema.get("allow_inf_nan", True)
        return {**self._inside(schema), "strict": True, "allow_inf_nan": infinite}

    def _frozenset(self, schema: Schema) -> Schema:
        node = self._scalar(schema)
        return first_of([node, {**node, "type": "set"}])  # pydantic makes a frozenset of `collections.abc.Set` too

    def _iterable(self, schema: Schema) -> Schema:
        items = self.rewrite(schema.get("items_schema", {"type": "any"}))
        finished = cs.with_info_plain_validator_function(self._list_items)
        lazy = chain(cs.is_instance_schema(Iterable), cs.no_info_plain_validator_function(casting.keep_lazy))
        return first_of([chain(finished, {"type": "list", "items_schema": items}), lazy])

    def _json_text(self, schema: Schema) -> Schema:
        return before(casting.open_json, self.rewrite(schema.get("schema", {"type": "any"})))

    def _reference(self, schema: Schema) -> Schema:
        ref = schema["schema_ref"]
        own = f"{ref}|{self.name}"
        if own not in self.definitions:
            self.definitions[own] = {}  # a recursive type asks again while it is being rewritten
            self.definitions[own] = {**self.rewrite(self.sources[ref]), "ref": own}
        return dict(cs.definition_reference_schema(own))
