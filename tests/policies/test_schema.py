import collections
import dataclasses
import datetime
import decimal
import enum
import inspect
import json
import math
import pathlib
import pickle
import sys
import typing
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar, Unpack

import pytest
import typing_extensions
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Json,
    JsonValue,
    PrivateAttr,
    RootModel,
    SecretStr,
    StrictInt,
    Tag,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass

from agentguard.policies import schema_nodes
from agentguard.policies.json_text import MAX_INT_DIGITS, MAX_JSON_CHARS
from agentguard.policies.schema import ArgumentSchema, ReturnSchema, SchemaMismatch


class Color(enum.Enum):
    RED = "red"
    ONE = 1


class Level(enum.IntEnum):
    LOW = 1


class Address(typing_extensions.TypedDict):
    number: int
    street: typing_extensions.NotRequired[str]


class Branch(typing_extensions.TypedDict):
    name: str
    next: "typing_extensions.NotRequired[Branch]"


@dataclasses.dataclass
class Point:
    x: int
    tags: list[int] = dataclasses.field(default_factory=list)


@pydantic_dataclass
class Size:
    width: float


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Item(BaseModel):
    price: float
    count: int = 1
    flags: list[bool] = []
    parts: "list[Item]" = []


Content = TypeVar("Content")


class Crate(BaseModel, Generic[Content]):
    content: Content


class Numbers(RootModel[list[int]]):
    pass


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[int]


def number_or_cat(value: Any) -> str:
    return "i" if isinstance(value, int | str) else "c"


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Loud(str):
    """Text whose every method lies."""

    __slots__ = ()

    def __str__(self):
        return "99"

    def __repr__(self):
        raise RuntimeError("no")

    def __len__(self):
        return 1

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1

    def lower(self):
        return "true"

    def lstrip(self, chars=None):
        return "{"


def schema_of(function: Callable[..., Any], **options: Any) -> ArgumentSchema:
    hints = typing.get_type_hints(function, include_extras=True)
    return ArgumentSchema.of(inspect.signature(function), hints, **options)


def schema_for(annotation: Any, name: str = "value", **options: Any) -> ArgumentSchema:
    parameter = inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return ArgumentSchema.of(inspect.Signature([parameter]), {name: annotation}, **options)


def cast(annotation: Any, value: Any) -> Any:
    args, kwargs = schema_for(annotation).cast((value,), {})
    assert kwargs == {}
    (result,) = args
    return result


def refusal(annotation: Any, value: Any, name: str = "value", **options: Any) -> SchemaMismatch:
    with pytest.raises(SchemaMismatch) as caught:
        schema_for(annotation, name, **options).cast((), {name: value})
    return caught.value


def call_refusal(function: Callable[..., Any], *args: Any, **kwargs: Any) -> SchemaMismatch:
    with pytest.raises(SchemaMismatch) as caught:
        schema_of(function).cast(args, kwargs)
    return caught.value


