"""How long results are cut."""

import datetime
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.core.config import OutputLimitConfig
from agentguard.policies.truncation import is_too_long, truncate

KEEPS = ["head", "tail", "both"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=300)
    | st.text('"\\\n\x00', max_size=100),
    lambda children: (
        st.lists(children, max_size=12)
        | st.dictionaries(st.text(max_size=20) | st.integers() | st.just("[...]"), children, max_size=12)
    ),
    max_leaves=40,
)


def cut(value, max_chars=100, where=None, **fields):
    shortened, truncated = truncate(value, OutputLimitConfig(max_chars, **fields), where)
    assert truncated == is_too_long(value, OutputLimitConfig(max_chars, **fields))
    return shortened


def json_size(value):
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


# Texts


def test_what_fits_is_the_same_object():
    for value in ("x" * 100, b"x" * 100, {"a": "x" * 92}, ["x" * 96], ("x" * 96,)):
        shortened, truncated = truncate(value, OutputLimitConfig(100))
        assert shortened is value
        assert not truncated


def test_one_character_too_many_is_cut():
    assert len(cut("x" * 101)) <= 100


@pytest.mark.parametrize(
    "value", [None, True, 10**30, 1.5, object(), {1, 2}, bytearray(500), datetime.date(2026, 1, 1)]
)
def test_other_values_are_left_alone(value):
    assert truncate(value, OutputLimitConfig(80)) == (value, False)


def test_the_beginning_is_kept_by_default():
    shortened = cut("abc" * 1000)
    assert shortened.startswith("abcabc")
    assert shortened.endswith("\n[... 2,941 of 3,000 characters left out]")


def test_the_end_can_be_kept():
    assert cut("abc" * 1000, keep="tail").startswith("[... 2,941 of 3,000 characters left out]\n")
    assert cut("abc" * 1000, keep="tail").endswith("abcabc")


def test_both_ends_can_be_kept():
    shortened = cut("a" * 500 + "b" * 500, keep="both")
    head, marker, tail = shortened.split("\n")
    assert set(head) == {"a"}
    assert set(tail) == {"b"}
    assert abs(len(head) - len(tail)) <= 1
    assert marker == f"[... {1000 - len(head) - len(tail)} of 1,000 characters left out]"


def test_the_marker_names_the_place_of_the_whole():
    assert cut("x" * 500, where="/tmp/1.txt").endswith("of 500 characters left out; all of it is in /tmp/1.txt]")


def test_the_marker_in_bytes_names_the_place_of_the_whole():
    assert cut(b"x" * 500, where="/tmp/1.bin").endswith(b"of 500 bytes left out; all of it is in /tmp/1.bin]")


def test_a_place_too_long_for_the_marker_is_left_out():
    shortened = cut("x" * 500, where="/" + "d" * 100)
    assert "/d" not in shortened
    assert shortened.endswith("characters left out]")


@given(
    st.text(max_size=400) | st.text("ab\n", max_size=400),
    st.integers(80, 300),
    st.sampled_from(KEEPS),
    st.none() | st.integers(2, 6),
    st.sampled_from([None, "/tmp/spill/1.txt", "/" + "ü" * 60]),
)
def test_a_text_never_exceeds_its_limits(text, most, keep, lines, where):
    shortened = cut(text, most, where, keep=keep, max_lines=lines)
    assert len(shortened) <= most
    if lines is not None:
        assert shortened.count("\n") + (not shortened.endswith("\n")) <= lines
    if shortened is not text:
        head, _, rest = shortened.partition("[... ")
        tail = rest.partition("left out")[2].partition("]")[2]
        assert text.startswith(head.removesuffix("\n"))
        assert text.endswith(tail.removeprefix("\n"))


@given(st.binary(max_size=400), st.integers(80, 300), st.sampled_from(KEEPS), st.none() | st.integers(2, 6))
def test_bytes_never_exceed_their_limits(data, most, keep, lines):
    shortened = cut(data, most, "/tmp/ü/1.bin", keep=keep, max_lines=lines)
    assert isinstance(shortened, bytes)
    assert len(shortened) <= most
    if lines is not None:
        assert shortened.count(b"\n") + (not shortened.endswith(b"\n")) <= lines


def test_bytes_say_so_in_their_marker():
    assert cut(b"x" * 500).endswith(b"of 500 bytes left out]")


