"""What crosses to another process, and what does not: by value, and without pickle."""

import datetime as dt
import math
import uuid
import zoneinfo
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.core.workers.decoding import NotDecodableError, decode
from agentguard.core.workers.encoding import MAX_DEPTH, CannotCrossError, encode
from agentguard.errors import CircuitOpenError
from tests.core.workers.models import Order
from tests.core.workers.tools import Address, Color, OddError, Person, Point, Right, Secretive

ZONE = zoneinfo.ZoneInfo("Europe/Berlin") if "Europe/Berlin" in zoneinfo.available_timezones() else dt.UTC
PERSON = Person("Ada", Address("Main St", ("1st floor",)))

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.datetimes(timezones=st.none() | st.just(dt.UTC))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.sampled_from([*Color, *Right, Right.READ | Right.WRITE, Right(0), Path("a/b"), Point(1, 2)])
)
hashable = st.none() | st.booleans() | st.integers() | st.text() | st.dates() | st.tuples(st.integers(), st.text())
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(hashable, inner)
        | st.sets(hashable)
        | st.frozensets(hashable)
        | st.builds(Address, st.text(), inner)
    ),
    max_leaves=12,
)


def same(left, right):
    """Equal, and of the same type all the way down: 1 is not True, a list is no tuple."""
    if type(left) is not type(right) or left != right:
        return False
    if isinstance(left, list | tuple):
        return all(map(same, left, right))
    if isinstance(left, dict):
        return all(map(same, left.items(), right.items()))
    if isinstance(left, Address):
        return same(left.lines, right.lines)
    return True


@given(values)
def test_what_crosses_arrives_as_it_was(value):
    assert same(decode(encode(value)), value)


@pytest.mark.parametrize(
    "value",
    [
        2**20_000,
        -(2**63),
        2**63,
        -0.0,
        math.inf,
        "\ud800",
        "\ud800\udc00",
        ["\udfff", {"\ud83d": "\ude00"}],
        "😀",
        bytearray(b"\0\xff"),
        complex(1, -2),
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZONE, fold=1),
        dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30), "IST")),
        dt.time(1, 2, 3, 4, tzinfo=dt.UTC, fold=1),
        Decimal("1.10"),
        Decimal("-Infinity"),
        uuid.UUID(int=7),
        PurePosixPath("/a"),
        PureWindowsPath("C:/a"),
        {1: "int", "1": "text", (1, "x"): None, None: 2.5, frozenset({1}): []},
        {"tuple": [1, 2]},
        [[], {}, (), set()],
        Point(3, [4]),
        PERSON,
        Order(number=1, by=PERSON),
        ("x" * 10_000_000, b"y" * 10_000_000),
    ],
    ids=lambda value: repr(value)[:40] if not isinstance(value, int) else "a large integer",
)
def test_odd_values_cross_too(value):
    arrived = decode(encode(value))
    assert (type(arrived), repr(arrived)) == (type(value), repr(value)) if value != 2**20_000 else arrived == value


def test_not_a_number_stays_none():
    assert math.isnan(decode(encode(math.nan)))
    assert decode(encode(Decimal("NaN"))).is_nan()


def test_a_model_keeps_which_fields_were_given_and_what_is_private():
    order = Order(number=1, by=PERSON)
    order._seen = 5
    arrived = decode(encode(order))
    assert (arrived.model_fields_set, arrived._seen, arrived) == ({"number", "by"}, 5, order)


def test_an_exception_arrives_with_its_arguments_and_attributes():
    arrived = decode(encode(OddError(7, hint="even")))
    assert (type(arrived), arrived.args, arrived.code, arrived.hint) == (OddError, ("odd 7",), 7, "even")


