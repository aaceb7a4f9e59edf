import asyncio
import collections
import dataclasses
import datetime
import decimal
import enum
import json
import math
import pathlib
import tracemalloc
import types
import uuid

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.policies.redaction import Redactor
from agentguard.tracing.decoding import decoded
from agentguard.tracing.snapshot import snapshot
from agentguard.tracing.walk import MAX_CHARS, MAX_DEPTH, MAX_NODES, MAX_TEXT, SLACK

CLEANER = Redactor()
SECRET = "sk-proj-" + "Ab3dEf6hIj9lMn2p" * 2


def seen(value):
    payload = snapshot(value, CLEANER)
    assert isinstance(payload, bytes)
    return decoded(payload)


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: object = None


class Account(pydantic.BaseModel):
    name: str
    balance: decimal.Decimal


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (-5, -5),
        (2.5, 2.5),
        ("héllo\0wörld", "héllo\0wörld"),
        ("\ud800", "\ud800"),
        ({"a": ["\udfff", {"b": 1}]}, {"a": ["\udfff", {"b": 1}]}),
        (math.nan, "NaN"),
        (b"bytes", "bytes"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (bytearray(b"bytes"), "bytes"),
        ((1, (2, 3)), [1, [2, 3]]),
        ({7}, [7]),
        (frozenset(), []),
        (collections.deque([1, 2]), [1, 2]),
        (collections.OrderedDict(a=1), {"a": 1}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        ({1: "a", "1": "b"}, {"1": "a", "1 (str)": "b"}),
        ({(1, 2): "x", None: "y"}, {"(1, 2)": "x", "None": "y"}),
        (Colour.RED, "red"),
        (Point(1, Point(2)), {"x": 1, "y": {"x": 2, "y": None}}),
        (Account(name="Ann", balance=decimal.Decimal("1.50")), {"name": "Ann", "balance": "1.50"}),
        (datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC), "2026-01-02T03:04:00+00:00"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (ValueError("no"), {"$type": "ValueError", "message": "no"}),
        (10**700, {"$cut": "int", "bits": 2326}),
        pytest.param(10**5_000, {"$cut": "int", "bits": 16610}, id="5,000 digits"),
    ],
)
def test_ordinary_values_are_recorded_as_json_shows_them(value, expected):
    assert seen(value) == expected


def test_infinite_numbers_are_recorded_as_words_wherever_they_stand():
    assert seen([math.inf, -math.inf]) == ["Infinity", "-Infinity"]
    assert seen({1: math.inf}) == {"1": "inf"}


def test_members_of_an_exception_group_are_recorded():
    group = ExceptionGroup("two", [ValueError("a"), ExceptionGroup("inner", [KeyError("b")])])
    assert seen(group)["errors"] == [
        {"type": "ValueError", "message": "a"},
        {
            "type": "ExceptionGroup",
            "message": str(group.exceptions[1]),
            "errors": [{"type": "KeyError", "message": "'b'"}],
        },
    ]


def test_a_generator_is_named_and_not_consumed():
    numbers = (n for n in range(3))
    assert seen(numbers)["$type"] == "generator"
    assert list(numbers) == [0, 1, 2]


def test_iterators_files_and_async_generators_are_named_and_not_consumed():
    async def stream():
        yield 1

    iterator = iter([1, 2])
    stream_object = stream()
    assert seen([iterator, stream_object])[0]["$type"] == "list_iterator"
    assert list(iterator) == [1, 2]


def test_a_coroutine_is_named_and_not_awaited():
    async def work():
        return 5

    coroutine = work()
    assert seen(coroutine)["$type"] == "coroutine"
    assert asyncio.run(coroutine) == 5


def test_a_field_that_repr_hides_is_not_recorded():
    @dataclasses.dataclass
    class Login:
        user: str
        pin: str = dataclasses.field(repr=False)

    class Card(pydantic.BaseModel):
        holder: str
        number: str = pydantic.Field(repr=False)

    assert seen(Login("ann", "4711")) == {"user": "ann"}
    assert seen(Card(holder="ann", number="4711")) == {"holder": "ann"}


