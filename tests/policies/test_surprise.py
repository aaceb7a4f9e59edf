"""When something never seen is worth a doubt."""

import math

import pytest

from agentguard.policies.surprise import FIRST_DOUBTS, STRIKES, SURE_AFTER, is_doubtful, is_sure


def test_what_never_happened_in_300_answers_is_surely_rare():
    assert not is_sure(0, SURE_AFTER - 1)
    assert is_sure(0, SURE_AFTER)


def likelihood_of_at_most(seen, expected):
    return sum(math.exp(-expected) * expected**count / math.factorial(count) for count in range(seen + 1))


@pytest.mark.parametrize("seen", range(21))
def test_sure_means_less_than_one_percent_with_95_percent_confidence(seen):
    fewest = next(total for total in range(100_000) if is_sure(seen, total))
    assert likelihood_of_at_most(seen, 0.01 * fewest) <= 0.05


def test_the_first_doubts_come_after_fifty_answers_and_are_three():
    assert not is_doubtful(0, FIRST_DOUBTS - 1)
    assert [is_doubtful(seen, FIRST_DOUBTS * (seen + 1)) for seen in range(STRIKES + 1)] == [True] * STRIKES + [False]


def test_what_comes_late_and_then_again_and_again_is_doubted_on():
    assert is_doubtful(seen=5, total=210, before=200)
    assert not is_doubtful(seen=5, total=210)


def test_what_is_merely_unlikely_is_doubted_ten_times_at_most():
    assert is_doubtful(seen=9, total=900, before=300)
    assert not is_doubtful(seen=10, total=900, before=300)
    assert is_doubtful(seen=10, total=330, before=300)


def test_what_comes_as_often_as_it_may_have_all_along_is_not():
    assert not is_doubtful(seen=5, total=300, before=60)
