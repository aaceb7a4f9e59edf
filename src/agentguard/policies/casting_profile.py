"""The casting reading of a type hint: the casting table of DESIGN.md section 6, at any depth."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from functools import partial
from typing import Any

from pydantic_core import core_schema as cs

from agentguard.policies import casting
from agentguard.policies.schema_nodes import Schema, before, chain, either, gate, is_sequence, labelled, untagged
from agentguard.policies.strict_profile import Rule, Strict

_CASTS: dict[str, tuple[casting.Cast, dict[str, Any]]] = {
    "int": (casting.cast_int, {"strict": True}),
    "float": (casting.cast_float, {"strict": True, "allow_inf_nan": False}),
    "bool": (casting.cast_bool, {"strict": True}),
    "decimal": (casting.cast_decimal, {"strict": False, "allow_inf_nan": False}),
    **dict.fromkeys(
        ("date", "time", "datetime", "timedelta", "uuid", "bytes", "complex", "fraction"),
        (casting.cast_other, {"strict": False}),
    ),
}
"""For scalars: the cast, and what is changed in the schema that looks at its result."""

_GATES: dict[str, tuple[type, casting.Cast]] = {
    "list": (list, casting.open_list),
    "tuple": (tuple, casting.open_list),
    "deque": (deque, casting.open_list),
    "set": (set, casting.open_set),
    "frozenset": (frozenset, casting.open_set),
    "dict": (dict, casting.open_object),
    "ordered-dict": (OrderedDict, casting.open_object),
    "counter": (Counter, casting.open_object),
    "frozendict": (dict, casting.open_object),
    "typed-dict": (dict, casting.open_object),
    "named-tuple": (tuple, casting.open_object),
    "call": (tuple, casting.open_object),  # what pydantic 2.10 makes of a NamedTuple
}
"""For containers: the class that passes straight to pydantic, and what opens the rest."""

_UNCHANGED = frozenset({"str", "literal", "generator", "json", "definition-ref"})
"""Whose rule is that of the strict profile: text is never cast, and the others only hold what is."""


class Casting(Strict):
    """Rewrites core schemas to the casting table; a value that is right already is never cast.

    What its author marked strict (`Field(strict=True)`, `ConfigDict(strict=True)`) casts nothing.
    """

    name = "casting"
    _list_items = staticmethod(casting.open_iterable)

    def __init__(self) -> None:
        super().__init__()
        self._right = Strict()
        self._right.sources, self._right.definitions = self.sources, self.definitions

    def rewrite(self, schema: Schema) -> Schema:
        """A rewritten copy. The definitions it refers to are then in `definitions`."""
        if _is_strict(schema) and schema["type"] not in {"model", "dataclass"}:
            return self._right.rewrite(schema)
        return super().rewrite(schema)

    def _make_rules(self) -> dict[str, Rule]:
        return {
            **dict.fromkeys(_CASTS, self._cast_scalar),
            **{kind: partial(self._gated, cls, function) for kind, (cls, function) in _GATES.items()},
            "enum": self._enum,
            "dict": self._dict,
            "json-or-python": self._json_or_python,
            "lax-or-strict": self._lax_or_strict,
            "tagged-union": self._tagged_union,
            "union": self._union,
            **dict.fromkeys(("model", "dataclass"), self._model),
            **{kind: rule for kind, rule in super()._make_rules().items() if kind in _UNCHANGED},
        }

    def _cast_scalar(self, schema: Schema) -> Schema:
        function, changes = _CASTS[schema["type"]]
        return either(self._right.rewrite(schema), before(function, {**self._inside(schema), **changes}))

    def _enum(self, schema: Schema) -> Schema:
        return either(self._right.rewrite(schema), before(casting.cast_enum(schema["cls"]), self._inside(schema)))

    def _gated(self, cls: type, function: casting.Cast, schema: Schema) -> Schema:
        return gate(cls, function, self._inside(schema))

    def _dict(self, schema: Schema) -> Schema:
        node = self._inside(schema)
        if schema.get("keys_schema", {}).get("type", "any") not in {"any", "str"}:
            node = dict(cs.no_info_wrap_validator_function(casting.check_keys, node))
        return gate(dict, casting.open_object, node)

    def _json_or_python(self, schema: Schema) -> Schema:
        node = self._inside(schema)
        return gate((list, tuple), casting.open_object, node) if is_sequence(schema) else node

    def _lax_or_strict(self, schema: Schema) -> Schema:
        return either(self._right.rewrite(schema), before(casting.cast_other, self.rewrite(schema["lax_schema"])))

    def _tagged_union(self, schema: Schema) -> Schema:
        node = untagged(self._inside(schema))
        # A function that finds the tag decides itself what text means.
        return node if callable(schema["discriminator"]) else gate(dict, casting.open_object, node)

    def _union(self, schema: Schema) -> Schema:
        words = {key: value for key, value in schema.items() if key.startswith("custom_error")}
        bare = {key: value for key, value in schema.items() if key not in words}
        return {**either(self._right.rewrite(bare), labelled(self._inside(bare))), **words}

    def _model(self, schema: Schema) -> Schema:
        fields = (self._right if _is_strict(schema) else self).rewrite(schema["schema"])
        # Not strict itself: a strict model takes instances only, and a caller that speaks JSON has none.
        node = {**self._inside({**schema, "schema": None}), "schema": fields, "strict": False}
        if schema.get("custom_init"):  # then pydantic calls the class, which validates by its own rules alone
            node = chain(cs.no_info_wrap_validator_function(casting.check_fields, fields), node)
        return gate(schema["cls"], casting.note if schema.get("root_model") else casting.open_object, node)


def _is_strict(schema: Schema) -> bool:
    return bool(schema.get("strict") or schema.get("config", {}).get("strict"))