def cyclic_list():
    value = []
    value.append(value)
    return value


def cyclic_dict():
    value = {}
    value["again"] = {"inside": value}
    return value


def deep(depth):
    value = "bottom"
    for _ in range(depth):
        value = [value]
    return value


def deep_dict(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return value


def many_leaves():
    leaf = ["leaf"] * 10
    for _ in range(7):
        leaf = [leaf] * 10
    return leaf


class RaisingRepr:
    def __repr__(self):
        raise ValueError("no repr")


class RaisingIter(list):
    def __iter__(self):
        raise ValueError("no iter")

    def __len__(self):
        raise ValueError("no len")


class HostileDict(dict):
    def items(self):
        raise ValueError("no items")

    def __iter__(self):
        raise ValueError("no iter")

    def __getitem__(self, key):
        raise ValueError("no item")

    def __len__(self):
        raise ValueError("no len")


class HostileText(str):
    __slots__ = ()

    def __len__(self):
        raise ValueError("no len")

    def __getitem__(self, key):
        raise ValueError("no item")

    def __str__(self):
        raise ValueError("no str")

    def __hash__(self):
        return str.__hash__(self)

    def __eq__(self, other):
        raise ValueError("no eq")


class HostileInt(int):
    def __int__(self):
        raise ValueError("no int")

    def __str__(self):
        raise ValueError("no str")

    def bit_length(self):
        raise ValueError("no bits")


class LyingClass:
    @property
    def __class__(self):
        raise ValueError("no class")


@dataclasses.dataclass
class RaisingProperty:
    name: str = "x"

    def __getattribute__(self, name):
        raise ValueError("no attribute")


class RaisingTextError(Exception):
    def __str__(self):
        raise ValueError("no text")


class EndlessRepr:
    def __repr__(self):
        return repr([self])


class HugeRepr:
    def __repr__(self):
        return "x" * 10_000_000


class BadZone(datetime.tzinfo):
    def utcoffset(self, when):
        raise ValueError("no zone")


HOSTILE = {
    "cyclic list": cyclic_list,
    "cyclic dict": cyclic_dict,
    "list 20,000 deep": lambda: deep(20_000),
    "dict 20,000 deep": lambda: deep_dict(20_000),
    "10 million shared leaves": many_leaves,
    "10 MB text": lambda: "x" * 10_000_000,
    "10 MB bytes": lambda: b"x" * 10_000_000,
    "a million numbers": lambda: list(range(1_000_000)),
    "a long key": lambda: {"k" * 1_000_000: 1},
    "raising repr": RaisingRepr,
    "raising iter": lambda: RaisingIter([1, 2]),
    "hostile dict": lambda: HostileDict(a=1),
    "hostile text": lambda: HostileText("text"),
    "hostile text as key": lambda: {HostileText("text"): 1},
    "hostile int": lambda: HostileInt(5),
    "lying class": LyingClass,
    "raising property": RaisingProperty,
    "raising exception text": lambda: RaisingTextError("x"),
    "endless repr": EndlessRepr,
    "huge repr": HugeRepr,
    "raising time zone": lambda: datetime.datetime(2026, 1, 1, tzinfo=BadZone()),
    "raising repr as key": lambda: {RaisingRepr(): 1},
    "integer of 5,000 digits as key": lambda: {10**5_000: 1},
    "a group of 10,000 errors": lambda: ExceptionGroup("many", [ValueError(str(n)) for n in range(10_000)]),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_values_become_a_bounded_snapshot(make):
    payload = snapshot({"value": make(), "beside": 1}, CLEANER)
    assert len(payload) < 6 * MAX_CHARS
    assert decoded(payload)["beside"] == 1


def test_subclasses_of_plain_types_are_recorded_by_what_they_hold():
    assert seen([HostileText("text"), HostileInt(5), RaisingIter([1, 2]), HostileDict(a=1)]) == [
        "text",
        5,
        [1, 2],
        {"a": 1},
    ]


def test_a_value_whose_own_code_raises_is_named_with_the_error():
    assert seen([RaisingRepr()]) == [{"$unreadable": "RaisingRepr", "error": "ValueError"}]
    assert seen(RaisingProperty())["name"] == {"$unreadable": "name", "error": "ValueError"}


def test_a_keyboard_interrupt_out_of_a_repr_passes():
    class Interrupted:
        def __repr__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        snapshot(Interrupted(), CLEANER)


def test_a_cycle_is_named_where_it_closes():
    assert seen(cyclic_list()) == [{"$cycle": "list"}]


def test_one_huge_value_leaves_room_for_those_after_it():
    kept = seen({"huge": ["x" * 30_000] * 1_000, "many": list(range(100_000)), "small": {"a": "text", "b": [1, 2]}})
    assert kept["small"] == {"a": "text", "b": [1, 2]}


def test_one_value_in_two_places_is_no_cycle():
    shared = {1}
    assert seen([shared, shared]) == [[1], [1]]


def test_a_long_text_says_its_size_and_shows_its_head():
    cut = seen("abc" * 1_000_000)
    assert (cut["$cut"], cut["size"], len(cut["head"])) == ("str", 3_000_000, MAX_TEXT)
    assert len(cut["digest"]) == 32


def test_texts_that_differ_where_they_are_shown_have_different_digests():
    assert seen("a" * MAX_TEXT * 3)["digest"] != seen("b" * MAX_TEXT * 3)["digest"]


def test_a_long_list_says_how_much_of_it_was_kept():
    kept = seen(list(range(1_000_000)))
    assert kept[-1] == {"$cut": "list", "size": 1_000_000, "kept": len(kept) - 1}
    assert len(kept) <= MAX_NODES


def test_nesting_is_kept_up_to_its_limit():
    text = json.dumps(seen(deep(20_000)))
    assert text.count("[") == MAX_DEPTH
    assert '"$cut": "list"' in text


def test_a_huge_text_is_not_copied():
    huge = "x" * 200_000_000
    tracemalloc.start()
    try:
        snapshot({"text": huge}, CLEANER)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_later_changes_of_a_value_do_not_show():
    value = {"a": [1]}
    payload = snapshot(value, CLEANER)
    value["a"].append(2)
    assert decoded(payload) == {"a": [1]}


@pytest.mark.parametrize("offset", [1, 5, 8, 20, len(SECRET) - 1])
def test_a_secret_that_lies_across_the_cut_leaves_no_half(offset):
    text = "x " * (MAX_TEXT // 2)
    text = text[: MAX_TEXT - offset - 1] + " " + SECRET + " tail" * 10_000
    payload = snapshot(text, CLEANER)
    assert b"sk-proj" not in payload


@pytest.mark.parametrize("offset", range(0, len(SECRET), 7))
def test_a_secret_at_the_very_end_of_what_was_looked_at_leaves_no_half(offset):
    # Many secrets before it: each is replaced by something shorter, which moves the end towards the head.
    start = " ".join([SECRET * 3] * 200)[: MAX_TEXT // 2]
    text = start + " " + "y " * MAX_TEXT
    text = text[: MAX_TEXT + SLACK - offset] + SECRET + " tail" * 10_000
    assert b"Ab3dEf6hIj9l" not in snapshot(text, CLEANER)


def test_a_redactor_that_fails_shows_nothing():
    class Broken(Redactor):
        def has_secret(self, *args):
            raise RuntimeError("broken")

    assert seen_with(Broken(), {"a": 1}) == {"$unreadable": "value"}


def seen_with(cleaner, value):
    return decoded(snapshot(value, cleaner))


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('abc \n"\\é'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdé", max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_what_json_can_say_comes_back_as_it_was(value):
    assert seen(value) == value


@given(st.text(st.characters(exclude_categories=())))
def test_no_text_is_too_strange(text):
    assert isinstance(seen(text), str)
