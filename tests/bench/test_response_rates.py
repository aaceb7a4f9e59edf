"""The simulator of `python -m bench.responses`, in small: the bounds that the documents promise."""

from functools import reduce
from operator import add

import pytest

from bench.responses.broken import BREAKS, TOOLS
from bench.responses.healthy import HEALTHY
from bench.responses.play import Rate, play_broken, play_healthy

SEED = 77


def caught(how):
    pairs = [play_broken(how, tool, SEED, 250) for tool in TOOLS]
    return reduce(add, [found for found, _ in pairs]), reduce(add, [wrongly for _, wrongly in pairs])


@pytest.mark.parametrize("kind", HEALTHY)
def test_a_healthy_tool_is_flagged_in_at_most_one_percent_of_its_answers(kind):
    assert play_healthy(kind, SEED, 1_500).share <= 0.01


def test_increasing_ids_are_never_flagged():
    assert play_healthy("increasing ids", SEED + 1, 1_500) == Rate(0, 1_500)


@pytest.mark.parametrize(("how", "least"), [("missing field", 1.0), ("error body", 0.95)])
def test_broken_answers_are_caught(how, least):
    found, wrongly = caught(how)
    assert found.of >= 40
    assert found.share >= least
    assert wrongly.share <= 0.01


@pytest.mark.parametrize("how", [how for how in BREAKS if how not in {"missing field", "error body"}])
def test_every_other_way_to_break_can_be_played(how):
    found, wrongly = play_broken(how, "orders", SEED, 100)
    assert found.of + wrongly.of == 100
