"""The quick way through the schema, for calls that give everything by position, or everything by name."""

import inspect
import typing
from typing import Annotated, Any, Literal

import pytest
import typing_extensions
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationInfo
from pydantic_core import ValidationError

from agentguard.policies.parameters import read_parameters
from agentguard.policies.usual_calls import by_name, by_position

Tree = typing_extensions.TypeAliasType("Tree", "list[Tree] | int")


def ways(function):
    """Validators by number of positions, and the one by name."""
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = read_parameters(inspect.signature(function), hints)
    schemas = [parameter.schema for parameter in parameters]
    return by_position(parameters, schemas), by_name(parameters, schemas)


def search(query: str, limit: int = 10, *, exact: bool = False) -> None: ...


def test_each_number_of_positions_that_makes_a_complete_call_has_a_validator():
    positions, _ = ways(search)
    assert set(positions) == {1, 2}
    assert positions[1](("Rome",)) == ("Rome",)
    assert positions[2](("Rome", "5")) == ("Rome", 5)


@pytest.mark.parametrize(("count", "args"), [(1, (5,)), (1, ("Rome", 5)), (2, ("Rome",)), (2, ("Rome", "many"))])
def test_wrong_positions_are_left_to_the_complete_schema(count, args):
    with pytest.raises(ValidationError):
        ways(search)[0][count](args)


def test_arguments_by_name_are_checked_and_omitted_ones_stay_omitted():
    _, named = ways(search)
    assert named({"query": "Rome"}) == {"query": "Rome"}
    assert named({"exact": True, "query": "Rome", "limit": "5"}) == {"query": "Rome", "limit": 5, "exact": True}


@pytest.mark.parametrize("wrong", [{}, {"limit": 5}, {"query": 5}, {"query": "Rome", "nothing": 1}])
def test_wrong_names_are_left_to_the_complete_schema(wrong):
    with pytest.raises(ValidationError):
        ways(search)[1](wrong)


def test_a_function_without_parameters_is_called_with_nothing():
    positions, named = ways(lambda: None)
    assert set(positions) == {0}
    assert positions[0](()) == ()
    assert named({}) == {}


def test_up_to_six_optional_arguments_are_looked_for_by_position():
    def six(a: int, b=0, c=0, d=0, e=0, f=0, g=0): ...  # noqa: PLR0917 - the point of the test
    def seven(a: int, b=0, c=0, d=0, e=0, f=0, g=0, h=0): ...  # noqa: PLR0917 - the point of the test

    assert set(ways(six)[0]) == set(ways(seven)[0]) == {1, 2, 3, 4, 5, 6, 7}


def test_what_can_only_be_named_may_be_omitted_by_position():
    def optional(a: int, *, b: int = 0): ...
    def required(a: int, *, b: int): ...
    def second(a: int, *, b: int = 0, c: int): ...

    assert set(ways(optional)[0]) == {1}
    assert ways(required)[0] == ways(second)[0] == {}
    assert ways(required)[1]({"a": 1, "b": 2}) == {"a": 1, "b": 2}


def test_what_has_no_name_for_callers_is_looked_for_by_position_only():
    def function(a: int, /, b: int = 0): ...

    positions, named = ways(function)
    assert set(positions) == {1, 2}
    assert named is None


def function_with_many(a: int, *rest: int): ...
def function_with_any(a: int, **rest: int): ...
def function_with_tree(a: int, tree: Tree): ...
def function_with_field(a: int, b: int = Field(5)): ...


@pytest.mark.parametrize(
    "function",
    [function_with_many, function_with_any, function_with_tree, function_with_field],
    ids=lambda f: f.__name__,
)
def test_unusual_parameters_are_left_to_the_complete_schema(function: Any):
    assert ways(function) == ({}, None)


def where(value: Any, place: ValidationInfo) -> Any:
    return value, place.field_name


Asking = Annotated[int, BeforeValidator(where)]


class Form(BaseModel):
    answers: dict[str, list[Asking]]


@pytest.mark.parametrize("hint", [Asking, list[Asking], dict[str, Asking], int | list[Asking], Form, list[Form | None]])
def test_a_validator_that_asks_where_it_is_is_left_to_the_complete_schema(hint: Any):
    def function(a: hint): ...

    assert ways(function) == ({}, None)


class Told(BaseModel):
    notes: dict[str, str] = {"type": "with-info"}


@pytest.mark.parametrize("hint", [Annotated[int, AfterValidator(abs)], Literal["with-info"], Told, list[Told], Any])
def test_other_validators_and_what_only_looks_like_one_that_asks_are_usual(hint: Any):
    def function(a: hint): ...

    positions, named = ways(function)
    assert set(positions) == {1}
    assert named is not None


def test_a_required_argument_after_an_optional_one_is_looked_for_by_name_only():
    def function(a: int = 1, b: int = Field()): ...

    positions, named = ways(function)
    assert positions == {}
    assert named({"b": "2"}) == {"b": 2}
    with pytest.raises(ValidationError):
        named({"a": 1})
