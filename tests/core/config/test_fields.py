"""What each config accepts, and how it refuses the rest."""

import dataclasses
import math
import re

import pytest

from agentguard.core import config as configs
from agentguard.core.config import (
    ApprovalConfig,
    BudgetConfig,
    CircuitBreakerConfig,
    ConcurrencyConfig,
    LoopGuardConfig,
    OutputLimitConfig,
    RateLimitConfig,
    ResponseProfile,
    RetryConfig,
    TimeoutConfig,
)
from agentguard.errors import ConfigError

MINIMAL = {
    ApprovalConfig: {},
    BudgetConfig: {"max_calls_per_session": 1},
    CircuitBreakerConfig: {},
    ConcurrencyConfig: {"max_concurrent": 1},
    LoopGuardConfig: {},
    OutputLimitConfig: {},
    RateLimitConfig: {"calls_per_second": 1},
    ResponseProfile: {},
    RetryConfig: {},
    TimeoutConfig: {"timeout_seconds": 1},
}

DOCUMENTED = {
    RetryConfig: {
        "max_retries": 3,
        "initial_delay": 1.0,
        "max_delay": 60.0,
        "backoff_factor": 2.0,
        "jitter": True,
        "retryable_exceptions": (),
        "retry_on_result": None,
        "quota": True,
    },
    TimeoutConfig: {
        "timeout_seconds": 1,
        "total_seconds": None,
        "grace_seconds": None,
        "on_timeout": "raise",
        "isolation": "thread",
        "memory_limit_mb": None,
        "max_abandoned": 32,
    },
    CircuitBreakerConfig: {
        "failure_threshold": 5,
        "recovery_timeout": 60.0,
        "success_threshold": 1,
        "failure_rate": None,
        "slow_call_seconds": None,
        "slow_call_rate": None,
        "window_seconds": 60.0,
        "min_calls": 20,
        "half_open_permits": 1,
        "shared_key": None,
        "on_open": "block",
    },
    RateLimitConfig: {
        "calls_per_second": 1,
        "calls_per_minute": None,
        "calls_per_hour": None,
        "burst": 1,
        "max_wait": 0.0,
        "shared_key": None,
    },
    BudgetConfig: {
        "max_cost_per_call": None,
        "max_cost_per_session": None,
        "max_calls_per_session": 1,
        "cost_per_call": None,
        "cost": None,
        "alert_threshold": 0.8,
        "on_alert": None,
        "on_exceed": "block",
        "shared_key": None,
    },
    ConcurrencyConfig: {"max_concurrent": 1, "max_wait": 0.0},
    LoopGuardConfig: {
        "warn_after": 3,
        "ask_after": 5,
        "block_after": 8,
        "halt_after": 20,
        "max_period": 4,
        "poll": False,
        "loop_key": None,
    },
    OutputLimitConfig: {"max_chars": 16_000, "max_lines": None, "keep": "head", "spill_dir": None},
    ResponseProfile: {
        "required_fields": (),
        "forbidden_fields": (),
        "patterns": (),
        "latency_ms": None,
        "json_schema": None,
        "learn": False,
        "baseline": None,
        "threshold": 0.5,
    },
    ApprovalConfig: {"rules": (), "channel": None, "timeout": 300.0, "store": None, "risk": None},
}

NOT_FINITE = (math.nan, math.inf, -math.inf, 10**400)
NOT_NUMBERS = ("5", b"5", [], 1 + 0j, object)

