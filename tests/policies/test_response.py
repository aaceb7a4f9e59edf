"""Whether an answer looks like one."""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.core.config import ResponseProfile
from agentguard.policies.response import ResponseCheck, Signal


def look(value, took_ms=10.0, **profile):
    """The names of the signals."""
    return [signal.name for signal in ResponseCheck(ResponseProfile(**profile)).signals(value, took_ms)]


# Profiles


def test_a_missing_required_field_is_certain():
    check = ResponseCheck(ResponseProfile(required_fields=["id", "name"]))
    (signal,) = check.signals({"id": 1}, 1.0)
    assert signal == Signal("required_fields", 1.0, "fields are missing: 'name'")
    assert check.score([signal]) == 1.0


def test_required_fields_may_be_attributes():
    assert look(re.compile("x"), required_fields=["pattern"]) == []
    assert look(re.compile("x"), required_fields=["nothing"]) == ["required_fields"]


def test_a_text_has_no_fields():
    assert look("id", required_fields=["id"]) == ["required_fields"]


def test_a_forbidden_field_is_certain():
    check = ResponseCheck(ResponseProfile(forbidden_fields=["debug"]))
    assert check.signals({"debug": None}, 1.0) == [Signal("forbidden_fields", 1.0, "forbidden fields are set: 'debug'")]
    assert check.signals({"id": 1}, 1.0) == []


@pytest.mark.parametrize(
    "value", ["order 12", b"order 12", {"text": "order 12"}, [1, ["order 12"]], "x" * 9_000 + "order 12"]
)
def test_one_matching_pattern_is_enough(value):
    assert look(value, patterns=["invoice", re.compile(r"ORDER \d+", re.IGNORECASE)]) == []


@pytest.mark.parametrize("value", ["nothing", {"text": "nothing"}, None, 5])
def test_no_matching_pattern_is_suspect(value):
    check = ResponseCheck(ResponseProfile(patterns=[r"order \d+"]))
    (signal,) = check.signals(value, 1.0)
    assert (signal.name, signal.score) == ("patterns", 0.7)


def test_patterns_see_the_first_ten_thousand_characters():
    assert look("x" * 20_000 + "order", patterns=["order"]) == ["patterns"]


def test_patterns_see_letters_as_they_are():
    assert look({"city": "Zürich"}, patterns=["Zürich"]) == []


@pytest.mark.parametrize(("took", "suspect"), [(49.9, True), (50.0, False), (100.0, False), (100.1, True)])
def test_a_time_outside_the_range_is_doubtful(took, suspect):
    check = ResponseCheck(ResponseProfile(latency_ms=(50, 100)))
    assert [signal.score for signal in check.signals("fine", took)] == [0.5] * suspect


def test_half_a_range_is_open_at_the_other_end():
    assert look("fine", 1e9, latency_ms=(50, None)) == []
    assert look("fine", 0.0, latency_ms=(None, 100)) == []


@pytest.mark.parametrize("took", [0.0, 1e9, None])
def test_without_a_profile_the_time_is_not_looked_at(took):
    assert look("fine", took) == []


def test_a_time_that_is_not_known_is_not_looked_at():
    assert look("fine", None, latency_ms=(50, 100)) == []


# Scores


def test_two_doubts_weigh_more_than_one():
    doubts = [Signal("a", 0.5, ""), Signal("b", 0.6, "")]
    assert ResponseCheck.score(doubts) == pytest.approx(0.8)
    assert ResponseCheck.score(doubts[:1]) == 0.5
    assert ResponseCheck.score([]) == 0.0


def test_a_certainty_stays_one():
    assert ResponseCheck.score([Signal("a", 1.0, ""), Signal("b", 0.5, "")]) == 1.0


def test_the_threshold_is_the_one_of_the_profile():
    assert ResponseCheck(ResponseProfile(threshold=0.6)).threshold == 0.6