def test_a_built_in_exception_knows_what_it_was_made_with():
    missing = decode(encode(FileNotFoundError(2, "gone", "a.txt")))
    assert (type(missing), missing.errno, missing.filename) == (FileNotFoundError, 2, "a.txt")
    assert (missing.args, str(missing)) == ((2, "gone"), "[Errno 2] gone: 'a.txt'")
    moved = decode(encode(OSError(18, "far", "a", None, "b")))
    assert (moved.filename, moved.filename2) == ("a", "b")
    assert decode(encode(SystemExit(3))).code == 3
    undecodable = decode(encode(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")))
    assert str(undecodable) == "'utf-8' codec can't decode byte 0xff in position 0: bad"


def test_an_error_of_the_guard_arrives_whole():
    error = CircuitOpenError(tool_name="t", call_id="c", retry_after=2.5)
    arrived = decode(encode(error))
    assert (str(arrived), arrived.retry_after, arrived.call_id) == (str(error), 2.5, "c")


@dataclass
class Holder:
    value: object


class Text(str):
    __slots__ = ()


class OwnZone(dt.tzinfo):
    def utcoffset(self, _when):
        return None


def looped():
    loop = [1]
    loop.append({"again": loop})
    return loop


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def made_inside():
    @dataclass
    class Inside:
        value: int

    return Inside(1)


@pytest.mark.parametrize(
    ("value", "path", "why"),
    [
        (Secretive(), "", "a value of type tests.core.workers.tools.Secretive cannot go to another process"),
        ([0, {"key": Secretive()}], "[1]['key']", "Secretive cannot"),
        (Person("x", Secretive()), ".address", "Secretive cannot"),
        (Order.model_construct(number=Secretive()), ".number", "Secretive cannot"),
        (Text("sub"), "", "a value of type .*Text cannot"),
        (OrderedDict(), "", "a value of type collections.OrderedDict cannot"),
        (len, "", "builtin_function_or_method cannot"),
        (Secretive, "", "a value of type builtins.type cannot"),
        (looped(), "[1]['again']", "it contains itself"),
        (nested(MAX_DEPTH + 1), "[0]" * MAX_DEPTH, "nested more than 100 levels deep"),
        (made_inside(), "", "the class .*Inside cannot be found by that name"),
        (dt.time(1, tzinfo=OwnZone()), "", "a time zone of type .*OwnZone cannot"),
    ],
    ids=lambda value: "" if not isinstance(value, str) else value[:30],
)
def test_what_cannot_cross_says_where_and_why(value, path, why):
    with pytest.raises(CannotCrossError, match=why) as caught:
        encode(value)
    assert caught.value.path == path


def test_nesting_up_to_the_limit_crosses():
    assert decode(encode(nested(MAX_DEPTH - 1))) == nested(MAX_DEPTH - 1)


def test_the_same_list_twice_is_no_loop():
    shared = [1]
    assert decode(encode([shared, shared])) == [[1], [1]]


def test_an_attribute_that_raises_does_not_cross():
    class RaisingError(Exception):
        @property
        def args(self):
            raise RuntimeError("no")

    with pytest.raises(CannotCrossError, match="reading it raised RuntimeError"):
        encode(RaisingError())


@pytest.mark.parametrize(
    "text",
    [
        '{"dataclass": ["tests.core.workers.tools:Secretive", [], []]}',
        '{"dataclass": ["tests.core.workers.tools:Address", ["__class__"], [1]]}',
        '{"dataclass": ["tests.core.workers.tools:Address", ["street"], []]}',
        '{"member": ["tests.core.workers.tools:Address", "RED"]}',
        '{"member": ["tests.core.workers.tools:Color", "BLUE"]}',
        '{"exception": ["builtins:int", [], [], []]}',
        '{"exception": ["os:system", ["true"], [], []]}',
        '{"model": ["tests.core.workers.tools:Address", [[], []], [], null, null]}',
        '{"named tuple": ["tests.core.workers.tools:Point", [1]]}',
        '{"named tuple": ["builtins:tuple", [1]]}',
        '{"set": [[1]]}',
        '{"dict": [[1], []]}',
        '{"int": "zz"}',
        '{"unknown": 1}',
        '{"tuple": [1], "set": [2]}',
        "{}",
        "[1,",
        "[" * 100_000,
        "9" * 5_000,
        "\udcff",
    ],
    ids=lambda text: text[:40].encode("ascii", "replace").decode(),
)
def test_a_forged_value_is_refused(text):
    with pytest.raises(NotDecodableError):
        decode(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("module", ["antigravity", "this", "xmlrpc.client"])
def test_a_forged_name_imports_nothing(module):
    import sys

    sys.modules.pop(module, None)
    with pytest.raises(NotDecodableError):
        decode(f'{{"exception": ["{module}:Fault", [1, "x"], [], []]}}'.encode())
    assert module not in sys.modules
