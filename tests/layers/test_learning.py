"""`ResponseProfile(learn=True)`: answers held against what earlier ones were like."""

import asyncio
import logging
import random

import pytest

from agentguard import (
    Baseline,
    CallStatus,
    ConfigError,
    HallucinationError,
    ResponseProfile,
    guard,
    record_session,
    session,
)
from agentguard.testing import FakeRuntime
from tests.matrix.ways import Way

LEARN = ResponseProfile(learn=True)


@pytest.fixture(autouse=True)
def clock():
    with FakeRuntime() as clock:
        yield clock


class Orders:
    """A tool that answers with orders, or with what it is told to."""

    def __init__(self):
        self.source = random.Random(3)
        self.number = 0
        self.next = None

    def __call__(self, *_question):
        answer, self.next = self.next, None
        return self.order() if answer is None else answer

    def order(self):
        # The one after the last: also when it is made outside of a call.
        self.number += 1
        return {"id": self.number, "total": self.source.uniform(10, 90), "city": "Bern"}

    def without(self, name):
        answer = self.order()
        del answer[name]
        return answer


def ready(profile=LEARN, calls=400, **options):
    """A tool that has learned, and its body."""
    body = Orders()
    tool = guard(body, name="orders", response_profile=profile, **options)
    for number in range(calls):
        tool(number)
    return tool, body


def answers(tool, body, answer, call):
    body.next = answer
    return call(tool, body.number)


def test_a_missing_field_is_refused(call: Way):
    tool, body = ready()
    with pytest.raises(HallucinationError, match="'total' is missing") as caught:
        answers(tool, body, body.without("total"), call)
    assert caught.value.score == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"total": "12"}, "a text, and usually a number"),
        ({"total": 50_000}, "'total' is 50000"),
        ({"city": None}, "null"),
    ],
)
def test_a_value_unlike_all_before_is_refused(change, why, call: Way):
    tool, body = ready()
    with pytest.raises(HallucinationError, match=why):
        answers(tool, body, {**body.order(), **change}, call)


def test_usual_answers_pass_as_the_same_object(call: Way):
    tool, body = ready()
    answer = body.order()
    assert answers(tool, body, answer, call) is answer


def test_increasing_ids_are_never_refused(call: Way):
    tool, body = ready()
    for number in (10**6, 10**9, 10**15):
        body.number = number
        call(tool, number)


def test_error_bodies_are_refused_from_the_first_call_on_and_teach_nothing(call: Way):
    body = Orders()
    tool = guard(body, response_profile=LEARN)
    with pytest.raises(HallucinationError):
        answers(tool, body, {"error": "upstream unavailable"}, call)
    assert tool.state()["baseline"]["answers"] == 0


def test_nothing_learned_is_doubted_before_fifty_answers(call: Way):
    tool, body = ready(calls=40)
    answers(tool, body, {"something": "else"}, call)


def test_refused_answers_teach_nothing(call: Way):
    tool, body = ready()
    for _ in range(3):
        with pytest.raises(HallucinationError):
            answers(tool, body, body.without("total"), call)
    assert tool.state()["baseline"]["refused"] == 3
    assert tool.state()["baseline"]["required"] == ["city", "id", "total"]


def test_failures_teach_nothing(call: Way):
    def body():
        raise ValueError

    tool = guard(body, response_profile=LEARN)
    with pytest.raises(ValueError):  # noqa: PT011 - the tool's own
        call(tool)
    assert tool.state()["baseline"]["answers"] == 0


def test_a_drift_is_told_once_and_noted_in_the_trace(caplog):
    tool, body = ready()
    refused = 0
    with caplog.at_level(logging.WARNING, "agentguard"), record_session(backend="memory") as recorded:
        for _ in range(40):
            body.next = {**body.order(), "total": body.source.uniform(1e5, 1.1e5)}
            try:
                tool(body.number)
            except HallucinationError:
                refused += 1
    assert refused == 8
    (message,) = [record.getMessage() for record in caplog.records]
    assert "'orders' have changed for good: 'total' is" in message
    notes = [span.attributes["drift"] for span in recorded.spans() if "drift" in span.attributes]
    assert len(notes) == 1