@given(st.lists(st.floats(0, 1), max_size=6))
def test_a_score_is_a_share_that_only_grows(scores):
    signals = [Signal("x", score, "") for score in scores]
    score = ResponseCheck.score(signals)
    assert 0.0 <= score <= 1.0
    assert all(score >= signal.score - 1e-9 for signal in signals)


# Errors returned as successes

ERRORS = [
    {"error": "connection refused"},
    {"error": {"code": 17}},
    {"error": True, "message": "no"},
    {"errors": ["a"]},
    {"errors": [{"message": "x"}], "data": None},
    {"Error": "x"},
    {"isError": True, "content": []},
    {"is_error": True, "data": 5},
    {"status": "error"},
    {"status": "ERROR", "detail": "x"},
    {"status": 503},
    {"status": "500"},
    {"statusCode": 502, "body": "x"},
    {"status_code": 599},
    "Internal Server Error",
    "500 Internal Server Error",
    "HTTP/1.1 503 Service Unavailable",
    "502 Bad Gateway\n\nnginx",
    "  Gateway Timeout",
    "Service Temporarily Unavailable",
    b"504 Gateway Time-out",
    "<html><head><title>404 Not Found</title></head><body></body></html>",
    "<!DOCTYPE html>\n<html><body><h1>Access Denied</h1></body></html>",
    "Traceback (most recent call last):\n  File ...\nValueError: x\n" * 100,
    "Error: file not found",
    "error: no such table",
    "ValueError: invalid literal",
    "Fatal error: out of memory",
    '{"error": "rate limited"}',
    ' {"status": 500, "x": 1}',
]

HEALTHY = [
    None,
    True,
    0,
    "",
    "fine",
    {},
    [],
    {"error": None},
    {"error": ""},
    {"error": False},
    {"error": "none"},
    {"errors": []},
    {"errors": {}},
    {"error": 0.02, "estimate": 5.1},
    {"errors": 0, "warnings": 3},
    {"errors": ["line 3 skipped"], "results": [1, 2]},
    {"error": "partial", "data": {"id": 1}},
    {"status": "ok"},
    {"status": 200},
    {"status": 404},
    {"status": "failed", "job": 7},
    {"status": True},
    {"isError": False},
    {"code": 500},
    {"error_rate": 0.5, "status_text": "error"},
    [{"error": "old one"}, {"error": "older one"}],
    "The gateway was built in 1869.",
    "An internal server error occurred in 3 of 5000 requests, says the report.",
    "Internal server error" + " and how to avoid it" * 50,
    "<html><head><title>Home</title></head><body>Error</body></html>",
    "<p>Error</p>",
    "Errors: 0",
    "No error: all good",
    "error: one\nerror: two\nwarning: three",
    "A log:\nTraceback (most recent call last):\nValueError: x",
    "Error: " + "a long text about errors " * 50,
    '{"error": null, "id": 1}',
    '{"error": broken json',
    '{"a": 1}',
    '["error"]',
    {"message": "Error: in a field"},
    b"\xff\xfe fine",
]


@pytest.mark.parametrize("value", ERRORS, ids=lambda value: repr(value)[:40])
def test_an_error_returned_as_a_success_is_noticed(value):
    (signal,) = ResponseCheck(ResponseProfile()).signals(value, 1.0)
    assert (signal.name, signal.score) == ("error_body", 0.9)
    assert signal.text.startswith("an error was returned as a success: the ")


@pytest.mark.parametrize("value", HEALTHY, ids=lambda value: repr(value)[:40])
def test_healthy_answers_are_let_through(value):
    assert look(value) == []


# Placeholders

