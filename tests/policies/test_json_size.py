"""How long a value's compact JSON is, without writing it out."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policies.json_size import MAX_DEPTH, fits_easily, json_length, key_length

ROOMY = 1_000_000
TEXTS = st.text(max_size=20) | st.text('"\\\n\x00\x1fü', max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
JSON = st.recursive(SCALARS, lambda values: st.lists(values) | st.dictionaries(TEXTS, values), max_leaves=12)


def compact(value):
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def kind(value):
    return type(value).__name__


def in_lists(levels, value):
    for _ in range(levels):
        value = [value]
    return value


def in_dicts(levels, value):
    for _ in range(levels):
        value = {"": value}
    return value


EXACT = [None, True, False, 0, -1, 10**30, 1.5, -1e-300, "", "text", 'q"\\\n', "\x00", "ü", [], {}, ()]
EXACT += [[None], [1, 2], (1, "a"), {"a": 1}, {"a": [], "b": {}}, {"a\n": {"b": [1.5, "x"]}}, [[[]]]]


@pytest.mark.parametrize("value", EXACT, ids=kind)
def test_json_is_measured_exactly(value):
    assert json_length(value, ROOMY) == compact(value)
    assert json_length([value, {"k": value}], ROOMY) == compact([value, {"k": value}])


@settings(max_examples=50)
@given(JSON)
def test_json_of_any_shape_is_measured_exactly(value):
    assert json_length(value, ROOMY) == compact(value)


@pytest.mark.parametrize("value", [value for value in EXACT if value != 10**30], ids=kind)
def test_what_fits_exactly_is_measured_exactly_and_what_does_not_is_longer_than_the_room(value):
    for whole in (value, [value], {"key": value}, [value, value], {"k": 1, "l": value}):
        length = compact(whole)
        assert json_length(whole, length) == length
        assert json_length(whole, length - 1) >= length


class Seen:
    """Counts how often it is looked at."""

    times = 0

    def __repr__(self):
        self.times += 1
        return "x" * 8


@pytest.mark.parametrize("around", [list, tuple, lambda values: dict(zip("abcdefghij", values, strict=True))])
def test_nothing_is_measured_beyond_the_room(around):
    seen = Seen()
    json_length(around([seen] * 10), 30)
    assert seen.times <= 3


def test_a_text_longer_than_the_room_is_not_searched_for_what_must_be_escaped():
    assert json_length('"' * 99, 100) == 101
    assert json_length('"' * 98, 100) == 198


@pytest.mark.parametrize("around", [lambda one, other: [one, other], lambda one, other: {"a": one, "b": other}])
def test_what_comes_before_takes_room_from_what_is_nested(around):
    seen = Seen()
    json_length(around("x" * 20, [seen] * 10), 40)
    assert seen.times <= 2


def test_a_key_longer_than_the_rest_of_the_room_is_not_searched_for_what_must_be_escaped():
    assert json_length({"a": 1, '"' * 25: 1}, 30) == 36


def test_an_unknown_value_counts_as_its_repr_in_quotes():
    assert json_length(Seen(), ROOMY) == 10
    assert json_length(b"abc", ROOMY) == len("b'abc'") + 2


def test_a_value_that_cannot_be_shown_counts_sixty_four():
    class Hostile:
        def __repr__(self):
            raise RuntimeError("no")

    assert json_length(Hostile(), ROOMY) == 64


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_finite_number_counts_nine(value):
    assert json_length(value, ROOMY) == 9


def test_an_integer_of_more_than_three_hundred_bits_is_estimated_at_a_third_of_them():
    assert json_length(1 << 299, ROOMY) == len(str(1 << 299)) == 91
    assert json_length(1 << 300, ROOMY) == 102
    assert json_length(-(1 << 300), ROOMY) == 102
    assert json_length(1 << 301, ROOMY) == 102
    assert json_length(1 << 302, ROOMY) == 103


@pytest.mark.parametrize("nest", [in_lists, in_dicts])
def test_sixty_five_levels_are_measured_and_the_next_one_never_fits(nest):
    assert MAX_DEPTH == 64
    for value in ([], {}, ()):
        whole = nest(64, value)
        assert json_length(whole, ROOMY) == compact(whole)
        assert json_length(nest(65, value), ROOMY) > ROOMY
    assert json_length([], ROOMY, 64) == 2
    assert json_length([], ROOMY, 65) == ROOMY + 1


@pytest.mark.parametrize(
    ("key", "length"),
    [("a", 3), ("", 2), ("\n", 4), (1, 3), (-20, 5), (None, 6), (2.5, 5), (True, 6), ("x" * 9, 11)],
    ids=kind,
)
def test_a_key_is_measured_as_a_text(key, length):
    assert key_length(key, 100) == length
    assert key_length(key, length) == length
    assert key_length(key, length - 1) >= length


# Without measuring: at most six places for a character, 26 for a number.


@pytest.mark.parametrize(
    ("value", "least"),
    [
        ("", 3),
        ("x", 9),
        ("x" * 100, 603),
        (None, 26),
        (1.5, 26),
        (True, 26),
        (10**20 - 1, 26),
        (1 - 10**20, 26),
        ([], 3),
        ({}, 3),
        ((), 3),
        ([""], 6),
        (["", ""], 9),
        ([None, None], 55),
        ((None, "x"), 38),
        ([[""], ""], 12),
        ({"a": None}, 38),
        ({"a": "", "b": ""}, 27),
        ({"a": [], "b": {}}, 27),
        ({None: 1}, 55),
    ],
    ids=kind,
)
def test_a_value_fits_easily_if_its_longest_form_does(value, least):
    assert fits_easily(value, least)
    assert not any(fits_easily(value, room) for room in range(least))


@pytest.mark.parametrize("value", [10**20, -(10**20), b"", object(), {1}, [b""], {"a": object()}, {b"a": ""}], ids=kind)
def test_long_integers_and_what_is_no_json_never_fit_easily(value):
    assert not fits_easily(value, ROOMY)


@pytest.mark.parametrize("nest", [in_lists, in_dicts])
def test_sixty_five_levels_fit_easily_and_the_next_one_does_not(nest):
    for value in ([], {}, ()):
        assert fits_easily(nest(64, value), ROOMY)
        assert not fits_easily(nest(65, value), ROOMY)
    assert fits_easily([], 3, 64)
    assert not fits_easily([], ROOMY, 65)
    assert fits_easily(nest(65, ""), ROOMY)


@pytest.mark.parametrize("around", [lambda values: values, lambda values: {str(n): v for n, v in enumerate(values)}])
def test_nothing_is_looked_at_beyond_the_room(around):
    class Kind:
        @property
        def __class__(self):
            raise AssertionError("looked at")

    assert not fits_easily(around(["x" * 99, Kind()]), 100)


@settings(max_examples=50)
@given(JSON, st.integers(0, 300))
def test_what_fits_easily_fits(value, room):
    assert not fits_easily(value, room) or compact(value) <= room