POSITIVE = [
    (TimeoutConfig, "timeout_seconds"),
    (TimeoutConfig, "total_seconds"),
    (CircuitBreakerConfig, "recovery_timeout"),
    (CircuitBreakerConfig, "window_seconds"),
    (RateLimitConfig, "calls_per_second"),
    (RateLimitConfig, "calls_per_minute"),
    (RateLimitConfig, "calls_per_hour"),
    (ApprovalConfig, "timeout"),
]
NOT_NEGATIVE = [
    (RetryConfig, "initial_delay"),
    (RetryConfig, "max_delay"),
    (TimeoutConfig, "grace_seconds"),
    (RateLimitConfig, "max_wait"),
    (ConcurrencyConfig, "max_wait"),
    (BudgetConfig, "max_cost_per_call"),
    (BudgetConfig, "max_cost_per_session"),
    (BudgetConfig, "cost_per_call"),
]
COUNTS = [
    (RetryConfig, "max_retries", 0),
    (TimeoutConfig, "max_abandoned", 1),
    (CircuitBreakerConfig, "failure_threshold", 1),
    (CircuitBreakerConfig, "success_threshold", 1),
    (CircuitBreakerConfig, "min_calls", 1),
    (CircuitBreakerConfig, "half_open_permits", 1),
    (RateLimitConfig, "burst", 1),
    (BudgetConfig, "max_calls_per_session", 0),
    (ConcurrencyConfig, "max_concurrent", 1),
    (OutputLimitConfig, "max_chars", 80),
    (OutputLimitConfig, "max_lines", 2),
]
SHARES = [
    (CircuitBreakerConfig, "failure_rate"),
    (BudgetConfig, "alert_threshold"),
    (ResponseProfile, "threshold"),
]
CHOICES = [
    (TimeoutConfig, "on_timeout", ("raise", "result")),
    (TimeoutConfig, "isolation", ("thread", "process", "inline")),
    (CircuitBreakerConfig, "on_open", ("block", "warn")),
    (BudgetConfig, "on_exceed", ("block", "warn")),
    (OutputLimitConfig, "keep", ("head", "tail", "both")),
]
FLAGS = [(RetryConfig, "jitter"), (RetryConfig, "quota"), (LoopGuardConfig, "poll"), (ResponseProfile, "learn")]
CALLABLES = [
    (RetryConfig, "retry_on_result"),
    (BudgetConfig, "cost"),
    (BudgetConfig, "on_alert"),
    (LoopGuardConfig, "loop_key"),
]
KEYS = [(CircuitBreakerConfig, "shared_key"), (RateLimitConfig, "shared_key"), (BudgetConfig, "shared_key")]


def make(cls, **fields):
    return cls(**{**MINIMAL[cls], **fields})


def refusal(cls, **fields):
    with pytest.raises(ConfigError) as caught:
        make(cls, **fields)
    return str(caught.value)


@pytest.mark.parametrize("cls", DOCUMENTED)
def test_a_config_has_exactly_the_documented_fields_and_defaults(cls):
    assert dataclasses.asdict(make(cls)) == DOCUMENTED[cls]


@pytest.mark.parametrize("cls", MINIMAL)
def test_a_config_cannot_be_changed(cls):
    config = make(cls)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, dataclasses.fields(config)[0].name, 1)
    assert not hasattr(config, "__dict__")


def test_the_door_lists_its_configs_in_order():
    assert configs.__all__ == tuple(sorted(configs.__all__))
    assert all(hasattr(configs, name) for name in configs.__all__)


@pytest.mark.parametrize(("cls", "field"), POSITIVE)
def test_a_duration_or_rate_is_a_finite_number_above_zero(cls, field):
    assert getattr(make(cls, **{field: 0.25}), field) == 0.25
    assert getattr(make(cls, **{field: 7}), field) == 7
    for wrong in (0, -1, -0.001, True, False, *NOT_FINITE, *NOT_NUMBERS):
        assert f"{cls.__name__}.{field} must be a finite number > 0" in refusal(cls, **{field: wrong})


@pytest.mark.parametrize(("cls", "field"), NOT_NEGATIVE)
def test_a_pause_or_price_is_a_finite_number_not_below_zero(cls, field):
    assert getattr(make(cls, **{field: 0}), field) == 0
    for wrong in (-1, -0.001, True, False, *NOT_FINITE, *NOT_NUMBERS):
        assert f"{cls.__name__}.{field} must be a finite number >= 0" in refusal(cls, **{field: wrong})


@pytest.mark.parametrize(("cls", "field", "least"), COUNTS)
def test_a_count_is_an_integer_from_its_least(cls, field, least):
    assert getattr(make(cls, **{field: least}), field) == least
    for wrong in (least - 1, least + 0.5, float(least), True, False, *NOT_FINITE[:3], *NOT_NUMBERS):
        assert f"{cls.__name__}.{field} must be an integer >= {least}" in refusal(cls, **{field: wrong})


@pytest.mark.parametrize(("cls", "field"), SHARES)
def test_a_share_is_above_zero_and_at_most_one(cls, field):
    assert getattr(make(cls, **{field: 1}), field) == 1
    assert getattr(make(cls, **{field: 0.01}), field) == 0.01
    for wrong in (0, 1.01, -0.5, True, *NOT_FINITE, *NOT_NUMBERS):
        assert f"{cls.__name__}.{field} must be a number above 0 and at most 1" in refusal(cls, **{field: wrong})


@pytest.mark.parametrize(("cls", "field", "choices"), CHOICES)
def test_a_choice_is_one_of_its_words(cls, field, choices):
    for choice in choices:
        assert getattr(make(cls, **{field: choice}), field) == choice
    for wrong in ("explode", "", None, True, 1, []):
        assert f"{cls.__name__}.{field} must be one of '{choices[0]}'" in refusal(cls, **{field: wrong})