PLACEHOLDERS = [
    "Lorem ipsum dolor sit amet",
    "LOREM IPSUM",
    "<p>Lorem ipsum</p>",
    "Title: lorem ipsum dolor sit",
    "Your name here",
    {"text": "Lorem ipsum dolor sit amet, consectetur " * 100},
    "TODO",
    " tbd ",
    "N/A",
    "string",
    "placeholder",
    "not implemented",
    "Example result",
    "sample output",
    "mock data here",
    "<placeholder>",
    "[insert name here]",
    "{{your api key}}",
    "your result here",
    {"result": "TODO"},
    {"answer": "n/a", "id": 1},
    [{"title": "<insert title>"}],
    {"id": 0, "name": "string"},
    {"id": 0, "name": "string", "active": True, "parent": None},
]

ORDINARY = [
    {"status": "TODO", "title": "Write tests"},
    {"columns": ["todo", "doing", "done"]},
    {"name": {"type": "string"}, "age": {"type": "integer"}},
    {"type": "string"},
    {"type": "string", "format": "date"},
    {"name": "string", "id": 7},
    {"middle_name": "N/A", "first_name": "Ann"},
    {"note": "placeholder"},
    ["string", "number"],
    "TODO: buy milk and write to the bank",
    "Your parcel is here",
    "An article about lorem ipsum" + " and its long history" * 100 + " lorem ipsum",
    "x" * 500 + "lorem ipsum" + "x" * 5000,
    "the example results are below",
    "<p>your text</p>",
    "string theory",
    "Ipsum is a town.",
    "The words lorem ipsum are used by printers.",
    "Your name is here",
    {"is": True, "has": None},
]


@pytest.mark.parametrize("value", PLACEHOLDERS, ids=lambda value: repr(value)[:40])
def test_a_placeholder_is_noticed(value):
    (signal,) = ResponseCheck(ResponseProfile()).signals(value, 1.0)
    assert (signal.name, signal.score) == ("placeholder", 0.6)


@pytest.mark.parametrize("value", ORDINARY, ids=lambda value: repr(value)[:40])
def test_ordinary_answers_are_let_through(value):
    assert look(value) == []


# Bounds


def test_only_the_first_thousand_values_are_looked_at():
    assert look([1] * 900 + ["lorem ipsum"]) == ["placeholder"]
    assert look([1] * 1100 + ["lorem ipsum"]) == []


def test_a_cycle_ends():
    loop = {"next": None}
    loop["next"] = [loop]
    assert look(loop, patterns=["zzz"], required_fields=["next"]) == ["patterns"]


def test_huge_answers_take_no_time():
    check = ResponseCheck(ResponseProfile(patterns=["needle"], required_fields=["a"]))
    huge = [
        "x" * 50_000_000,
        [0] * 5_000_000,
        {str(n): "y" * 100 for n in range(100_000)},
        "<" * 10**6,
        "your " * 10**6,
    ]
    started = time.perf_counter()
    for value in huge:
        check.signals(value, 1.0)
    assert time.perf_counter() - started < 0.5


class Hostile(dict):
    def keys(self):
        raise RuntimeError("no")


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no")

    def __getattr__(self, name):
        raise RuntimeError("no")


def test_hostile_answers_raise_nothing():
    for value in (Hostile(), Unshowable(), [Unshowable()], {"a": Unshowable()}):
        assert isinstance(look(value, patterns=["x"], required_fields=["a"], forbidden_fields=["b"]), list)


def test_an_answer_that_cannot_be_read_is_doubtful():
    (signal,) = ResponseCheck(ResponseProfile()).signals(Hostile(), 1.0)
    assert (signal.name, signal.text) == ("unreadable", "reading the answer raised RuntimeError")


def test_json_nested_too_deeply_is_no_error():
    assert look('{"error": ' + "[" * 9_000) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda children: st.lists(children, max_size=5) | st.dictionaries(st.text(max_size=9), children, max_size=5),
)


@given(JSON)
def test_any_json_can_be_looked_at(value):
    for answer in (value, json.dumps(value)):
        for signal in ResponseCheck(ResponseProfile(patterns=["x"], required_fields=["id"])).signals(answer, 1.0):
            assert 0.0 < signal.score <= 1.0
            assert signal.text