def test_the_refused_answer_is_recorded_as_such(call: Way):
    tool, body = ready()
    with session() as recorded, pytest.raises(HallucinationError):
        answers(tool, body, body.without("id"), call)
    [entry] = recorded.entries()
    assert entry.result.status is CallStatus.HALLUCINATED


def test_two_tools_with_one_profile_learn_apart():
    tool, _ = ready()
    other = guard(lambda: {"another": "form"}, response_profile=LEARN)
    assert other() == {"another": "form"}
    assert tool.state()["baseline"]["answers"] == 400
    assert other.state()["baseline"]["answers"] == 1


def test_sync_and_async_calls_of_one_tool_learn_together(call: Way):
    tool, _ = ready(calls=10)
    call(tool, 11)
    assert tool.state()["baseline"]["answers"] == 11


def test_a_baseline_may_be_given_and_is_shared(call: Way):
    baseline = Baseline()
    tool, _ = ready(ResponseProfile(learn=True, baseline=baseline))
    other, body = ready(ResponseProfile(learn=True, baseline=baseline), calls=0)
    with pytest.raises(HallucinationError, match="missing"):
        answers(other, body, {"id": 5, "city": "Bern"}, call)
    assert baseline.summary() == tool.state()["baseline"]


def test_without_learn_a_baseline_is_only_compared_with(call: Way, tmp_path):
    baseline = Baseline()
    ready(ResponseProfile(learn=True, baseline=baseline))
    baseline.save(tmp_path / "orders.json")
    tool, body = ready(ResponseProfile(baseline=tmp_path / "orders.json"), calls=5)
    with pytest.raises(HallucinationError, match="missing"):
        answers(tool, body, body.without("city"), call)
    assert tool.state()["baseline"]["answers"] == 400


def test_reset_forgets_what_was_learned():
    tool, body = ready()
    tool.reset()
    assert tool.state()["baseline"]["answers"] == 0
    assert answers(tool, body, {"something": "else"}, lambda tool, *a: tool(*a)) == {"something": "else"}


def test_a_tool_that_does_not_learn_shows_no_baseline():
    tool = guard(Orders(), verify_response=True)
    tool()
    assert "baseline" not in tool.state()
    tool.reset()


def test_items_of_a_stream_are_learned_from_and_held_against_each_other():
    def rows(odd):
        for number in range(400):
            yield {"id": number, "name": "x"} if number != odd else {"id": number}

    tool = guard(rows, response_profile=LEARN)
    assert len(list(tool(None))) == 400
    with pytest.raises(HallucinationError, match="'name' is missing"):
        list(tool(5))


def test_slow_calls_alone_are_never_refused(clock):
    pauses = iter([0.01] * 2_000 + [3_600.0])
    tool = guard(lambda: clock.advance(next(pauses)), response_profile=LEARN)
    for _ in range(2_001):
        tool()


def test_a_stale_answer_is_refused(call: Way, clock):
    tool, body = ready(calls=0)
    for number in range(400):
        last = tool(number)
        clock.advance(60)
    with pytest.raises(HallucinationError, match="same as before"):
        answers(tool, body, dict(last), call)


def test_the_same_question_may_have_the_same_answer_whatever_the_arguments_are(call: Way):
    body = Orders()
    tool = guard(body, name="orders", response_profile=LEARN)
    for number in range(400):
        last = tool([number])
    body.next = dict(last)
    assert call(tool, [399]) == last


def test_many_calls_at_once_learn_as_well():
    body = Orders()
    tool = guard(body, response_profile=LEARN)

    async def main():
        await asyncio.gather(*(tool.acall(number) for number in range(400)))

    asyncio.run(main())
    assert tool.state()["baseline"]["answers"] == 400


def test_the_threshold_decides_what_is_refused_and_what_is_learned(call: Way):
    tool, body = ready(ResponseProfile(learn=True, threshold=0.95))
    answers(tool, body, body.without("total"), call)
    assert tool.state()["baseline"]["refused"] == 0


@pytest.mark.parametrize("given", ["", 5, b"x", ["a"]])
def test_a_baseline_that_is_none_is_an_error(given):
    with pytest.raises(ConfigError, match=r"ResponseProfile\.baseline"):
        ResponseProfile(baseline=given)
