"""One spelling for equal arguments and results."""

import copy
import dataclasses
import datetime
import decimal
import itertools
import json
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.policies.canonical import are_plain, spelling

SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=300)
JSON = st.recursive(
    SCALARS, lambda values: st.lists(values) | st.dictionaries(st.text(max_size=5), values), max_leaves=10
)


def in_lists(levels, value=1):
    for _ in range(levels):
        value = [value]
    return value


def in_dicts(levels):
    value = 1
    for _ in range(levels):
        value = {"b": value, "a": 0}
    return value


def test_equal_values_are_spelled_alike():
    for value in ("Rome", 5, 2.5, None, True, [1, [2]], {"a": 1}, {"a": [1]}, "x" * 1000, ["x" * 1000]):
        again = json.loads(json.dumps(value))
        assert spelling(value) == spelling(again)
        assert hash(spelling(value)) == hash(spelling(again))


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", 1), ("b", "x")],
        [("a", 1.5), ("b", 2.5)],
        [("a", [1]), ("b", {"d": 1, "c": 2})],
        [(name, name * 200) for name in "abc"],
    ],
)
def test_the_order_of_keys_does_not_matter(pairs):
    assert len({spelling(dict(order)) for order in itertools.permutations(pairs)}) == 1
    assert len({spelling([dict(order)]) for order in itertools.permutations(pairs)}) == 1


def test_the_order_of_keys_does_not_matter_at_any_depth():
    turned = {"list": [{"b": 1, "a": [0]}], "dict": {"b": {"d": 1.5, "c": 2}, "a": 1}}
    assert spelling(turned) == spelling({"dict": {"a": 1, "b": {"c": 2, "d": 1.5}}, "list": [{"a": [0], "b": 1}]})


def test_the_order_of_a_list_matters():
    assert spelling([1, 2]) != spelling([2, 1])


def test_a_tuple_is_spelled_like_a_list():
    assert spelling((1, {"b": (2,), "a": 3})) == spelling([1, {"a": 3, "b": [2]}])


ALL_DIFFERENT = [1, 1.0, True, "1", 0, False, None, "", "null", [], {}, [[]], [{}], [1], [1.0], [True], ["1"]]
ALL_DIFFERENT += [{"a": value} for value in (1, 1.0, True, "1", None, 0, False, [1], {"a": 1})]
ALL_DIFFERENT += [{"a": 1, "b": value} for value in (1, 1.0, True, "1", None)]
ALL_DIFFERENT += ["x" * 200, "x" * 201, "x" * 202, ["x" * 201], ["x" * 202], {"a": "x" * 201}, {"a": "x" * 202}]


def test_different_values_are_spelled_differently():
    for one, other in itertools.combinations(ALL_DIFFERENT, 2):
        assert spelling(one) != spelling(other), f"{one!r:.20} {other!r:.20}"


@given(JSON, JSON)
def test_two_values_are_spelled_alike_if_their_json_is_the_same(one, other):
    assert (spelling(one) == spelling(other)) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


def test_a_value_that_cannot_be_spelled_equals_nothing():
    loop = []
    loop.append(loop)
    for value in (loop, ["\ud800"], {"a": "\ud800", "b": 2.5}, object(), {"a": object()}, {1: 1.5, "a": 2}):
        assert spelling(value) != spelling(value)
        hash(spelling(value))


def test_values_of_up_to_a_hundred_levels_are_spelled():
    for nested in (in_lists, in_dicts):
        assert spelling(nested(100)) == spelling(nested(100))
        assert spelling(nested(101)) != spelling(nested(101))


def test_a_long_spelling_is_kept_as_sixteen_bytes():
    assert spelling(["x" * 196]) == b'["' + b"x" * 196 + b'"]'
    assert len(spelling(["x" * 197])) == 16
    assert len(spelling("x" * 1_000_000)) == 16
    assert len(spelling({"query": "x" * 201})) == 16


def test_short_texts_and_usual_arguments_are_kept_as_they_are():
    assert spelling("x" * 200) == ("text", "x" * 200)
    assert spelling({"query": "x" * 200}) == (("query", "x" * 200),)
    assert spelling({"query": "x", "limit": 5, "after": None}) == (("after", None), ("limit", 5), ("query", "x"))


def test_names_that_are_no_texts_are_no_usual_arguments():
    assert spelling({1: 2}) == spelling({1: 2})
    assert spelling({1: 2}) != spelling({True: 2})


class Name(str):
    __slots__ = ()


@pytest.mark.parametrize("values", [(), ("a",), ("x" * 200,), (5,), (-(10**30),), (None,), (None, "a", 5)])
def test_short_texts_whole_numbers_and_none_may_stand_for_their_spelling(values):
    assert are_plain(values) is True


@pytest.mark.parametrize("value", [1.0, True, False, "x" * 201, [], {}, b"a", Name("a"), (), object()])
def test_other_values_may_not_stand_for_their_spelling(value):
    assert are_plain((value,)) is False
    assert are_plain(("a", 5, value)) is False
    assert are_plain((value, "a", 5)) is False


@dataclasses.dataclass
class Page:
    rows: Iterator[int]


@pytest.mark.parametrize("around", [lambda it: it, lambda it: [it], lambda it: {"a": it}, lambda it: {it}, Page])
@pytest.mark.parametrize("make", [lambda: (n for n in (1, 2)), lambda: iter([1, 2]), lambda: map(int, "12")])
def test_an_iterator_is_left_unread_for_its_owner(make, around):
    iterator = make()
    value = around(iterator)
    assert spelling(value) != spelling(value)
    assert list(iterator) == [1, 2]


@dataclasses.dataclass
class Point:
    x: int


KNOWN = [{1}, frozenset({1}), b"a", Point(1), datetime.date(2026, 1, 2), decimal.Decimal("1.5"), uuid.UUID(int=1)]


@pytest.mark.parametrize("value", KNOWN, ids=lambda value: type(value).__name__)
def test_other_values_that_have_a_json_form_are_spelled_alike(value):
    assert spelling(value) == spelling(copy.deepcopy(value))
    assert spelling({"a": [value]}) == spelling({"a": [copy.deepcopy(value)]})
    assert spelling(value) != spelling([])