@pytest.mark.parametrize(("cls", "field"), FLAGS)
def test_a_switch_is_true_or_false(cls, field):
    for right in (True, False):
        assert getattr(make(cls, **{field: right}), field) is right
    for wrong in (1, 0, "yes", None):
        assert f"{cls.__name__}.{field} must be True or False, got {wrong!r}" in refusal(cls, **{field: wrong})


@pytest.mark.parametrize(("cls", "field"), CALLABLES)
def test_a_callback_can_be_called(cls, field):
    assert getattr(make(cls, **{field: print}), field) is print
    for wrong in (1, "print", ()):
        assert f"{cls.__name__}.{field} must be a callable or None" in refusal(cls, **{field: wrong})


@pytest.mark.parametrize(("cls", "field"), KEYS)
def test_a_shared_key_is_a_string_that_is_not_empty(cls, field):
    assert getattr(make(cls, **{field: "search"}), field) == "search"
    for wrong in ("", 1, True, ("a",)):
        assert f"{cls.__name__}.{field} must be a string that is not empty, or None" in refusal(cls, **{field: wrong})


def test_an_error_names_the_field_the_value_and_what_is_allowed():
    assert refusal(RetryConfig, max_retries=-1) == "RetryConfig.max_retries must be an integer >= 0, got -1"


def test_an_error_says_when_none_would_be_allowed():
    assert refusal(TimeoutConfig, grace_seconds=-1).endswith("must be a finite number >= 0 or None, got -1")


def test_an_error_shows_only_the_beginning_of_a_long_value():
    message = refusal(RetryConfig, jitter="x" * 1000)
    assert message.endswith("xxx...")
    assert len(message) < 200


def test_a_value_that_cannot_be_shown_is_named_by_its_type():
    class Hostile:
        def __repr__(self):
            raise RuntimeError("no")

    assert refusal(RetryConfig, jitter=Hostile()).endswith("got a Hostile")


@pytest.mark.parametrize("factor", [0, 0.5, -2, math.inf, True])
def test_a_pause_never_shrinks(factor):
    assert "RetryConfig.backoff_factor must be a finite number >= 1" in refusal(RetryConfig, backoff_factor=factor)


def test_exceptions_to_retry_become_a_tuple():
    config = RetryConfig(retryable_exceptions=[OSError, ValueError])
    assert config.retryable_exceptions == (OSError, ValueError)


@pytest.mark.parametrize("wrong", [OSError, [OSError()], ["OSError"], [KeyboardInterrupt], "OSError", None, 5])
def test_only_exception_classes_can_be_retried(wrong):
    message = refusal(RetryConfig, retryable_exceptions=wrong)
    assert "RetryConfig.retryable_exceptions must be a sequence of subclasses of Exception" in message


def test_the_first_field_may_be_given_by_position():
    assert RetryConfig(5).max_retries == 5
    assert TimeoutConfig(2.5).timeout_seconds == 2.5
    assert ConcurrencyConfig(4).max_concurrent == 4
    assert OutputLimitConfig(500).max_chars == 500


def test_a_timeout_without_any_limit_is_refused():
    with pytest.raises(ConfigError, match=r"TimeoutConfig needs timeout_seconds or total_seconds, got neither"):
        TimeoutConfig(grace_seconds=1)


def test_a_total_alone_is_a_timeout():
    assert TimeoutConfig(total_seconds=9).timeout_seconds is None


def test_memory_is_limited_in_a_process_only():
    assert TimeoutConfig(1, isolation="process", memory_limit_mb=64).memory_limit_mb == 64
    with pytest.raises(ConfigError, match=r'memory_limit_mb needs isolation="process", got \'thread\''):
        TimeoutConfig(1, memory_limit_mb=64)