def same(left: Any, right: Any) -> bool:
    """Equal, and of the same types at every depth."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return list(map(same, left, right)) == [True] * len(left) and all(map(same, left.values(), right.values()))
    return left == right


# ---------------------------------------------------------------------------------------------------- the casting table

CAST = [
    (int, "5", 5),
    (int, "-5", -5),
    (int, "+5", 5),
    (int, "007", 7),
    (int, "9" * MAX_INT_DIGITS, int("9" * MAX_INT_DIGITS)),
    (int, 5.0, 5),
    (int, Loud("5"), 5),
    (float, "3.5", 3.5),
    (float, "-3.5", -3.5),
    (float, "1e3", 1000.0),
    (float, ".5", 0.5),
    (float, "5.", 5.0),
    (float, "5", 5.0),
    (float, 3, 3.0),
    (float, Loud("2.5"), 2.5),
    (bool, "true", True),
    (bool, "False", False),
    (bool, "TRUE", True),
    (decimal.Decimal, "3.50", decimal.Decimal("3.50")),
    (decimal.Decimal, 3, decimal.Decimal(3)),
    (decimal.Decimal, 0.1, decimal.Decimal("0.1")),
    (str, Loud("text"), "text"),
    (list[int], '[1, "2"]', [1, 2]),
    (list[int], " \n[1]", [1]),
    (list[int], (1, "2"), [1, 2]),
    (list, "[1, null]", [1, None]),
    (dict[str, int], '{"a": "1"}', {"a": 1}),
    (dict[int, int], '{"1": 2}', {1: 2}),
    (Mapping[str, int], '{"a": 1}', {"a": 1}),
    (tuple[int, str], '["1", "a"]', (1, "a")),
    (tuple[int, ...], ["1", 2], (1, 2)),
    (set[int], '["1", 1]', {1}),
    (frozenset[int], [1], frozenset({1})),
    (Sequence[int], '["1"]', [1]),
    (Sequence[int], ("1",), (1,)),
    (Iterable[int], '["1"]', [1]),
    (Iterable[int], {1}, [1]),
    (collections.deque[int], '["1"]', collections.deque([1])),
    (collections.OrderedDict[str, int], '{"a": "1"}', collections.OrderedDict(a=1)),
    (collections.defaultdict[str, int], '{"a": "1"}', collections.defaultdict(int, a=1)),
    (Address, '{"number": "1"}', {"number": 1}),
    (Address, {"number": "1", "street": "s"}, {"number": 1, "street": "s"}),
    (Point, '{"x": "1", "tags": "[1]"}', Point(1, [1])),
    (Point, {"x": 1}, Point(1)),
    (Size, '{"width": "1.5"}', Size(1.5)),
    (Pair, '["1", "b"]', Pair(1, "b")),
    (Pair, '{"left": "1"}', Pair(1)),
    (Item, '{"price": "1.5", "parts": [{"price": 2}]}', Item(price=1.5, parts=[Item(price=2.0)])),
    (Item, {"price": 1, "flags": '["true"]'}, Item(price=1.0, flags=[True])),
    (Crate[int], {"content": "5"}, Crate[int](content=5)),
    (Crate[list[bool]], {"content": '["true"]'}, Crate[list[bool]](content=[True])),
    (Numbers, '["1"]', Numbers([1])),
    (Pet, {"kind": "cat", "lives": "9"}, Cat(kind="cat", lives=9)),
    (Pet, '{"kind": "dog", "tricks": "[1]"}', Dog(kind="dog", tricks=[1])),
    (Json[list[int]], '["1"]', [1]),
    (Color, "red", Color.RED),
    (Color, 1, Color.ONE),
    (Color, Loud("red"), Color.RED),
    (Level, 1, Level.LOW),
    (datetime.datetime, "2026-01-02T03:04:05", datetime.datetime(2026, 1, 2, 3, 4, 5)),
    (datetime.date, "2026-01-02", datetime.date(2026, 1, 2)),
    (datetime.timedelta, "PT1H", datetime.timedelta(hours=1)),
    (uuid.UUID, "12345678123456781234567812345678", uuid.UUID(int=0x12345678123456781234567812345678)),
    (pathlib.Path, "a/b", pathlib.Path("a/b")),
    (SecretStr, "s", SecretStr("s")),
    (bytes, "abc", b"abc"),
]

NAN_AND_FRIENDS = ["nan", "NaN", "inf", "-inf", "Infinity", "1e999", "-1e999", math.nan, math.inf, -math.inf]
NO_NUMBERS = [
    True,
    False,
    "",
    " 5 ",
    "5 ",
    "1_000",
    "0x1F",
    "\u0665",
    "\u00b2",
    "five",
    b"5",
    None,
    [],
    {},
    "5,0",
    "--5",
    "5\n",
]

REFUSED = [
    *[(int, value) for value in [*NAN_AND_FRIENDS, *NO_NUMBERS]],
    *[(float, value) for value in [*NAN_AND_FRIENDS, *NO_NUMBERS]],
    *[(decimal.Decimal, value) for value in [*NAN_AND_FRIENDS, *NO_NUMBERS]],
    (decimal.Decimal, decimal.Decimal("NaN")),
    (decimal.Decimal, decimal.Decimal("Infinity")),
    (int, 5.5),
    (int, "5.0"),
    (int, "5.5"),
    (int, "1e3"),
    (int, 1e300),
    (int, 2.0**53 + 2),
    (int, "9" * (MAX_INT_DIGITS + 1)),
    (int, "9" * 5000),
    (int, Loud("x")),
    (float, "0" * 5000),
    (float, 10**400),
    (float, Loud("x")),
    *[(bool, value) for value in [0, 1, 2, 1.0, "1", "0", "yes", "no", "on", "t", "", " true", None, Loud("yes")]],
    *[(str, value) for value in [5, 5.0, True, None, b"x", ["x"], Color.RED]],
    *[(list[int], value) for value in [{1}, frozenset({1}), "a,b", "1", "", b"[1]", {1: 2}, iter([1]), {1: 2}.keys()]],
    *[(list[int], value) for value in ["[1", "[1,]", "[NaN]", "[Infinity]", "[1e999]", "[true]", '{"a": 1}', "null"]],
    (tuple[int, ...], {1}),
    (tuple[int, str], [1]),
    (set[int], "a,b"),
    (set[int], iter([1])),
    (Sequence[int], "abc"),
    (Sequence[int], {1}),
    (Iterable[int], "abc"),
    (Iterable[int], b"abc"),
    (Iterable[int], 5),
    *[(dict[str, int], value) for value in ["a=1", "[]", [("a", 1)], '{"a": NaN}', '{"a": 1, "a": 2}', {1: 2}]],
    (dict[str, Any], '{"a": [{"b": 1, "b": 1}]}'),
    (dict[str, Any], '{"a": -1e999}'),
    (dict[int, int], {"1": 1, "01": 2}),
    (Address, {}),
    (Address, {"number": True}),
    (Point, {"x": True}),
    (Point, {"x": 1, "tags": {1}}),
    (Size, {"width": math.nan}),
    (Item, {"price": "nan"}),
    (Item, {"price": True}),
    (Item, {"price": 1, "count": "1.0"}),
    (Item, {"price": 1, "flags": [1]}),
    (Item, {"price": 1, "parts": [{"price": 1, "parts": [{"price": "inf"}]}]}),
    (Item, "text"),
    (Item, "5"),
    (Crate[int], {"content": True}),
    (Numbers, [True]),
    (Pet, {"kind": "cat", "lives": True}),
    (Pet, {"kind": "cow"}),
    (Json[list[int]], [1]),
    (JsonValue, math.nan),
    *[(Color, value) for value in [True, 1.0, "1", "blue", Level.LOW, [], None]],
    *[(Level, value) for value in [True, 1.0, "1", 2]],
    *[(Literal[1, "a"], value) for value in [True, 1.0, "1", "b", decimal.Decimal(1), None]],
    *[(Literal[True], value) for value in [1, 1.0, "true"]],
    *[(Literal["a"], value) for value in ["A", b"a", Loud("b")]],
    (datetime.datetime, "yesterday"),
    (datetime.timedelta, True),
    (datetime.timedelta, math.nan),
    (complex, True),
    (uuid.UUID, "x"),
    (pathlib.Path, 5),
    (pathlib.Path, b"x"),
    (SecretStr, 5),
    (StrictInt, "5"),
    (int | None, "null"),
    (int | None, True),
    (int | str, True),
    (int | float, True),
    (int | float, math.nan),
    (float | str, math.nan),
    (float | str, math.inf),
    (list[int] | int, ["x"]),
    (Annotated[int, Field(ge=0)], "-5"),
    (Annotated[int, Field(ge=0)], -5),
    (Annotated[int, Field(multiple_of=3)], "4"),
    (Annotated[float, Field(lt=1)], "1.5"),
    (Annotated[int | None, Field(ge=0)], "-1"),
    (Annotated[str, Field(max_length=2)], "abc"),
    (Annotated[list[int], Field(min_length=2)], "[1]"),
]


class Holder(BaseModel):
    value: Any


def in_model(annotation: Any) -> Any:
    return type("Holder", (BaseModel,), {"__annotations__": {"value": annotation}, "__module__": __name__})


def in_dataclass(annotation: Any) -> Any:
    return dataclasses.make_dataclass("Held", [("value", annotation)], namespace={"__module__": __name__})


NESTED = {
    "list": (lambda hint: list[hint], lambda value: [value], lambda result: result[0]),
    "dict": (lambda hint: dict[str, hint], lambda value: {"k": value}, lambda result: result["k"]),
    "tuple": (lambda hint: tuple[hint, int], lambda value: (value, 1), lambda result: result[0]),
    "optional": (lambda hint: hint | None, lambda value: value, lambda result: result),
    "union": (lambda hint: hint | type[Exception], lambda value: value, lambda result: result),
    "typed dict": (
        lambda hint: typing_extensions.TypedDict("Held", {"value": hint}),
        lambda value: {"value": value},
        lambda result: result["value"],
    ),
    "dataclass": (in_dataclass, lambda value: {"value": value}, lambda result: result.value),
    "model": (in_model, lambda value: {"value": value}, lambda result: result.value),
    "list of optional": (lambda hint: list[hint | None], lambda value: [None, value], lambda result: result[1]),
}


def nested(shape: str, annotation: Any) -> Any:
    return NESTED[shape][0](annotation)


@pytest.mark.parametrize(("annotation", "value", "expected"), CAST, ids=lambda value: repr(type(value))[:40])
def test_a_castable_value_is_cast(annotation, value, expected):
    assert same(cast(annotation, value), expected)


@pytest.mark.parametrize("shape", NESTED)
@pytest.mark.parametrize(("annotation", "value", "expected"), CAST, ids=lambda value: repr(type(value))[:40])
def test_a_castable_value_is_cast_at_any_depth(annotation, value, expected, shape):
    _, wrap, unwrap = NESTED[shape]
    assert same(unwrap(cast(nested(shape, annotation), wrap(value))), expected)


@pytest.mark.parametrize(("annotation", "value"), REFUSED, ids=lambda value: repr(type(value))[:40])
def test_a_wrong_value_is_refused(annotation, value):
    refusal(annotation, value)


@pytest.mark.parametrize(
    ("shape", "annotation", "value"),
    [
        (shape, annotation, value)
        for shape in NESTED
        for annotation, value in REFUSED
        if value is not None or "optional" not in shape
    ],
    ids=lambda value: repr(type(value))[:40],
)
def test_a_wrong_value_is_refused_at_any_depth(shape, annotation, value):
    _, wrap, _ = NESTED[shape]
    refusal(nested(shape, annotation), wrap(value))


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (int | str, "5", "5"),
        (int | str, 5, 5),
        (int | str, 5.0, 5),
        (int | None, None, None),
        (int | None, "5", 5),
        (int | float, 3, 3),
        (float | int, 3, 3),
        (int | float, 3.0, 3.0),
        (int | float, "3", 3),
        (int | float, "3.5", 3.5),
        (bool | int, 1, 1),
        (int | bool, True, True),
        (bool | int, "true", True),
        (list[int] | str, "[1]", "[1]"),
        (list[int] | str, ["1"], [1]),
        (list[int] | list[str], ["1"], ["1"]),
        (int | list[int] | None, "[5]", [5]),
        (Annotated[int, Tag("i")] | Annotated[list[int], Tag("l")], '["5"]', [5]),
        (Annotated[Annotated[Cat, Tag("c")] | Annotated[int, Tag("i")], Discriminator(number_or_cat)], "5", 5),
        (Item | str, '{"price": 1}', '{"price": 1}'),
        (Item | int, '{"price": "1"}', Item(price=1.0)),
        (Cat | Dog, {"kind": "dog", "tricks": ["1"]}, Dog(kind="dog", tricks=[1])),
        (datetime.date | str, "2026-01-02", "2026-01-02"),
        (JsonValue, "[1]", "[1]"),
        (JsonValue, {"a": [1, "1", True, None]}, {"a": [1, "1", True, None]}),
    ],
)
def test_a_union_casts_only_what_none_of_its_members_takes_as_it_is(annotation, value, expected):
    assert same(cast(annotation, value), expected)


@pytest.mark.parametrize("value", [Item(price=1), Point(1), Size(1.0), Crate[int](content=1), Numbers([1]), object()])
def test_an_instance_passes_as_the_same_object(value):
    assert cast(type(value), value) is value
    assert cast(list[type(value)], [value])[0] is value


def test_what_a_parameter_without_a_hint_takes_is_not_touched():
    value = {"5": [b"x", math.nan]}
    schema = schema_of(lambda anything, **rest: None)
    args, kwargs = schema.cast((value,), {"more": value})
    assert args[0] is value
    assert kwargs["more"] is value


def test_a_literal_string_is_text():
    assert cast(typing.LiteralString, "text") == "text"
    refusal(typing.LiteralString, 5)


def test_an_iterator_is_handed_on_unread():
    numbers = iter([1])
    assert cast(Iterable[int], numbers) is numbers
    assert cast(Iterator[int], numbers) is numbers


def test_a_class_that_pydantic_does_not_know_is_checked_by_isinstance():
    class Client:
        pass

    client = Client()
    assert cast(Client, client) is client
    assert str(refusal(Client, "client")).startswith("value: expected an instance of")


# ------------------------------------------------------------------------------------------------ models and validators


def test_validators_of_a_model_see_the_value_after_its_cast():
    seen = []

    class Order(BaseModel):
        amount: int

        @field_validator("amount")
        @classmethod
        def look(cls, value):
            seen.append(value)
            return value

        @model_validator(mode="after")
        def look_at_all(self):
            seen.append(self.amount)
            return self

    cast(Order, {"amount": "5"})
    assert same(seen, [5, 5])


def test_a_model_keeps_its_own_rules_outside_the_guard():
    cast(Item, {"price": "1"})
    assert Item.model_validate({"price": True}).price == 1.0


def test_text_that_is_not_json_is_left_to_the_model_s_own_validator():
    class Range(BaseModel):
        low: int
        high: int

        @model_validator(mode="before")
        @classmethod
        def read(cls, value):
            return dict(zip(("low", "high"), value.split("-"), strict=True)) if isinstance(value, str) else value

    assert cast(Range, "1-5") == Range(low=1, high=5)
    assert cast(Range, '{"low": 1, "high": 5}') == Range(low=1, high=5)


def test_a_model_with_its_own_init_is_checked_before_it_is_built():
    built = []

    class Own(BaseModel):
        number: int

        def __init__(self, **values):
            built.append(values)
            super().__init__(**values)

    assert cast(Own, {"number": "5"}).number == 5
    refusal(Own, {"number": True})
    assert built == [{"number": "5"}]
    assert cast(Own, '{"number": "5"}').number == 5
    refusal(Own, "text")


def test_a_strict_model_is_built_but_nothing_in_it_is_cast():
    class Exact(BaseModel):
        model_config = ConfigDict(strict=True)
        number: int

    assert cast(Exact, '{"number": 5}') == Exact(number=5)
    refusal(Exact, {"number": "5"})


def test_aliases_and_forbidden_extras_of_a_model_hold():
    class Named(BaseModel):
        model_config = ConfigDict(extra="forbid")
        number: int = Field(alias="n")

    assert cast(Named, {"n": "5"}).number == 5
    assert str(refusal(Named, {"n": 5, "m": 1})) == "value.m: not a known field"


def test_names_and_attributes_by_which_a_model_is_found_hold():
    class Found(BaseModel):
        model_config = ConfigDict(from_attributes=True, extra="allow", str_strip_whitespace=True)
        __pydantic_extra__: dict[str, int]
        text: str = Field(validation_alias=AliasChoices("text", "Text"))

    class Row:
        text = " a "

    assert cast(Found, Row()).text == "a"
    found = cast(Found, {"Text": "a", "more": "5"})
    assert (found.text, found.model_extra) == ("a", {"more": 5})
    refusal(Found, {"text": "a", "more": True})


def test_private_attributes_and_post_init_of_a_model_work():
    class Counter(BaseModel):
        start: int
        _count: int = PrivateAttr(default=0)

        def model_post_init(self, context):
            self._count = self.start

    assert cast(Counter, {"start": "5"})._count == 5


def test_a_dataclass_with_init_only_fields_is_built():
    @dataclasses.dataclass
    class Sum:
        left: int
        right: dataclasses.InitVar[int]

        def __post_init__(self, right):
            self.left += right

    assert cast(Sum, {"left": "1", "right": "2"}).left == 3
    refusal(Sum, {"left": 1, "right": True})


def test_the_context_that_a_user_s_validator_sees_is_empty():
    class Seen(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def look(cls, value, info):
            assert not info.context or info.context.get("tenant") is None
            return value

    schema_for(Seen).cast_noting(({"number": "5"},), {})


def test_a_cyclic_value_for_a_recursive_model_is_refused():
    loop: dict[str, Any] = {"price": 1.0}
    loop["parts"] = [loop]
    refusal(Item, loop)


def test_a_recursive_dataclass_is_cast_at_every_level():
    assert cast(Node, {"value": "1", "next": {"value": "2"}}) == Node(1, Node(2))


@dataclasses.dataclass
class Node:
    value: int
    next: "Node | None" = None


def test_what_a_user_s_validator_raises_besides_value_errors_passes_unchanged():
    error = KeyError("mine")

    def fail(value):
        raise error

    with pytest.raises(KeyError) as caught:
        cast(Annotated[int, AfterValidator(fail)], 5)
    assert caught.value is error


# ---------------------------------------------------------------------------------------------------- shape of the call


def search(query: str, limit: int = 5, *, exact: bool = False) -> None: ...


def test_arguments_stay_where_they_were_given():
    schema = schema_of(search)
    assert schema.cast(("q", "7"), {"exact": "true"}) == (("q", 7), {"exact": True})
    assert schema.cast(("q",), {"limit": "7"}) == (("q",), {"limit": 7})
    assert list(schema.cast((), {"exact": True, "limit": 1, "query": "q"})[1]) == ["query", "limit", "exact"]
    assert schema.cast((), {"query": "q"}) == ((), {"query": "q"})


def test_an_omitted_argument_stays_omitted():
    def function(first: int = "not even an int", /, second: list[int] = [], *, third: object = object()):  # noqa: B006
        pass

    schema = schema_of(function)
    assert schema.cast((), {}) == ((), {})
    assert schema.cast(("1",), {}) == ((1,), {})
    assert schema.cast((), {"third": None}) == ((), {"third": None})


def test_a_default_in_a_field_is_passed():
    def function(
        plain: int, filled: int = Field(5, ge=1), late: str = Field(...), last: Annotated[int, Field(le=9)] = 3
    ):
        pass

    schema = schema_of(function)
    assert schema.cast((1,), {"late": "x"}) == ((1,), {"filled": 5, "late": "x"})
    assert schema.cast((), {"plain": 1, "late": "x", "last": "3"}) == (
        (),
        {"plain": 1, "filled": 5, "late": "x", "last": 3},
    )
    assert str(call_refusal(function, 1, late="x", filled="0")).startswith("filled: expected greater than")
    assert str(call_refusal(function, 1)) == "missing argument 'late'"


def test_variadic_arguments_are_cast_one_by_one():
    def function(first: str, *numbers: int, **named: float):
        pass

    schema = schema_of(function)
    assert schema.cast(("a", "1", 2), {"x": "1.5"}) == (("a", 1, 2), {"x": 1.5})
    assert str(call_refusal(function, "a", 1, True)) == "numbers[1]: expected an integer, got bool True"
    assert call_refusal(function, "a", x=math.nan).path == "x"


def test_unpacked_keyword_arguments_are_cast():
    def function(**address: Unpack[Address]):
        pass

    assert schema_of(function).cast((), {"number": "5"}) == ((), {"number": 5})
    assert str(call_refusal(function)) == "missing argument 'number'"
    assert str(call_refusal(function, number=1, other=2)) == "unknown argument 'other'"


def test_unpacked_keyword_arguments_of_a_recursive_type_are_cast():
    def function(first: int = 1, **rest: Unpack[Branch]):
        pass

    assert schema_of(function).cast((), {"name": "a", "next": {"name": "b"}}) == (
        (),
        {"name": "a", "next": {"name": "b"}},
    )
    assert str(call_refusal(function, name="a", other=2)) == "unknown argument 'other'"


def test_positional_only_parameters_cannot_be_given_by_name():
    def function(number: int, /):
        pass

    assert schema_of(function).cast(("5",), {}) == ((5,), {})
    assert "unknown argument 'number'" in str(call_refusal(function, number=5))


def test_unpacked_positional_arguments_are_not_checked():
    def function(*values: *tuple[int, str]):
        pass

    assert schema_of(function).cast(("5", 5), {}) == (("5", 5), {})


def test_two_defaults_mean_python_s_own():
    def function(number: Annotated[int, Field(default=5)] = 7):
        pass

    assert schema_of(function).cast((), {}) == ((), {})
    assert schema_of(function).json_schema()["properties"]["number"]["default"] == 7


def test_containers_are_copied():
    numbers = [1, 2]
    assert cast(list[int], numbers) is not numbers


# --------------------------------------------------------------------------------------------------------------- noting


def notes(annotation: Any, value: Any) -> Any:
    args, _, casts = schema_for(annotation).cast_noting((value,), {})
    assert same(args, schema_for(annotation).cast((value,), {})[0])
    return casts


@pytest.mark.parametrize(
    ("annotation", "value", "note"),
    [
        (int, "5", ("value", "str", "int")),
        (int, Loud("5"), ("value", "Loud", "int")),
        (float, 3, ("value", "int", "float")),
        (list[int], "[1]", ("value", "str", "list")),
        (list[int], [1, "2", "3"], ("value[1]", "str", "int")),
        (list[float], [1], ("value[0]", "int", "float")),
        (dict[str, list[int]], {"a": ["1"]}, ("value.a[0]", "str", "int")),
        (dict[int, int], {"1": 1}, ("value['1'] (key)", "str", "int")),
        (Address, {"number": "1", "other": 2}, ("value.number", "str", "int")),
        (Item, {"price": 1.0}, ("value", "dict", "Item")),
        (datetime.date, "2026-01-02", ("value", "str", "date")),
        (Color, "red", ("value", "str", "Color")),
        (Numbers, [1], ("value", "list", "Numbers")),
    ],
)
def test_the_first_change_of_an_argument_is_noted(annotation, value, note):
    assert notes(annotation, value) == (note,)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(int, 5), (list[int], [1]), (int | str, "5"), (float, 1.5), (Item, Item(price=1)), (Any, "5"), (set[int], {1})],
)
def test_nothing_is_noted_of_a_value_that_was_right(annotation, value):
    assert notes(annotation, value) == ()


def test_a_change_inside_a_set_has_no_place_to_be_noted():
    assert notes(set[int], {"1"}) == ()


def test_every_changed_argument_is_noted():
    args, kwargs, casts = schema_of(search).cast_noting(("q", "5"), {"exact": "true"})
    assert (args, kwargs) == (("q", 5), {"exact": True})
    assert [tuple(note) for note in casts] == [("limit", "str", "int"), ("exact", "str", "bool")]


# ---------------------------------------------------------------------------------------------------------- error texts


def test_the_message_says_where_what_was_expected_and_what_came():
    mismatch = refusal(list[Item], [{"price": 1}, {"price": "cheap"}], "items")
    assert mismatch.path == "items[1].price"
    assert mismatch.message == str(mismatch) == "items[1].price: expected a finite number, got str 'cheap'"


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (int, "", "value: expected an integer, got str ''"),
        (int, None, "value: expected an integer, got None"),
        (int, [1, 2], "value: expected an integer, got list of length 2"),
        (int, "9" * 5000, f"expected an integer of at most {MAX_INT_DIGITS} digits, got str of 5000 characters"),
        (bool, 10**50, "value: expected a boolean, true or false, got int of 167 bits"),
        (int | bool, "x", "value: expected an integer or a boolean, true or false, got str 'x'"),
        (int | list[int], ["x"], "value[0]: expected an integer, got str 'x'"),
        (Pet, {"kind": "dog", "tricks": ["x"]}, "value.tricks[0]: expected an integer, got str 'x'"),
        (Literal[1, "a"], "b", "value: expected 1 or 'a', got str 'b'"),
        (Color, "blue", "value: expected 'red' or 1, got str 'blue'"),
        (Item, {}, "value.price: required, but missing"),
        (dict[str, int], {"a b": "x"}, "value['a b']: expected an integer, got str 'x'"),
        (dict[int, int], {"x": 1}, "value.x (key): expected an integer, got str 'x'"),
        (list[int], "[1", "value: expected valid JSON text, but it is malformed: EOF while parsing a list"),
        (dict[str, int], '{"a": 1, "a": 1}', "expected valid JSON text, but it has a duplicate key"),
        (Annotated[int, Field(ge=0)], "-5", "value: expected greater than or equal to 0, got int -5"),
        (Annotated[str, Field(max_length=1)], "ab", "value: String should have at most 1 character, got str 'ab'"),
    ],
)
def test_the_message_names_one_error(annotation, value, message):
    assert message in str(refusal(annotation, value))


def test_the_words_of_a_user_s_validator_are_shown():
    def even(value: int) -> int:
        if value % 2:
            raise ValueError("odd numbers are not for sale")
        return value

    mismatch = refusal(Annotated[int, AfterValidator(even)], "5")
    assert str(mismatch) == "value: odd numbers are not for sale, got str '5'"


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "missing argument 'query'"),
        ((), {"qurey": "q"}, "missing argument 'query'; unknown argument 'qurey' (did you mean 'query'?)"),
        (("q",), {"zzz": 1, "yyy": 2}, "unknown arguments 'zzz', 'yyy'"),
        (("q",), {"exakt": 1}, "unknown argument 'exakt' (did you mean 'exact'?)"),
        (("q",), dict.fromkeys("abcde", 1), "unknown arguments 'a', 'b', 'c' and 2 more"),
        (("q",), {"query": "q"}, "argument 'query' given both by position and by name"),
        (("q", 1, True), {}, "at most 2 positional arguments are taken, got 1 more"),
        ((1,), {"zzz": 1}, "unknown argument 'zzz'"),
    ],
)
def test_missing_and_unknown_arguments_are_listed(args, kwargs, message):
    assert str(call_refusal(search, *args, **kwargs)) == message


SECRET = "hunter2-hunter2"


@pytest.mark.parametrize("name", ["password", "api_key", "apiKey", "access_token", "DB_PASSWORD"])
def test_the_value_of_a_secret_parameter_is_not_shown(name):
    assert str(refusal(int, SECRET, name)) == f"{name}: expected an integer, got str of 15 characters"
    assert "1234" not in str(refusal(str, 1234, name))


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Crate[int], {"password": SECRET}),
        (list[int], {"x": SECRET}),
        (Item, '{"price": "' + SECRET),
        (dict[str, int], {"password": SECRET}),
        (dict[str, dict[str, int]], {"password": {schema_nodes.TAGGED: SECRET}}),
        (int, [SECRET]),
        (int, Holder(value=SECRET)),
        (Annotated[Any, AfterValidator(lambda value: int(value["password"]))], {"password": "x"}),
    ],
)
def test_the_content_of_a_container_is_not_shown(annotation, value):
    assert SECRET not in str(refusal(annotation, value))


def test_a_validator_s_words_about_a_secret_are_not_shown():
    def refuse(value: str) -> str:
        raise ValueError(f"{value} is too weak")

    message = str(refusal(Annotated[str, AfterValidator(refuse)], SECRET, "password"))
    assert message == "password: expected a value that its checks accept, got str of 15 characters"


@pytest.mark.parametrize("secret_names", [["pin"], lambda name: name == "pin"])
def test_the_caller_says_which_names_are_secret(secret_names):
    assert SECRET not in str(refusal(int, SECRET, "pin", secret_names=secret_names))
    assert SECRET in str(refusal(int, SECRET, "password", secret_names=secret_names))


def test_a_mismatch_holds_no_reference_to_the_value():
    mismatch = refusal(int, SECRET, "password")
    assert mismatch.__cause__ is None
    assert mismatch.__context__ is None


def test_a_mismatch_survives_pickling():
    mismatch = refusal(int, "x")
    copy = pickle.loads(pickle.dumps(mismatch))
    assert (copy.path, copy.message, str(copy)) == (mismatch.path, mismatch.message, str(mismatch))


# ------------------------------------------------------------------------------------------------------- hostile values


def test_a_validator_that_runs_out_of_stack_is_a_refusal():
    def descend(value):
        return descend(value)

    hint = Annotated[int, AfterValidator(descend)]
    assert str(refusal(hint, 5)) == "the value is nested too deeply to be checked"
    with pytest.raises(SchemaMismatch, match="nested too deeply"):
        ReturnSchema.of(hint).check(5)


class Hostile:
    def __repr__(self):
        raise RuntimeError("no")

    __str__ = __repr__
    __len__ = __repr__
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other):
        raise RuntimeError("no")


class HostileMeta(type):
    @property
    def __name__(cls):
        raise RuntimeError("no")


def deep(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def cycle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


HOSTILE = {
    "raising repr": Hostile(),
    "raising class name": HostileMeta("Named", (), {})(),
    "long class name": type("N" * 1_000_000, (), {})(),
    "strange class name": type("a\n\u202e\x1b[31m", (), {})(),
    "lone surrogate": "\ud800",
    "escapes": "\x1b[31m\r\n\u202e",
    "ten megabytes": "x" * 10_000_000,
    "ten megabytes of bytes": b"x" * 10_000_000,
    "lying text": Loud("secret"),
    "huge integer": 10**5000,
    "deep list": deep(20_000),
    "cycle": cycle(),
    "deep json": "[" * 20_000 + "]" * 20_000,
    "unfinished json": "[" * 500_000,
    "long json": "[" + "1," * MAX_JSON_CHARS + "1]",
    "json with a giant number": "[" + "9" * 100_000 + "]",
    "json with a surrogate": '["\ud800"]',
    "json with half a pair": '["\\ud800"]',
    "json with a long number": "[" + "9" * (MAX_INT_DIGITS + 1) + "]",
    "a hundred thousand wrongs": ["x"] * 100_000,
    "wrong keys": {"k" * 10_000: {"\ud800" * 10_000: object()}},
}


STRANGERS = [bool, float, decimal.Decimal, list[int], dict[str, dict[str, int]], Item, Color, Literal["a", 1]]
ENTRANCES = [(hint, name) for hint in STRANGERS for name in HOSTILE]
ENTRANCES += [(hint, name) for hint in (int, int | list[int]) for name in HOSTILE if name != "huge integer"]


@pytest.mark.parametrize(("annotation", "name"), ENTRANCES, ids=str)
def test_a_hostile_value_gets_a_short_refusal(annotation, name):
    message = refusal(annotation, HOSTILE[name]).message
    assert len(message) <= 300
    assert message.isprintable()
    message.encode()


@pytest.mark.parametrize("label", [schema_nodes.RIGHT, schema_nodes.CAST, schema_nodes.TAGGED, "[key]"])
def test_a_key_that_looks_like_a_mark_of_ours_hides_no_error(label):
    refusal(dict[str, int], {label: "x"})
    refusal(dict[str, int | list[int]], {"a": 1, label: "x"})


def test_hostile_argument_names_get_a_short_refusal():
    names = {"x" * 1_000_000: 1, "\ud800\n": 2, **{f"n{i}": i for i in range(10_000)}}
    message = str(call_refusal(search, "q", **names))
    assert len(message) <= 300
    assert message.isprintable()


Tree = typing_extensions.TypeAliasType("Tree", "list[Tree] | int")


@pytest.mark.parametrize("depth", [10, 1_000, 20_000])
def test_a_recursive_type_never_ends_in_a_recursion_error(depth):
    schema = schema_for(Tree)
    try:
        schema.cast((deep(depth),), {})
    except SchemaMismatch as mismatch:
        assert depth > 10, mismatch  # noqa: PT017 - both ends are right, a RecursionError is not


def test_a_lone_surrogate_is_text():
    assert cast(str, "\ud800") == "\ud800"


def test_json_text_is_read_up_to_its_limits():
    assert cast(list[int], "[" + " " * (MAX_JSON_CHARS - 2) + "]") == []
    assert cast(list[int], f"[{'9' * MAX_INT_DIGITS}]") == [int("9" * MAX_INT_DIGITS)]
    assert cast(list[int], f"[-{'9' * MAX_INT_DIGITS}]") == [-int("9" * MAX_INT_DIGITS)]
    assert cast(list[Any], "[" * 150 + "]" * 150) == deep(149)


# ----------------------------------------------------------------------------------------------------------- hypothesis

LEAVES = [
    (int, st.integers()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (bool, st.booleans()),
    (str, st.text()),
    (int | None, st.none() | st.integers()),
    (int | str, st.integers() | st.text()),
    (Any, st.none() | st.booleans() | st.integers() | st.text()),
]


def around(inner):
    hint, values = inner
    return st.sampled_from(
        [
            (list[hint], st.lists(values, max_size=4)),
            (dict[str, hint], st.dictionaries(st.text(), values, max_size=4)),
            (tuple[hint, ...], st.lists(values, max_size=4).map(tuple)),
            (tuple[hint, int], st.tuples(values, st.integers())),
            (list[hint | None], st.lists(st.none() | values, max_size=4)),
        ]
    )


def with_value(inner):
    hint, values = inner
    return st.tuples(st.just(hint), values)


CONTAINERS = st.recursive(st.sampled_from(LEAVES), lambda inner: inner.flatmap(around), max_leaves=4)
TYPED = CONTAINERS.flatmap(with_value)
NESTED_CONTAINERS = st.sampled_from(LEAVES).flatmap(around).flatmap(around).flatmap(with_value)


@given(TYPED)
def test_a_well_typed_value_comes_back_equal_and_of_the_same_types(pair):
    annotation, value = pair
    args, kwargs, casts = schema_for(annotation).cast_noting((value,), {})
    assert same(args, (value,))
    assert (kwargs, casts) == ({}, ())
    ReturnSchema.of(annotation).check(value)


@given(NESTED_CONTAINERS)
def test_json_text_of_a_container_means_the_container(pair):
    annotation, value = pair
    assert same(cast(annotation, json.dumps(value)), value)


@given(st.sampled_from([int, float, bool, str]), st.text() | st.integers() | st.floats() | st.binary() | st.none())
def test_a_cast_gives_the_type_or_a_refusal(annotation, value):
    try:
        result = cast(annotation, value)
    except SchemaMismatch as mismatch:
        assert len(str(mismatch)) <= 300  # noqa: PT017 - the property has two ends
    else:
        assert type(result) is annotation
        assert annotation is not float or math.isfinite(result)


# ---------------------------------------------------------------------------------------------------------- compilation


def test_a_name_that_is_not_defined_yet_can_be_waited_for():
    class Later(BaseModel):
        other: "NotYet"  # noqa: F821 - the point of the test

    for hint in ["NotYet", list["NotYet"], Later]:  # noqa: F821
        with pytest.raises(NameError):
            schema_for(hint)
        with pytest.raises(NameError):
            ReturnSchema.of(hint)


def test_a_hint_that_cannot_be_checked_is_named():
    with pytest.raises(TypeError, match="value: the type hint"):
        schema_for(Annotated[list[int], Field(ge="x", discriminator="kind")])


def test_a_bound_method_is_checked_without_self():
    class Shop:
        def buy(self, count: int) -> None: ...

    assert schema_of(Shop().buy).cast(("5",), {}) == ((5,), {})


class OldAddress(typing.TypedDict):
    number: int


@pytest.mark.parametrize("hint", [OldAddress, Address])
@pytest.mark.parametrize("wrap", [lambda t: t, lambda t: list[t], lambda t: t | None, lambda t: Annotated[t, "note"]])
def test_a_typed_dict_of_typing_works_on_every_python(hint, wrap):
    value = cast(wrap(hint), [{"number": "5"}] if typing.get_origin(wrap(hint)) is list else {"number": "5"})
    assert value in ({"number": 5}, [{"number": 5}])


def test_fields_of_a_typed_dict_that_are_not_required_may_be_missing():
    class Partial(typing.TypedDict, total=False):
        number: Annotated[int, Field(ge=1)]
        text: str

    assert cast(Partial, {"number": "5"}) == {"number": 5}
    refusal(Partial, {"number": "0"})


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 came with 3.12")
def test_a_type_alias_is_followed():
    scope: dict[str, Any] = {}
    exec("type Ints = list[int]\ntype Tree = list[Tree] | int", scope)
    assert cast(scope["Ints"], '["1"]') == [1]
    assert cast(scope["Tree"], [["1"], "2"]) == [[1], 2]


# ---------------------------------------------------------------------------------------------------------- JSON Schema


def test_the_json_schema_describes_what_a_model_may_send():
    def function(
        query: Annotated[str, Field(description="what to look for", min_length=1)],
        level: Literal["low", "high"] = "low",
        color: Color | None = None,
        *numbers: int,
        item: Item,
        count: int = Field(5, ge=1, description="how many"),
    ):
        pass

    schema = schema_of(function).json_schema()
    assert schema["type"] == "object"
    assert schema["required"] == ["query", "item"]
    assert schema["additionalProperties"] is False
    assert schema["properties"] == {
        "query": {"type": "string", "minLength": 1, "description": "what to look for"},
        "level": {"type": "string", "enum": ["low", "high"], "default": "low"},
        "color": {"anyOf": [{"$ref": "#/$defs/Color"}, {"type": "null"}], "default": None},
        "item": {"$ref": "#/$defs/Item"},
        "count": {"type": "integer", "minimum": 1, "default": 5, "description": "how many"},
    }
    assert schema["$defs"]["Color"]["enum"] == ["red", 1]
    assert schema["$defs"]["Item"]["properties"]["parts"]["items"] == {"$ref": "#/$defs/Item"}
    json.dumps(schema)


def test_the_json_schema_of_a_function_without_parameters_is_an_empty_object():
    assert schema_of(lambda: None).json_schema() == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


def test_keyword_arguments_of_any_name_are_allowed_by_the_json_schema():
    assert schema_of(lambda **rest: None).json_schema()["additionalProperties"] is not False


def test_what_json_has_no_word_for_allows_anything_in_the_json_schema():
    def function(client: Hostile, callback: Callable[[], int], sentinel=object()):  # noqa: B008
        pass

    assert schema_of(function).json_schema()["properties"] == {"client": {}, "callback": {}, "sentinel": {}}


# -------------------------------------------------------------------------------------------------------------- results


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 5),
        (int, Level.LOW),
        (float, 5),
        (float, 5.5),
        (float, math.nan),
        (float, math.inf),
        (float | None, math.nan),
        (list[float], [math.nan, 1]),
        (decimal.Decimal, decimal.Decimal("NaN")),
        (str, Loud("x")),
        (bool, True),
        (None, None),
        (list[int], [1, 2]),
        (dict[str, int], collections.OrderedDict(a=1)),
        (Mapping[str, int], collections.ChainMap({"a": 1})),
        (Sequence[int], (1, 2)),
        (Sequence[int], collections.deque([1])),
        (collections.abc.Set[int], {1}),
        (Iterable[int], [1]),
        (Iterable[int], iter("abc")),
        (Iterator[int], iter([])),
        (tuple[int, str], (1, "a")),
        (Address, {"number": 1}),
        (Item, Item(price=1)),
        (Item, type("SubItem", (Item,), {})(price=1)),
        (Item | None, None),
        (Crate[int], Crate[int](content=1)),
        (Pet, Cat(kind="cat", lives=9)),
        (Point, Point(1)),
        (Pair, Pair(1)),
        (Color, Color.RED),
        (Literal[1, "a"], "a"),
        (datetime.datetime, datetime.datetime.max),
        (pathlib.Path, pathlib.Path("a")),
        (int | str, "5"),
        (Any, object()),
        (inspect.Signature.empty, object()),
        (typing.Never, object()),
        (typing.Self, object()),
        (AsyncIterator[int], None),
    ],
    ids=lambda part: str(part).split(" at 0x")[0],
)
def test_a_result_of_the_type_passes(annotation, value):
    if annotation == AsyncIterator[int]:

        async def numbers():
            yield 1

        value = numbers()
    ReturnSchema.of(annotation).check(value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "5"),
        (int, 5.0),
        (int, True),
        (float, "5"),
        (float, True),
        (str, 5),
        (str, b"x"),
        (bool, 1),
        (None, 0),
        (list[int], (1,)),
        (list[int], {1}),
        (list[int], "[1]"),
        (list[int], [1, "2"]),
        (dict[str, int], [("a", 1)]),
        (dict[str, int], {"a": "1"}),
        (tuple[int, str], [1, "a"]),
        (set[int], [1]),
        (Sequence[int], ["x"]),
        (Sequence[int], "abc"),
        (Iterable[int], ["x"]),
        (Iterable[int], "[1]"),
        (Json[list[int]], [1]),
        (Address, {"number": "1"}),
        (Item, {"price": 1}),
        (Item | None, {"price": 1}),
        (Point, {"x": 1}),
        (Color, "red"),
        (Literal[1], True),
        (datetime.datetime, "2026-01-02T03:04:05"),
        (pathlib.Path, "a"),
        (int | str, 5.0),
        (Annotated[int, Field(ge=0)], -1),
    ],
    ids=str,
)
def test_a_result_of_another_type_is_refused(annotation, value):
    with pytest.raises(SchemaMismatch, match=r"^result"):
        ReturnSchema.of(annotation).check(value)


def test_a_refused_result_says_where():
    with pytest.raises(SchemaMismatch) as caught:
        ReturnSchema.of(dict[str, list[int]]).check({"a": [1, "2"]})
    assert caught.value.path == "result.a[1]"
    assert caught.value.message == "result.a[1]: expected a valid integer, got str '2'"


def test_a_secret_in_a_result_is_not_shown():
    with pytest.raises(SchemaMismatch) as caught:
        ReturnSchema.of(dict[str, int]).check({"password": SECRET})
    assert SECRET not in str(caught.value)


def test_a_result_is_not_changed_and_an_iterator_is_not_read():
    numbers = [1, 2]
    ReturnSchema.of(list[float]).check(numbers)
    assert same(numbers, [1, 2])
    iterator = iter([1])
    ReturnSchema.of(Iterable[int]).check(iterator)
    assert list(iterator) == [1]


@pytest.mark.parametrize(("annotation", "anything"), [(Any, True), (inspect.Signature.empty, True), (int, False)])
def test_a_return_type_without_a_demand_says_so(annotation, anything):
    assert ReturnSchema.of(annotation).accepts_anything is anything


def test_a_validator_is_told_the_same_however_its_argument_was_given():
    def where(value, asked):
        return value, asked.field_name, asked.data

    def f(a: Annotated[Any, BeforeValidator(where)], b: int = 2): ...

    schema = schema_of(f)
    (by_position,), _ = schema.cast((1,), {})
    (by_both_ways,), _ = schema.cast((1,), {"b": 2})
    _, by_name = schema.cast((), {"b": 2, "a": 1})
    assert by_position == by_both_ways == by_name["a"] == (1, "a", None)
