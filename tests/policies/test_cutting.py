"""Which part of a long text is kept, to the character."""

import pytest

from agentguard.policies.cutting import BYTES, TEXT, cut

KEEPS = ["head", "tail", "both"]
ACCENT = "\u0301"


def lines_of(text, keep, max_lines):
    return cut(text, TEXT, keep, max_chars=1000, max_lines=max_lines).split("\n")


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("most", [80, 99, 100])
def test_all_the_room_is_used(keep, most):
    assert len(cut("x" * 500, TEXT, keep, max_chars=most)) == most
    assert len(cut(b"x" * 500, BYTES, keep, max_chars=most)) == most


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("most", [0, 10, 37])
def test_with_less_room_than_it_needs_the_marker_stands_alone(keep, most):
    assert cut("x" * 500, TEXT, keep, max_chars=most) == "[... 500 of 500 characters left out]"


def test_the_place_is_told_as_long_as_the_marker_fits():
    for length in range(30, 60):
        place = "d" * length
        marker = f"[... 500 of 500 characters left out; all of it is in {place}]"
        shortened = cut("x" * 500, TEXT, "head", max_chars=100, where=place)
        assert (place in shortened) == (len(marker) + 1 <= 100)
        assert len(shortened) == (len(marker) if len(marker) == 99 else 100)


@pytest.mark.parametrize(
    ("max_lines", "head", "tail"), [(2, "1", ""), (3, "1", "9"), (4, "12", "9"), (5, "12", "89"), (7, "123", "789")]
)
def test_both_ends_get_as_many_lines_the_head_first(max_lines, head, tail):
    lines = lines_of("\n".join("123456789"), "both", max_lines)
    place = next(place for place, line in enumerate(lines) if len(line) > 1)
    assert lines[:place] == [*head]
    assert lines[place + 1 :] == [*tail]


@pytest.mark.parametrize(
    ("text", "head"),
    [("a\nb\nc\nd", ["a", "b"]), ("\nb\nc\nd", ["", "b"]), ("a\n\nc\nd", ["a", ""]), ("ab\n\n\n\nd", ["ab", ""])],
    ids=range(4),
)
def test_short_and_empty_lines_are_lines_at_the_beginning(text, head):
    assert lines_of(text, "head", 3)[:-1] == head


def test_a_single_empty_line_at_the_beginning_is_not_shown():
    assert lines_of("\nb\nc", "head", 2) == ["[... 4 of 4 characters left out]"]


@pytest.mark.parametrize(
    ("text", "tail"),
    [
        ("a\nb\nc\nd", ["c", "d"]),
        ("a\nb\nc\nd\n", ["c", "d", ""]),
        ("a\nb\n\nd\n", ["", "d", ""]),
        ("a\nb\nc\n\n", ["c", "", ""]),
    ],
    ids=range(4),
)
def test_a_newline_at_the_very_end_opens_no_line(text, tail):
    assert lines_of(text, "tail", 3)[1:] == tail


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("end", ["", "\n"], ids=["open", "closed"])
def test_lines_and_characters_are_limited_at_the_same_time(keep, end):
    for length in range(100):
        text = f"{'x' * 300}\n{'a' * length}\n{'b' * 10}{end}"
        for whole in (text, text.strip("\n")[::-1] + end):
            shortened = cut(whole, TEXT, keep, max_chars=100, max_lines=3)
            assert len(shortened) <= 100
            assert len(shortened.splitlines()) <= 3


def test_a_letter_that_does_not_fit_with_all_its_accents_is_left_out():
    shortened = cut("x" + ("e" + ACCENT * 30) + "y" * 500, TEXT, "head", max_chars=60)
    assert shortened == "x\n[... 531 of 532 characters left out]"


@pytest.mark.parametrize("letter", ["é", "ü", "€", "\U0001f600"], ids=range(4))
@pytest.mark.parametrize("keep", KEEPS)
def test_bytes_are_cut_between_letters(letter, keep):
    for shift in range(4):
        shortened = cut(b"x" * shift + letter.encode() * 200, BYTES, keep, max_chars=120)
        assert len(shortened) > 100
        shortened.decode("utf-8")


@pytest.mark.parametrize("keep", KEEPS)
def test_thirty_one_accents_are_kept_together_and_more_may_be_split(keep):
    for shift in range(40):
        shortened = cut("x" * shift + ("e" + ACCENT * 31) * 40, TEXT, keep, max_chars=200)
        kept = [part for part in shortened.split("\n") if "left out" not in part]
        assert all(part.lstrip("x").count("e") * 32 == len(part.lstrip("x")) for part in kept)
    endless = cut("e" + ACCENT * 899, TEXT, keep, max_chars=200)
    assert len(endless) == 200