def test_memory_is_limited_where_the_system_can(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    assert "works on Linux only, and this is 'darwin'" in refusal(
        TimeoutConfig, timeout_seconds=1, isolation="process", memory_limit_mb=64
    )


def test_a_rate_limit_without_any_rate_is_refused():
    with pytest.raises(ConfigError, match=r"RateLimitConfig needs calls_per_second, calls_per_minute or .*got none"):
        RateLimitConfig(burst=5)


def test_a_budget_without_any_limit_is_refused():
    with pytest.raises(ConfigError, match=r"BudgetConfig needs max_cost_per_call, .*, got none of them"):
        BudgetConfig(cost_per_call=0.01)


@pytest.mark.parametrize("limit", ["max_cost_per_call", "max_cost_per_session", "max_calls_per_session"])
def test_one_limit_is_enough_for_a_budget(limit):
    assert getattr(BudgetConfig(**{limit: 1}), limit) == 1


@pytest.mark.parametrize("half", [{"slow_call_rate": 0.5}, {"slow_call_seconds": 2.0}])
def test_half_a_slow_call_rule_is_refused(half):
    assert "slow_call_rate and slow_call_seconds belong together" in refusal(CircuitBreakerConfig, **half)


def test_a_whole_slow_call_rule_is_accepted():
    config = CircuitBreakerConfig(slow_call_rate=0.5, slow_call_seconds=2.0)
    assert (config.slow_call_rate, config.slow_call_seconds) == (0.5, 2.0)


@pytest.mark.parametrize(
    "wrong",
    [{"warn_after": 6}, {"ask_after": 9}, {"block_after": 21}, {"halt_after": 7}],
)
def test_the_ladder_of_the_loop_guard_never_descends(wrong):
    message = refusal(LoopGuardConfig, **wrong)
    assert "needs warn_after <= ask_after <= block_after <= halt_after, got warn_after=" in message


def test_rungs_of_the_ladder_may_coincide():
    config = LoopGuardConfig(warn_after=3, ask_after=3, block_after=3, halt_after=3)
    assert config.block_after == config.halt_after


@pytest.mark.parametrize("rung", ["warn_after", "ask_after", "block_after", "halt_after"])
def test_a_single_call_is_never_a_repetition(rung):
    assert f"LoopGuardConfig.{rung} must be an integer >= 2" in refusal(LoopGuardConfig, **{rung: 1})


@pytest.mark.parametrize("period", [0, 17, True, 2.0])
def test_the_longest_circle_is_one_to_sixteen_calls(period):
    assert "LoopGuardConfig.max_period must be an integer" in refusal(LoopGuardConfig, max_period=period)


@pytest.mark.parametrize("period", [1, 16])
def test_the_shortest_and_the_longest_circle_are_accepted(period):
    assert LoopGuardConfig(max_period=period).max_period == period


@pytest.mark.parametrize("folder", ["", 5, b"x", []])
def test_a_spill_folder_is_a_path(folder):
    assert "OutputLimitConfig.spill_dir must be a path or None" in refusal(OutputLimitConfig, spill_dir=folder)


def test_a_spill_folder_may_be_a_path_object(tmp_path):
    assert OutputLimitConfig(spill_dir=tmp_path).spill_dir == tmp_path


@pytest.mark.parametrize("field", ["required_fields", "forbidden_fields"])
def test_field_names_are_a_sequence_of_strings(field):
    assert getattr(ResponseProfile(**{field: ["a", "b"]}), field) == ("a", "b")
    for wrong in ("name", [1], None, 5):
        assert f"ResponseProfile.{field} must be a sequence of strings" in refusal(ResponseProfile, **{field: wrong})


def test_patterns_may_be_texts_or_compiled():
    compiled = re.compile("b+", re.IGNORECASE)
    assert ResponseProfile(patterns=["a+", compiled]).patterns == ("a+", compiled)


@pytest.mark.parametrize("wrong", ["a+", [re.compile(b"a")], [1], None])
def test_patterns_are_a_sequence_of_expressions_for_text(wrong):
    assert "ResponseProfile.patterns must be a sequence of regular" in refusal(ResponseProfile, patterns=wrong)


def test_a_pattern_that_does_not_compile_is_refused_with_its_reason():
    message = refusal(ResponseProfile, patterns=["("])
    assert message.startswith("ResponseProfile.patterns must be regular expressions, got '(': ")
    assert "unterminated subpattern" in message


@pytest.mark.parametrize("pair", [(50, 30_000), (None, 10), (0, None), [5, 5]])
def test_a_latency_range_is_a_pair_of_milliseconds(pair):
    assert ResponseProfile(latency_ms=pair).latency_ms == tuple(pair)


@pytest.mark.parametrize("wrong", [5, (5,), (1, 2, 3), (2, 1), (-1, 5), (True, 5), (math.nan, 5), (0, math.inf), "ab"])
def test_any_other_latency_range_is_refused(wrong):
    assert "ResponseProfile.latency_ms must be a pair of milliseconds" in refusal(ResponseProfile, latency_ms=wrong)


def test_a_schema_is_copied():
    schema = {"properties": {"a": {"type": "string"}}}
    profile = ResponseProfile(json_schema=schema)
    schema["properties"].clear()
    assert profile.json_schema == {"properties": {"a": {"type": "string"}}}


def test_a_schema_is_a_mapping():
    assert "ResponseProfile.json_schema must be a mapping or None" in refusal(ResponseProfile, json_schema=[1])


def test_approval_may_wait_for_ever():
    assert ApprovalConfig(timeout=None, rules=["a"]).rules == ("a",)


@pytest.mark.parametrize("wrong", ["allow", None, 1])
def test_approval_rules_are_a_sequence(wrong):
    assert "ApprovalConfig.rules must be a sequence of rules" in refusal(ApprovalConfig, rules=wrong)