@pytest.mark.parametrize(
    ("keep", "lines"),
    [
        ("head", ["line 1", "line 2", "line 3", "[... 50 of 70 characters left out]"]),
        ("tail", ["[... 49 of 70 characters left out]", "line 8", "line 9", "line 10"]),
        ("both", ["line 1", "line 2", "[... 50 of 70 characters left out]", "line 10"]),
    ],
)
def test_too_many_lines_are_cut(keep, lines):
    text = "\n".join(f"line {number}" for number in range(1, 11))
    assert cut(text, 1000, keep=keep, max_lines=4).split("\n") == lines


def test_as_many_lines_as_allowed_are_not_cut():
    assert cut("a\nb\nc\n", max_lines=3) == "a\nb\nc\n"
    assert cut("a\nb\nc", max_lines=3) == "a\nb\nc"
    assert cut(b"a\nb\nc\n", max_lines=3) == b"a\nb\nc\n"
    assert cut(b"a\nb\nc", max_lines=3) == b"a\nb\nc"


def test_one_line_more_than_allowed_is_cut():
    for text in ("a\nb\nc\nd", "a\nb\nc\nd\n"):
        assert cut(text, max_lines=3).startswith("a\nb\n[... ")
        assert cut(text.encode(), max_lines=3).startswith(b"a\nb\n[... ")
    assert cut(b"a\nb\nc\nd", max_lines=None) == b"a\nb\nc\nd"


