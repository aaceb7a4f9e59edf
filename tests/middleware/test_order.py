"""What wraps what: the default order, the classic one, and orders that are refused."""

import itertools

import pytest

from agentguard import BudgetConfig, CircuitBreakerConfig, ConfigError, GuardConfig, MiddlewarePipeline
from agentguard.middleware import CLASSIC_ORDER, ORDER, RetryMiddleware, TimeoutMiddleware, ValidationMiddleware
from agentguard.middleware.order import resolve

EVERYTHING = GuardConfig(
    validate_input=True,
    max_retries=1,
    timeout=5,
    verify_response=True,
    circuit_breaker=CircuitBreakerConfig(),
    budget=BudgetConfig(max_calls_per_session=1),
    before_call=print,
)


def stages_of(order):
    return [line.partition("(")[0] for line in MiddlewarePipeline(EVERYTHING, order=order).explain().splitlines()]


def test_the_default_order_is_that_of_the_design():
    assert " > ".join(ORDER) == (
        "Truncation > LoopGuard > Validation > VerdictGate > Approval > Deadline > Retry > Trace > CircuitBreaker > "
        "RateLimiter > Budget > Concurrency > Hallucination > Timeout > Hook"
    )


def test_only_enabled_stages_are_there():
    assert resolve(ORDER, ["Hook", "Retry", "Validation"]) == ("Validation", "Retry", "Hook")


def test_the_classic_order_is_the_documents():
    assert CLASSIC_ORDER == (
        "CircuitBreaker",
        "RateLimiter",
        "Budget",
        "Validation",
        "Hallucination",
        "Retry",
        "Timeout",
        "Trace",
        "Hook",
    )


def test_the_classic_order_is_followed():
    stages = [stage for stage in stages_of(CLASSIC_ORDER) if stage != "CallSpan"]
    assert stages == ["Admission", "Validation", "Hallucination", "Retry", "Timeout", "Trace", "Hook"]


def test_stages_may_be_named_by_their_classes():
    order = (RetryMiddleware, ValidationMiddleware, TimeoutMiddleware)
    named = resolve(order, ["Validation", "Retry", "Timeout"])
    assert named == ("Retry", "Validation", "Timeout")


def test_a_stage_left_out_comes_right_inside_its_default_neighbour():
    assert resolve(["Timeout", "Retry"], ["Timeout", "Retry", "Hook", "Trace"]) == ("Timeout", "Hook", "Retry", "Trace")


def test_a_stage_without_an_outer_neighbour_comes_first():
    assert resolve(["Hook", "Retry"], ["Truncation", "Hook", "Retry"]) == ("Truncation", "Hook", "Retry")


def test_every_stage_comes_exactly_once_whatever_order_is_asked_for():
    for order in itertools.permutations(("Retry", "Timeout", "Hook", "Trace")):
        resolved = resolve(order, [stage for stage in ORDER if stage not in {"Approval", "VerdictGate"}])
        assert sorted(resolved) == sorted(set(ORDER) - {"Approval", "VerdictGate"})
        assert tuple(stage for stage in resolved if stage in order) == order


def test_an_unknown_stage_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'Validation'"):
        MiddlewarePipeline(order=["Validatoin"])


def test_a_stage_far_from_any_is_refused_with_all_names():
    with pytest.raises(ConfigError, match="Truncation, LoopGuard"):
        MiddlewarePipeline(order=["zzz"])


def test_what_is_no_stage_at_all_is_refused():
    with pytest.raises(ConfigError, match="unknown stage"):
        MiddlewarePipeline(order=[int])


def test_a_stage_named_twice_is_refused():
    with pytest.raises(ConfigError, match="'Retry' more than once"):
        MiddlewarePipeline(order=["Retry", "Hook", RetryMiddleware])


@pytest.mark.parametrize("asking", ["Approval", "VerdictGate"])
def test_asking_before_the_arguments_are_checked_is_refused(asking):
    with pytest.raises(ConfigError, match=f"{asking} outside Validation"):
        resolve([asking, "Validation"], [asking, "Validation"])


@pytest.mark.parametrize("asking", ["Approval", "VerdictGate"])
@pytest.mark.parametrize(
    "holding", ["Deadline", "Retry", "CircuitBreaker", "RateLimiter", "Budget", "Concurrency", "Timeout"]
)
def test_asking_while_something_is_held_is_refused(asking, holding):
    with pytest.raises(ConfigError, match=f"{asking} inside {holding}"):
        resolve(["Validation", holding, asking], ["Validation", holding, asking])


@pytest.mark.parametrize("asking", ["Approval", "VerdictGate"])
def test_the_default_order_asks_at_the_right_time(asking):
    assert asking in resolve(ORDER, ORDER)


def test_an_order_that_asks_too_early_is_no_problem_where_nobody_is_asked():
    assert resolve(["Approval", "Validation"], ["Validation"]) == ("Validation",)
