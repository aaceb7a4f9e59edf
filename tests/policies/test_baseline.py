"""What the answers of one tool usually look like."""

import random
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policies.baseline import AnswerBaseline
from agentguard.policies.baseline_field import MAX_FIELDS, MAX_NAMES
from agentguard.policies.survey import MAX_SEEN, survey

SOURCE = random.Random(7)


class Tool:
    """A baseline with a clock, fed with answers."""

    def __init__(self, *answers):
        self.habits = AnswerBaseline()
        self.now = 0.0
        for answer in answers:
            self.names(answer)

    def look(self, answer, took_ms=10.0, limit=0.5, question=None):
        self.now += 60.0
        return self.habits.observe(survey(self.habits.root, answer), took_ms, self.now, question, [], limit)

    def names(self, answer, **options):
        return [signal.name for signal in self.look(answer, **options)[0]]

    def text(self, answer):
        return "; ".join(signal.text for signal in self.look(answer)[0])


def weather(**changes):
    answer = {
        "city": "Bern",
        "temperature": SOURCE.gauss(20, 2),
        "wind": {"speed": SOURCE.uniform(1, 9), "from": "N"},
        "hours": [{"hour": hour, "rain": SOURCE.random()} for hour in range(6)],
    }
    return {**answer, **changes}


def without(name):
    answer = weather()
    del answer[name]
    return answer


@pytest.fixture
def tool():
    return Tool(*(weather() for _ in range(400)))


def test_a_usual_answer_has_no_signs(tool):
    assert [tool.names(weather()) for _ in range(100)] == [[]] * 100


@pytest.mark.parametrize("name", ["city", "temperature", "wind", "hours"])
def test_a_field_that_was_always_there_must_be_there(tool, name):
    (signal,) = tool.look(without(name))[0]
    assert signal.name == "usual_fields"
    assert signal.text == f"{name!r} is missing, and was there 399 of 399 times"


def test_a_missing_field_is_named_where_it_is(tool):
    assert "'wind.from' is missing" in tool.text(weather(wind={"speed": 3.0}))
    assert "'hours[].rain' is missing" in tool.text(weather(hours=[{"hour": 0}] * 6))


def test_an_answer_of_another_form_has_one_sign_for_all_that_is_missing(tool):
    (signal,) = tool.look({"message": "no"})[0]
    assert "'city'" in signal.text
    assert "'temperature'" in signal.text


@pytest.mark.parametrize("answer", [None, "error", [], {}, 5, True, float("nan"), [weather()]])
def test_another_kind_of_answer_is_doubtful(tool, answer):
    assert tool.names(answer) == ["usual_kinds"]


@pytest.mark.parametrize("value", ["20.5", None, {}, [20.5], True, float("nan"), float("inf"), 10**400])
def test_another_kind_of_value_is_doubtful(tool, value):
    assert tool.names(weather(temperature=value)) == ["usual_kinds"]


def test_the_sign_says_what_came_and_what_is_usual(tool):
    assert tool.text(weather(temperature="20.5")) == "'temperature' is a text, and usually a number"
    assert tool.text(weather(temperature=950)).startswith("'temperature' is 950, and was from ")


def test_swapped_values_are_doubtful(tool):
    answer = weather()
    answer["temperature"], answer["city"] = answer["city"], answer["temperature"]
    assert tool.names(answer) == ["usual_kinds", "usual_kinds"]


def test_a_short_list_is_doubtful(tool):
    assert tool.names(weather(hours=weather()["hours"][:1])) == ["usual_length"]
    assert tool.names(weather(hours=[])) == ["usual_kinds"]


def test_new_fields_are_no_surprise(tool):
    assert tool.names(weather(unit="C", station={"id": 5})) == []
    assert [tool.names(weather(unit="C", station={"id": 5})) for _ in range(400)] == [[]] * 400


def test_new_fields_become_usual_and_may_still_be_missing(tool):
    for _ in range(1_000):
        tool.names(weather(unit="C"))
    assert tool.names(weather()) == []
    assert tool.names(weather(unit=5)) == ["usual_kinds"]


def test_optional_fields_may_be_missing():
    source = random.Random(5)
    tool, flagged = Tool(), 0
    for _ in range(4_000):
        flagged += bool(tool.names({"id": 5} if source.random() < 0.05 else {"id": 5, "note": "x"}))
    assert flagged <= 3


def test_latency_alone_never_refuses(tool):
    assert tool.names(weather(), took_ms=1e9) == ["usual_latency"]
    assert tool.habits.refused == 0


def test_items_of_one_list_count_as_one_answer(tool):
    hours = [{"hour": hour, "rain": 1e6} for hour in range(6)]
    refused = [bool(tool.look(weather(hours=hours))[0]) for _ in range(12)]
    assert refused == [True] * 8 + [False] * 4


def test_what_one_item_in_a_hundred_lacks_refuses_less_than_one_answer_in_a_hundred():
    source = random.Random(5)
    tool, flagged = Tool(), 0
    for _ in range(3_000):
        flagged += bool(tool.names([{"id": 1} if source.random() < 0.01 else {"id": 1, "note": "x"} for _ in range(5)]))
    assert flagged <= 30