@pytest.mark.parametrize(
    "cluster",
    ["e\u0301", "\ud83d\ude00", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2764\ufe0f", "\U0001f44d\U0001f3fd"],
)
@pytest.mark.parametrize("shift", range(5))
def test_what_is_shown_as_one_character_is_not_split(cluster, shift):
    shortened = cut("x" * shift + cluster * 200, 120, keep="both")
    head, _, tail = shortened.split("\n")
    assert head == "x" * shift + cluster * ((len(head) - shift) // len(cluster))
    assert tail == cluster * (len(tail) // len(cluster))


def test_bytes_are_cut_between_letters():
    for shift in range(4):
        cut(b"x" * shift + "€".encode() * 200, 120, keep="both").decode("utf-8")


def test_endless_accents_are_split_after_all():
    assert len(cut("e" + "\u0301" * 1000, keep="both")) <= 100


def test_the_smallest_limit_has_room_for_the_longest_marker():
    shortened = cut("x" * 12_345_678, 80, keep="both")
    assert len(shortened) <= 80
    assert shortened.count("x") >= 10


# JSON


@settings(max_examples=400, deadline=None)
@given(
    JSON,
    st.integers(80, 600),
    st.sampled_from(KEEPS),
    st.sampled_from([None, "/tmp/x/y.json", "/" + "d" * 200, '/"\\"']),
)
def test_json_stays_json_of_the_same_kind_within_its_limit(value, most, keep, where):
    shortened = cut(value, most, where, keep=keep)
    if isinstance(value, (dict, list)):
        assert (shortened is value) == (json_size(value) <= most)
        assert json_size(shortened) <= most
        assert type(shortened) is type(value)


def test_a_tuple_stays_a_tuple():
    assert isinstance(cut(("x" * 50,) * 10), tuple)


def test_a_list_loses_its_tail():
    assert cut(["item"] * 100) == ["item"] * 9 + ["[... 91 of 100 items left out]"]


def test_a_list_can_lose_its_head():
    assert cut(["item"] * 100, keep="tail") == ["[... 91 of 100 items left out]"] + ["item"] * 9


def test_a_list_can_lose_its_middle():
    shortened = cut([*range(1000)], keep="both")
    place = next(place for place, item in enumerate(shortened) if isinstance(item, str))
    assert shortened[:place] == [*range(place)]
    assert shortened[place + 1 :] == [*range(1000)][place + 1 - len(shortened) :]
    assert place > 5
    assert len(shortened) - place > 5


def test_a_dict_keeps_its_keys_and_short_values_whole():
    value = {"id": 7, "text": "x" * 5000, "name": "Ann"}
    shortened = cut(value, 200)
    assert list(shortened) == ["id", "text", "name"]
    assert (shortened["id"], shortened["name"]) == (7, "Ann")
    assert shortened["text"].endswith("of 5,000 characters left out]")
    assert json_size(shortened) > 180


def test_long_values_share_the_room_evenly():
    shortened = cut({"a": "x" * 5000, "b": "y" * 5000, "c": "short"}, 400)
    assert abs(len(shortened["a"]) - len(shortened["b"])) <= 2
    assert shortened["c"] == "short"


def test_a_dict_with_too_many_keys_loses_the_last_ones():
    shortened = cut({f"key{number}": number for number in range(100)}, 200)
    *kept, marker = shortened
    assert kept == [f"key{number}" for number in range(len(kept))]
    assert shortened[marker] == f"[... {100 - len(kept)} of 100 fields left out]"


def test_the_marker_hides_no_field():
    value = {"[...]": "mine", **{f"key{number}": number for number in range(100)}}
    shortened = cut(value, 200)
    assert shortened["[...]"] == "mine"
    assert "fields left out" in shortened["[[...]]"]


def test_a_pruned_dict_names_the_place_of_the_whole():
    shortened = cut({"text": "x" * 5000}, 300, "/tmp/1.json")
    assert shortened["[...]"] == "[shortened; all of it is in /tmp/1.json]"


def test_a_pruned_list_names_the_place_of_the_whole():
    assert cut(["x" * 50] * 100, 300, "/tmp/1.json")[-1].endswith("items left out; all of it is in /tmp/1.json]")


def test_a_long_first_item_is_shortened_and_not_dropped():
    shortened = cut(["x" * 5000, "y"], 200)
    assert shortened[0].startswith("xxx")
    assert shortened[1] == "[... 1 of 2 items left out]"


def test_nested_values_are_pruned_where_they_are():
    value = {"page": 1, "results": [{"id": number, "text": "x" * 40} for number in range(100)], "total": 100}
    shortened = cut(value, 300)
    assert (shortened["page"], shortened["total"]) == (1, 100)
    assert shortened["results"][0] == {"id": 0, "text": "x" * 40}
    assert shortened["results"][-1].endswith("of 100 items left out]")


def test_the_value_itself_is_not_changed():
    value = {"a": ["x" * 100] * 100, "b": {"c": "y" * 1000}}
    before = json.dumps(value)
    cut(value, 200)
    assert json.dumps(value) == before


def test_a_value_that_is_no_json_counts_as_its_repr_and_is_named_when_it_does_not_fit():
    class Frame:
        def __repr__(self):
            return "x" * 1000

    class Hostile:
        def __repr__(self):
            raise RuntimeError("no")

    today = datetime.date(2026, 1, 1)
    assert cut({"day": today, "frame": Frame()}, 200) == {"day": today, "frame": "[... Frame left out]"}
    assert cut([Hostile()]) is not None
    assert cut([Hostile()] * 10)[-1].endswith("of 10 items left out]")


def test_integers_of_any_length_are_measured():
    shortened = cut({"n": 10**50_000, "m": 5}, 200)
    assert shortened == {"n": "[... int left out]", "m": 5}


def test_control_characters_are_counted_as_json_writes_them():
    shortened = cut({"a": "\x00" * 1000, "b": "\x01" * 1000}, 140)
    assert json_size(shortened) <= 140
    assert list(shortened) == ["a", "b"]


def test_numbers_that_json_does_not_know_are_counted_as_python_writes_them():
    value = [float("-inf")] * 20
    assert json_size(cut(value, 200)) <= 200


def test_a_cycle_ends():
    loop = []
    loop.append(loop)
    assert json_size(cut(loop)) <= 100
    both = {}
    both.update(a=both, b=both)
    assert json_size(cut(both, 1000)) <= 1000


def test_endless_nesting_is_cut():
    deep = "x"
    for _ in range(500):
        deep = [deep]
    assert "left out" in json.dumps(cut(deep, 10_000))


def test_the_cost_is_bounded_by_the_limit_and_not_by_the_value():
    huge = {
        "text": "x" * 50_000_000,
        "rows": [["y" * 10] * 1000] * 1000,
        **{f"key{n}": [0] * 99 for n in range(10_000)},
    }
    started = time.perf_counter()
    cut(huge, 16_000)
    cut("x" * 50_000_000, 16_000, keep="both")
    assert time.perf_counter() - started < 0.5


def test_keys_that_are_no_strings_are_kept():
    assert list(cut({1: "x" * 500, None: 2, 2.5: 3}, 200)) == [1, None, 2.5]
