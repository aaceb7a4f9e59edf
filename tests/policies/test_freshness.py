"""Whether a value that always changes has stopped to."""

import pytest

from agentguard.policies.freshness import FIRST_REPEAT, STUCK, Freshness


def learn(fresh, mark, now, *, is_same_question=False):
    """As `AnswerBaseline` does."""
    if mark == fresh.mark:
        fresh.repeats[is_same_question] += 1
    else:
        fresh.changes[is_same_question] += 1
        fresh.mark, fresh.since, fresh.stuck = mark, now, 0


def changing(count=400, *, is_same_question=False):
    fresh = Freshness()
    for number in range(count):
        learn(fresh, number, number * 60.0, is_same_question=is_same_question)
    return fresh


def doubt(fresh, mark, now, *, is_same_question=False, pace=60.0):
    return fresh.doubt(mark, now=now, pace=pace, is_same_question=is_same_question)


def test_a_repetition_of_what_always_changed_is_doubtful():
    assert doubt(changing(), 399, 400 * 60.0) == FIRST_REPEAT


def test_the_second_repetition_in_a_row_is_worse():
    fresh = changing()
    fresh.persist(is_same_question=False)
    assert doubt(fresh, 399, 401 * 60.0) == STUCK


def test_a_change_is_no_doubt():
    assert doubt(changing(), "new", 400 * 60.0) == 0.0


def test_a_repetition_within_a_burst_is_no_doubt():
    assert doubt(changing(), 399, 399 * 60.0 + 1.0) == 0.0


def test_an_equal_question_may_have_an_equal_answer():
    fresh = changing(is_same_question=False)
    assert doubt(fresh, 399, 400 * 60.0, is_same_question=True) == 0.0


def test_an_equal_question_that_always_had_another_answer_may_not():
    fresh = changing(is_same_question=True)
    assert doubt(fresh, 399, 400 * 60.0, is_same_question=True) == FIRST_REPEAT


@pytest.mark.parametrize("count", [10, 299])
def test_few_changes_prove_nothing(count):
    assert doubt(changing(count), count - 1, count * 60.0) == 0.0


def test_what_repeats_now_and_then_is_never_doubted():
    fresh = Freshness()
    for number in range(2_000):
        learn(fresh, number - (number % 20 == 0), number * 60.0)
    assert doubt(fresh, 1_999, 2_000 * 60.0) == 0.0


def test_a_value_that_stays_for_good_is_taken_to_change_no_longer():
    fresh = changing()
    settled = [fresh.persist(is_same_question=False) for _ in range(32)]
    assert settled == [False] * 31 + [True]
    assert doubt(fresh, 399, 1e9) == 0.0
