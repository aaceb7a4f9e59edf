"""Which parts of a long dict or list are kept, to the character."""

import json

import pytest

from agentguard.policies.json_size import MAX_DEPTH
from agentguard.policies.pruning import LEAST_ROOM, prune

KEEPS = ["head", "tail", "both"]


def size(value):
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def place_of(length):
    """A place that takes so many characters in JSON."""
    return "p" * (length - 2)


# Texts


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("room", [64, 100, 200, 201])
def test_a_long_text_takes_all_the_room(keep, room):
    assert size(prune("x" * 5000, room, keep)) == room
    assert size(prune({"text": "x" * 5000}, room + 9, keep)) == room + 9


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize(
    "text", ["\x00" * 5000, '"x' * 5000, "x\n" * 5000, "\x01" * 70], ids=["zeros", "quotes", "lines", "ones"]
)
def test_a_text_that_must_be_escaped_stays_within_the_room(keep, text):
    for room in range(64, 400, 7):
        shortened = prune(text, room, keep)
        assert size(shortened) <= room
        assert "left out]" in shortened


def test_a_text_of_quotes_takes_most_of_the_room():
    assert size(prune('"' * 5000, 1000, "head")) > 900


# Lists


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("around", [list, tuple])
def test_a_list_keeps_as_many_items_as_fit(keep, around):
    for room in range(64, 128):
        # 33 characters for a marker that might have to say "100 of 100", two brackets and 4 for each item.
        count = (room - 36) // 4
        pruned = prune(around(range(100, 200)), room, keep)
        front = {"head": count, "tail": 0, "both": (room - 36) // 2 // 4}[keep]
        back = {"head": 0, "tail": count, "both": (room - 36 - 1 - 4 * front) // 4}[keep]
        marker = f"[... {100 - front - back} of 100 items left out]"
        assert pruned == around([*range(100, 100 + front), marker, *range(200 - back, 200)])


@pytest.mark.parametrize("keep", KEEPS)
def test_what_fits_is_the_same_object_and_one_character_more_is_pruned(keep):
    for value in ([10] * 50, {"a": "x" * 100, "b": [1] * 10}, "x" * 100, [["x" * 50]] * 4):
        assert prune(value, size(value), keep) is value
        assert size(prune(value, size(value) - 1, keep)) < size(value)


def test_the_first_item_that_does_not_fit_is_shortened_if_it_gets_64_characters():
    # Of the room, two brackets, two commas and the marker take 33.
    assert prune(["x" * 500, 1], 96, "head") == ["[... 2 of 2 items left out]"]
    shortened, marker = prune(["x" * 500, 1], 97, "head")
    assert (shortened[:3], marker) == ("xxx", "[... 1 of 2 items left out]")
    assert size([shortened, marker]) == 96


def test_the_first_item_that_does_not_fit_is_shortened_if_it_gets_a_quarter_of_the_room():
    for ones in (0, 100, 200, 299, 300, 301, 350):
        pruned = prune([1] * ones + ["x" * 5000, 2], 800 + 36, "head")
        is_shortened = any(isinstance(item, str) and item.startswith("xxx") for item in pruned)
        assert is_shortened == (ones <= 299), ones


@pytest.mark.parametrize("keep", KEEPS)
def test_a_place_is_told_in_a_list_if_it_leaves_64_characters(keep):
    marker = '"[... 90 of 90 items left out]"'
    for length in range(20, 120):
        pruned = prune([10] * 90, 200, keep, where=place_of(length))
        told = any("; all of it is in p" in item for item in pruned if isinstance(item, str))
        assert told == (len(marker) + length + 64 <= 200)
        assert size(pruned) <= 200


def test_a_list_that_only_had_its_items_shortened_tells_the_place():
    assert prune(["x" * 500], 200, "head", where="/tmp/1")[1:] == ["[shortened; all of it is in /tmp/1]"]
    assert len(prune(["x" * 500], 200, "head")) == 1


def test_the_place_is_told_on_the_outermost_level_only():
    pruned = json.dumps(prune({"a": ["x" * 500, {"b": "x" * 500}]}, 400, "head", where="/tmp/1"))
    assert pruned.count("/tmp/1") == 1


# Dicts


def test_a_dict_keeps_as_many_fields_as_fit():
    fields = {f"{number}": 1 for number in range(10, 100)}
    for room in range(64, 200):
        pruned = prune(fields, room, "head")
        # 31 for the longest marker, 7 for its key, 2 for a colon and a comma, one bracket, and 7 for each field.
        count = (room - 41 - 1) // 7
        assert pruned == {
            **dict(list(fields.items())[:count]),
            "[...]": f"[... {90 - count} of 90 fields left out]",
        }, room


def test_a_field_is_kept_if_there_are_64_characters_for_its_value():
    fields = {"a": "x" * 500, "b": "y" * 500, "c": "z" * 500}
    # One bracket, 39 for the marker and its key, and 5 for the key of each field.
    for room in range(105, 400):
        pruned = prune(fields, room, "head")
        kept = [key for key in pruned if key != "[...]"]
        assert len(kept) == (3 if room - 1 >= 3 * 69 else (room - 40) // 69), room
        assert size(pruned) == (room if kept else 40)


def test_short_values_are_kept_whole_before_long_ones_share_the_rest():
    fields = {"long": "x" * 500, "short": "y" * 70, "other": "z" * 500, "tiny": 1}
    pruned = prune(fields, 400, "head")
    assert (pruned["short"], pruned["tiny"]) == ("y" * 70, 1)
    assert list(pruned) == list(fields)
    assert abs(len(pruned["long"]) - len(pruned["other"])) <= 1
    assert size(pruned) == 400


def test_a_long_value_takes_what_the_others_leave():
    for length in range(100, 400, 7):
        pruned = prune({"a": "x" * length, "b": "y" * 5000}, 500, "head")
        assert (pruned["a"] == "x" * length) == (length + 2 <= 243 + 1)
        assert size(pruned) >= 499


def test_a_place_is_told_in_a_dict_if_it_leaves_64_characters():
    marker = '"[... 1 of 1 fields left out]"'
    for length in range(20, 160):
        pruned = prune({"text": "x" * 500}, 200, "head", where=place_of(length))
        assert ("[...]" in pruned) == (len(marker) + length + 64 <= 200)
        assert size(pruned) <= 200


def test_the_key_of_the_marker_hides_none_of_the_fields():
    fields = {"[...]": 1, "[[...]]": 2, **{str(number): number for number in range(200)}}
    pruned = prune(fields, 200, "head")
    assert (pruned["[...]"], pruned["[[...]]"]) == (1, 2)
    assert pruned["[[[...]]]"].endswith("of 202 fields left out]")
    assert size(pruned) <= 200


# Below


def in_lists(levels, value):
    for _ in range(levels):
        value = [value]
    return value


def in_dicts(levels, value):
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize("nest", [in_lists, in_dicts])
def test_what_lies_deeper_than_64_levels_is_left_out(nest):
    text = json.dumps(prune(nest(MAX_DEPTH, ["x" * 20_000]), 10_000, "head"))
    assert "xxx" in text
    text = json.dumps(prune(nest(MAX_DEPTH + 1, ["x" * 20_000]), 10_000, "head"))
    assert "xxx" not in text
    assert "[... list left out]" in text


def test_items_and_fields_of_any_level_are_pruned():
    value = {"a": [{"b": [1] * 500, "c": "x" * 500}, 2], "d": 3}
    pruned = prune(value, 400, "head")
    assert pruned["d"] == 3
    assert pruned["a"][0]["b"][-1].endswith("of 500 items left out]")
    assert pruned["a"][0]["c"].endswith("of 500 characters left out]")
    assert size(pruned) > 350


def test_all_levels_keep_the_same_end():
    value = {"a": [*range(10, 99), ["first", *["x" * 20] * 50, "last"]]}
    assert prune(value, 400, "tail")["a"][-1][-1] == "last"
    assert prune(value, 400, "both")["a"][0] == 10


def test_what_cannot_be_shortened_is_named():
    class Frame:
        def __repr__(self):
            return "x" * 900

    assert prune(Frame(), 100, "head") == "[... Frame left out]"
    assert prune(type("N" * 50, (Frame,), {})(), 100, "head") == f"[... {'N' * 20} left out]"
    assert prune(10**900, 64, "head") == "[... int left out]"
    assert LEAST_ROOM == 64
