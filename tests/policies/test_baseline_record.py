"""A baseline as plain values, and back."""

import copy
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policies.baseline_record import baseline_of, record_of
from agentguard.policies.recorded_answers import shown
from tests.policies.test_baseline import ANSWERS, Tool, weather, without


def roundtrip(habits):
    return baseline_of(json.loads(json.dumps(record_of(habits))))


def restored(tool):
    other = Tool()
    other.habits = roundtrip(tool.habits)
    return other


@pytest.fixture(scope="module")
def tool():
    return Tool(*(weather() for _ in range(400)))


def test_what_was_saved_judges_as_what_was_learned(tool):
    again = restored(tool)
    assert [again.names(weather()) for _ in range(100)] == [[]] * 100
    assert again.names(without("wind")) == ["usual_fields"]
    assert again.names(weather(temperature="20")) == ["usual_kinds"]
    assert again.names(weather(temperature=950)) == ["usual_numbers"]
    assert again.names(weather(hours=weather()["hours"][:1])) == ["usual_length"]


def test_growing_ids_stay_recognised():
    tool = Tool(*({"id": 10_000 + number} for number in range(400)))
    assert restored(tool).names({"id": 10**9}) == []


def test_what_always_changed_is_still_expected_to():
    tool = restored(Tool(*({"id": number, "at": number * 7.5} for number in range(400))))
    assert tool.names({"id": 400, "at": 3000.0}) == []
    assert tool.names({"id": 400, "at": 3000.0}) == ["stale", "stale"]


def test_no_text_of_an_answer_is_written(tool):
    text = json.dumps(record_of(tool.habits))
    assert "Bern" not in text
    assert '"temperature"' in text


def test_numbers_are_rounded():
    tool = Tool(*({"pin": number} for number in [123456, 987654] * 200))
    text = json.dumps(record_of(tool.habits))
    assert "123456" not in text
    assert "987654" not in text


def test_a_field_with_the_name_of_a_secret_keeps_no_numbers():
    tool = Tool(*({"api_key": random.randrange(10**9), "n": 5} for _ in range(50)))
    fields = record_of(tool.habits)["answer"]["fields"]
    assert "range" not in fields["api_key"]
    assert "range" in fields["n"]


def test_wide_numbers_keep_their_small_ones():
    source = random.Random(3)
    tool = Tool(*({"n": source.paretovariate(0.5)} for _ in range(400)))
    quantiles = record_of(tool.habits)["answer"]["fields"]["n"]["range"]["quantiles"]
    assert 1 <= quantiles[0] < quantiles[1] < quantiles[2] < quantiles[3] < 10


def test_keys_that_are_data_are_not_written():
    tool = Tool(*({"id": 1, f"user {number}": 5} for number in range(200)))
    assert list(record_of(tool.habits)["answer"]["fields"]) == ["id"]


@settings(max_examples=40)
@given(st.lists(ANSWERS, min_size=1, max_size=10))
def test_any_baseline_can_be_saved_and_loaded(answers):
    tool = Tool()
    for _ in range(12):
        for answer in answers:
            tool.look(answer)
    again = roundtrip(tool.habits)
    assert again.root.counts == tool.habits.root.counts
    assert again.places <= tool.habits.places


@settings(max_examples=20)
@given(st.lists(st.floats(1, 1e6), min_size=70, max_size=90))
def test_numbers_that_were_usual_stay_so(numbers):
    tool = Tool(*({"n": number} for number in numbers))
    believed, again = tool.habits.root.fields.get("n"), restored(tool)
    assert believed is not None
    usual = again.habits.root.fields["n"].range
    low, high = believed.range.seen
    assert usual.low <= low <= high <= usual.high


DAMAGE = {
    "nothing": lambda record: None,
    "another format": lambda record: record.update(format="x"),
    "a later version": lambda record: record.update(version=2),
    "no answer": lambda record: record.pop("answer"),
    "a negative count": lambda record: record["answer"].update(total=-1),
    "a text for a count": lambda record: record["answer"]["kinds"].update(fields="x"),
    "a text for the kinds": lambda record: record["answer"].update(kinds="x"),
    "quantiles out of order": lambda record: record["latency_ms"].update(quantiles=[9, 1, 1, 1, 1, 1, 1, 1]),
    "too few quantiles": lambda record: record["latency_ms"].update(quantiles=[1]),
    "no number": lambda record: record["latency_ms"].update(quantiles=[1, 1, 1, float("nan"), 1, 1, 1, 1]),
    "a list for the fields": lambda record: record["answer"].update(fields=[]),
    "a long name": lambda record: record["answer"]["fields"].update({"x" * 999: {"total": 0, "kinds": {}}}),
    "too many fields": lambda record: record["answer"]["fields"].update(
        {f"{number}": {"total": 0, "kinds": {}} for number in range(999)}
    ),
}


@pytest.mark.parametrize("damage", [name for name in DAMAGE if name != "nothing"])
def test_a_damaged_record_is_refused_with_a_reason(tool, damage):
    record = copy.deepcopy(record_of(tool.habits))
    DAMAGE[damage](record)
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        baseline_of(record)


@pytest.mark.parametrize("foreign", [None, 5, [], {}, "x", {"format": "agentguard baseline"}])
def test_a_foreign_record_is_refused(foreign):
    with pytest.raises(ValueError, match="it "):
        baseline_of(foreign)


def test_a_record_nested_too_deep_is_refused(tool):
    record = copy.deepcopy(record_of(tool.habits))
    inner = record["answer"]
    for _ in range(9):
        inner["fields"] = {"a": {"total": 1, "kinds": {}}}
        inner = inner["fields"]["a"]
    with pytest.raises(ValueError, match="too deep"):
        baseline_of(record)


# Recordings


def test_what_a_recording_hides_is_left_open():
    recorded = {"token": "[REDACTED]", "body": {"$cut": "str", "size": 10**6}, "price": "12.50", "n": 5}
    tool = Tool(*(shown(recorded) for _ in range(400)))
    assert tool.names({"token": 5, "body": "text", "price": 12.5, "n": 5}) == []
    assert tool.names({"token": 5, "body": "text", "price": 12.5, "n": "5"}) == ["usual_kinds"]


def test_shown_leaves_everything_else_as_it_is():
    answer = {"a": [1, None, "text", {"b": True}]}
    assert shown(answer) == answer