def test_a_size_far_from_usual_is_a_doubt_but_no_refusal():
    source = random.Random(5)
    tool = Tool(*("word " * source.randrange(20, 30) for _ in range(1_600)))
    assert tool.names("word " * 5_000, took_ms=1e9) == ["usual_latency", "usual_size"]
    assert tool.habits.refused == 0


def test_what_was_refused_teaches_nothing(tool):
    for _ in range(20):
        assert tool.names(without("city")) == ["usual_fields"]
        for _ in range(3):
            tool.names(weather())
    assert tool.habits.root.fields["city"].is_required


def test_a_tool_whose_numbers_have_moved_is_told_from_outliers_and_noted_once(tool):
    answers = [tool.look(weather(temperature=SOURCE.gauss(80, 2))) for _ in range(30)]
    refused = [bool(signals) for signals, _ in answers]
    notes = [note for _, found in answers for note in found]
    assert refused == [True] * 8 + [False] * 22
    assert len(notes) == 1
    assert notes[0].startswith("'temperature' is ")


@pytest.mark.parametrize("calls", [150, 200, 290])
def test_a_tool_that_breaks_early_is_caught_as_well(calls):
    source = random.Random(5)
    tool = Tool(*(weather() for _ in range(calls)))
    for _ in range(150):
        is_broken = source.random() < 0.1
        assert bool(tool.look(without("city") if is_broken else weather())[0]) == is_broken


def test_a_field_that_has_gone_for_good_is_given_up_after_32_refusals(tool):
    refused = [bool(tool.look(without("city"))[0]) for _ in range(40)]
    assert refused == [True] * 32 + [False] * 8
    assert tool.habits.drifts == 1


def test_a_stale_answer_is_doubtful_when_two_values_that_always_change_repeat():
    tool = Tool(*({"id": number, "at": number * 7.5, "ok": True} for number in range(400)))
    assert tool.names({"id": 399, "at": 399 * 7.5, "ok": True}) == ["stale", "stale"]
    assert tool.habits.refused == 1


def test_one_value_that_is_stuck_is_refused_from_the_second_repetition_on():
    source = random.Random(5)
    tool = Tool(*({"value": source.random(), "unit": "C"} for _ in range(400)))
    tool.look({"value": 0.5, "unit": "C"})
    refused = []
    for _ in range(5):
        before = tool.habits.refused
        tool.look({"value": 0.5, "unit": "C"})
        refused.append(tool.habits.refused > before)
    assert refused == [False, True, True, True, True]


def test_the_same_question_may_get_the_same_answer():
    tool = Tool()
    for number in range(400):
        tool.look({"id": number, "total": number * 1.5}, question=number)
    assert tool.names({"id": 399, "total": 399 * 1.5}, question=399) == []


def test_a_threshold_above_the_sign_believes_and_learns(tool):
    for _ in range(20):
        tool.look(without("city"), limit=0.9)
    assert not tool.habits.root.fields["city"].is_required


def test_json_in_a_text_is_looked_into():
    tool = Tool(*(f'{{"id": {number}, "name": "x"}}' for number in range(400)))
    assert tool.names('{"id": 400}') == ["usual_fields"]
    assert "usual_kinds" in tool.names('{"id": 400, "na')


class Color(IntEnum):
    RED = 1


@dataclass
class Point:
    x: float
    y: float


def test_objects_are_looked_at_by_their_fields():
    tool = Tool(*(Point(SOURCE.random(), 5) for _ in range(400)))
    assert tool.names(Point(0.5, 5)) == []
    assert tool.names(Point("a", 5)) == ["usual_kinds"]
    assert tool.names({"x": 0.25}) == ["usual_fields"]


@pytest.mark.parametrize("number", [Color.RED, Decimal("1.5"), 1, 1.0])
def test_numbers_of_every_type_are_numbers(number):
    tool = Tool(*({"n": SOURCE.randrange(1, 9)} for _ in range(400)))
    assert tool.names({"n": number}) == []


def test_what_a_recording_spells_as_text_is_a_text():
    tool = Tool(*({"at": f"day {number}"} for number in range(400)))
    assert "usual_kinds" not in tool.names({"at": datetime(2026, 1, 1)})


def test_memory_stays_bounded_whatever_comes():
    tool = Tool()
    for number in range(300):
        tool.names({f"key {number} {index}": {"a": [{"b": number}]} for index in range(50)})
    assert tool.habits.places <= MAX_FIELDS
    assert len(tool.habits.root.fields) <= MAX_NAMES


def test_work_stays_bounded_whatever_comes():
    tool = Tool()
    deep = [[[[0] * 100] * 100] * 100] * 100
    for _ in range(10):
        tool.names(deep)
    seen, _news, _size = survey(tool.habits.root, deep)
    assert len(seen) <= MAX_SEEN + 100


ANSWERS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=4),
        st.tuples(inner, inner),
    ),
    max_leaves=12,
)


@settings(max_examples=25)
@given(st.lists(ANSWERS, min_size=1, max_size=20))
def test_any_answers_can_be_learned_and_are_not_changed(answers):
    tool, before = Tool(), repr(answers)
    for _ in range(5):
        for answer in answers:
            tool.look(answer)
    assert repr(answers) == before


@settings(max_examples=25)
@given(ANSWERS)
def test_a_tool_that_always_answers_the_same_is_never_refused(answer):
    tool = Tool()
    for _ in range(310):
        tool.look(answer)
    assert tool.habits.refused == 0
