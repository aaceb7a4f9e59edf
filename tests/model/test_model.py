"""The guard against a plain reference model, over thousands of random schedules.

The same seeds every time, so that a commit is either right or wrong. `AGENTGUARD_SOAK=5000` in the environment runs so
many. A seed that fails prints the smallest schedule that still does.
"""

import logging
import math
import os
from collections import Counter
from dataclasses import replace

import pytest

from agentguard import CircuitBreakerConfig
from tests.model.checking import has_ties, problems_of, shrunk, statuses
from tests.model.guarded import Execution
from tests.model.schedule import Arrival, Attempt, Schedule, Tool, Visit, draw
from tests.model.simulated import Simulation

SEEDS = 300
BLOCK = 50
"""Seeds of one test: short enough to be shared between workers."""
SOAK = int(os.environ.get("AGENTGUARD_SOAK", "0"))


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="agentguard")  # thousands of warnings of limits that only warn


@pytest.mark.parametrize("first", range(0, SOAK or SEEDS, BLOCK))
@pytest.mark.timeout(600)
def test_the_guard_does_what_the_plain_model_says(first: int):
    for seed in range(first, min(first + BLOCK, SOAK or SEEDS)):
        schedule = draw(seed)
        if problems_of(schedule):
            smallest = shrunk(schedule)
            report = "\n".join(problems_of(smallest))
            pytest.fail(f"seed {seed}, without what it does not need:\n\n{smallest}\n\n{report}", pytrace=False)


def test_the_schedules_reach_every_end_a_call_can_have():
    ends: Counter[str] = Counter()
    for seed in range(60):
        ends += statuses(Simulation(draw(seed)).run())
    assert set(ends) == {
        "BoomError",
        "BudgetExceededError",
        "CallTimedOutError",
        "Cancelled",
        "CircuitOpenError",
        "ConcurrencyLimitError",
        "RateLimitedError",
        "Stopped",
        "ok",
    }
    assert min(ends.values()) >= 5, ends


def test_hardly_any_schedule_is_left_open_by_ties():
    assert sum(has_ties(draw(seed)) for seed in range(100)) <= 3


def test_a_caller_that_comes_back_when_it_was_told_to_is_let_in():
    told = 0
    for seed in range(200):
        drawn = draw(seed)
        everybody = [replace(each, cancelled_after=60.0) for each in drawn.arrivals if each.at < 60.0]
        late = replace(everybody[0], at=everybody[-1].at + 0.01, visit=visit(999, tool=everybody[0].visit.tool))
        schedule = replace(
            drawn, arrivals=(*everybody, replace(late, comes_back=True, cancelled_after=math.inf)), orders=()
        )
        seen = Execution(schedule, []).run()
        mine = [end for end in seen.ended if end.visit == 999]
        others = [run.end for run in seen.runs if run.visit != 999]
        if mine[0].retry_after is None or max(others, default=0.0) > mine[0].at:
            continue
        told += 1
        assert mine[1].kind != mine[0].kind, f"seed {seed}: {mine}"
    assert told >= 10


def visit(number: int, seconds: float = 1.0, *, fails: bool = False, tool: int = 0) -> Visit:
    return Visit(number, tool, (Attempt(seconds / 2, seconds / 2, fails),))


def with_one_place_more(schedule: Schedule) -> Schedule:
    def wider(tool: Tool) -> Tool:
        places = tool.options.get("concurrency")
        if places is None:
            return tool
        more = replace(places, max_concurrent=places.max_concurrent + 1)
        return replace(tool, options=tool.options | {"concurrency": more})

    return replace(schedule, tools=tuple(wider(tool) for tool in schedule.tools))


def test_a_guard_that_lets_one_too_many_in_is_found_and_shown_small():
    schedule = next(drawn for drawn in map(draw, range(SEEDS)) if problems_of(drawn, with_one_place_more))
    smallest = shrunk(schedule, with_one_place_more)
    assert len(smallest.arrivals) <= 4 < len(schedule.arrivals)
    assert sum(len(tool.options) for tool in smallest.tools) <= 2
    assert problems_of(smallest, with_one_place_more)
    assert not problems_of(smallest)


@pytest.mark.parametrize("kind", ["circuit_breaker", "rate_limit", "budget", "concurrency", "retry", "timeout_config"])
def test_a_layer_that_does_nothing_is_noticed(kind: str):
    def without(schedule: Schedule) -> Schedule:
        tools = tuple(
            replace(tool, options={name: value for name, value in tool.options.items() if name != kind})
            for tool in schedule.tools
        )
        return replace(schedule, tools=tools)

    assert sum(bool(problems_of(draw(seed), without)) for seed in range(30)) >= 5


def test_the_model_itself_opens_a_circuit_and_closes_it_again():
    breaker = CircuitBreakerConfig(failure_threshold=2, recovery_timeout=10)
    plan = [(1, True), (3, True), (5, False), (20, False), (30, False)]
    arrivals = tuple(Arrival(float(at), visit(at, fails=fails)) for at, fails in plan)
    seen = Simulation(Schedule((Tool({"circuit_breaker": breaker}),), arrivals)).run()
    assert [end.kind for end in seen.ended] == ["BoomError", "BoomError", "CircuitOpenError", "ok", "ok"]
    assert seen.ended[2].retry_after == pytest.approx(9.0)
