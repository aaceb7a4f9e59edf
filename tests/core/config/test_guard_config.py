"""The settings of one tool, their short spellings, and how options override them."""

import dataclasses
import pathlib
import re
import subprocess
import sys

import pytest

from agentguard.core.config import (
    ApprovalConfig,
    BudgetConfig,
    CircuitBreakerConfig,
    ConcurrencyConfig,
    GuardConfig,
    GuardOptions,
    LoopGuardConfig,
    OutputLimitConfig,
    RateLimitConfig,
    ResponseProfile,
    RetryConfig,
    TimeoutConfig,
)
from agentguard.errors import ConfigError

DOCUMENTED = {
    "name": None,
    "effect": None,
    "validate_input": False,
    "validate_output": False,
    "custom_validators": (),
    "detect_hallucination": False,
    "verify_response": False,
    "response_profile": None,
    "max_retries": 0,
    "retry": None,
    "timeout": None,
    "timeout_config": None,
    "budget": None,
    "rate_limit": None,
    "circuit_breaker": None,
    "concurrency": None,
    "loop_guard": None,
    "approval": None,
    "require_approval": None,
    "output_limit": None,
    "before_call": None,
    "after_call": None,
    "middleware": None,
    "record": False,
    "trace_dir": "./traces",
    "trace_backend": "sqlite",
    "trace_db_path": None,
    "durability": "durable",
    "redact": (),
    "capture_input": True,
    "capture_output": True,
    "session_id": None,
    "metadata": {},
    "tags": (),
    "on_refusal": "raise",
}

FLAGS = [name for name, default in DOCUMENTED.items() if isinstance(default, bool)]


def refusal(**fields):
    with pytest.raises(ConfigError) as caught:
        GuardConfig(**fields)
    return str(caught.value)


def test_it_has_exactly_the_documented_fields_and_defaults():
    config = GuardConfig()
    assert {field.name: getattr(config, field.name) for field in dataclasses.fields(config)} == DOCUMENTED


def test_the_keywords_of_guard_are_the_fields_of_the_config():
    assert GuardOptions.__optional_keys__ == set(DOCUMENTED)
    assert GuardOptions.__required_keys__ == set()


def test_it_loads_without_pydantic():
    program = "import sys, agentguard.core.config; sys.exit('pydantic' in sys.modules)"
    root = pathlib.Path(sys.modules["agentguard"].__path__[0]).parent
    # A bare package in the place of the front door, which may import whatever the other rooms need.
    bare = f"import sys, types; p = types.ModuleType('agentguard'); p.__path__ = [{str(root / 'agentguard')!r}]; "
    bare += "sys.modules['agentguard'] = p; "
    assert subprocess.run([sys.executable, "-c", bare + program], check=False).returncode == 0


@pytest.mark.parametrize("flag", FLAGS)
def test_switches_are_true_or_false(flag):
    assert getattr(GuardConfig(**{flag: True}), flag) is True
    assert refusal(**{flag: 1}) == f"GuardConfig.{flag} must be True or False, got 1"


@pytest.mark.parametrize(
    ("field", "right"),
    [
        ("response_profile", ResponseProfile()),
        ("retry", RetryConfig()),
        ("timeout_config", TimeoutConfig(5)),
        ("budget", BudgetConfig(max_calls_per_session=5)),
        ("rate_limit", RateLimitConfig(calls_per_second=5)),
        ("circuit_breaker", CircuitBreakerConfig()),
    ],
)
def test_a_layer_is_told_by_its_own_config(field, right):
    assert getattr(GuardConfig(**{field: right}), field) is right
    for wrong in ({}, 5, True, ApprovalConfig()):
        assert f"GuardConfig.{field} must be a {type(right).__name__} or None, got" in refusal(**{field: wrong})


@pytest.mark.parametrize("effect", ["read", "idempotent", "write", None])
def test_an_effect_is_one_of_three_or_undeclared(effect):
    assert GuardConfig(effect=effect).effect == effect


@pytest.mark.parametrize("wrong", ["none", "READ", True, 1, ""])
def test_any_other_effect_is_refused(wrong):
    assert "GuardConfig.effect must be one of 'read', 'idempotent', 'write', None" in refusal(effect=wrong)


@pytest.mark.parametrize(
    ("field", "wrong", "allowed"),
    [
        ("name", "", "a string that is not empty, or None"),
        ("max_retries", -1, "an integer >= 0"),
        ("max_retries", True, "an integer >= 0"),
        ("timeout", 0, "a finite number > 0 or None"),
        ("timeout", float("nan"), "a finite number > 0 or None"),
        ("concurrency", 0, "an integer >= 1, ConcurrencyConfig or None"),
        ("concurrency", True, "an integer >= 1, ConcurrencyConfig or None"),
        ("output_limit", 79, "an integer >= 80, OutputLimitConfig or None"),
        ("loop_guard", 3, "True, False, a LoopGuardConfig or None"),
        ("before_call", 1, "a callable or None"),
        ("after_call", "f", "a callable or None"),
        ("custom_validators", print, "a sequence of callables"),
        ("custom_validators", [1], "a sequence of callables"),
        ("middleware", print, "a MiddlewareChain, a sequence of callables or None"),
        ("middleware", lambda call, inner: None, "a MiddlewareChain, a sequence of callables or None"),
        ("middleware", [1], "a MiddlewareChain, a sequence of callables or None"),
        ("middleware", "logging", "a MiddlewareChain, a sequence of callables or None"),
        ("middleware", dict, "a MiddlewareChain, a sequence of callables or None"),
        ("trace_dir", None, "a path"),
        ("trace_db_path", 5, "a path or None"),
        ("trace_backend", "sqllite", "one of 'jsonl', 'memory', 'sqlite'"),
        ("durability", "safe", "one of 'buffered', 'durable', 'fsync'"),
        ("redact", "token", "a sequence of names and compiled text patterns"),
        ("redact", [""], "a sequence of names and compiled text patterns"),
        ("redact", [re.compile(b"x")], "a sequence of names and compiled text patterns"),
        ("session_id", 5, "a string or None"),
        ("metadata", [("a", 1)], "a mapping or None"),
        ("tags", "billing", "a sequence of strings"),
        ("on_refusal", "ignore", "one of 'raise', 'result'"),
    ],
)
def test_a_wrong_value_names_its_field_and_what_is_allowed(field, wrong, allowed):
    assert f"GuardConfig.{field} must be {allowed}, got " in refusal(**{field: wrong})


def test_sequences_become_tuples():
    shape = re.compile("x+")
    config = GuardConfig(custom_validators=[print], redact=["pin", shape], tags=["a"], middleware=[print])
    assert config.custom_validators == (print,)
    assert config.redact == ("pin", shape)
    assert config.tags == ("a",)
    assert config.middleware == (print,)


def test_a_middleware_chain_is_kept_as_it_is():
    class Chain:
        pass

    chain = Chain()
    assert GuardConfig(middleware=chain).middleware is chain


def test_metadata_is_a_read_only_copy():
    given = {"tenant": "a"}
    config = GuardConfig(metadata=given)
    given["tenant"] = "b"
    assert config.metadata == {"tenant": "a"}
    with pytest.raises(TypeError):
        config.metadata["tenant"] = "c"


def test_metadata_of_none_is_empty():
    assert GuardConfig(metadata=None).metadata == {}


@pytest.mark.parametrize("session_id", ["", "\0", "x" * 300, "../../etc"])
def test_any_string_is_a_session_id(session_id):
    assert GuardConfig(session_id=session_id).session_id == session_id


def test_paths_may_be_path_objects(tmp_path):
    assert GuardConfig(trace_dir=tmp_path, trace_db_path=tmp_path / "t.db").trace_dir == tmp_path


# Short spellings


def test_nothing_is_on_by_default():
    config = GuardConfig()
    assert config.retry_settings is None
    assert config.timeout_settings is None
    assert config.concurrency_settings is None
    assert config.loop_guard_settings is None
    assert config.output_limit_settings is None
    assert config.approval_settings is None
    assert config.response_settings is None


def test_max_retries_is_short_for_a_retry_config():
    assert GuardConfig(max_retries=4).retry_settings == RetryConfig(max_retries=4)


def test_a_retry_config_without_retries_is_off():
    assert GuardConfig(retry=RetryConfig(max_retries=0)).retry_settings is None


def test_both_spellings_of_retries_may_agree():
    retry = RetryConfig(max_retries=2, initial_delay=0.1)
    assert GuardConfig(max_retries=2, retry=retry).retry_settings is retry


def test_both_spellings_of_retries_must_not_disagree():
    message = refusal(max_retries=2, retry=RetryConfig(max_retries=3))
    assert message == "GuardConfig.max_retries and retry.max_retries say different things: 2 and 3; give one of them"


def test_timeout_is_short_for_a_timeout_config():
    assert GuardConfig(timeout=2.5).timeout_settings == TimeoutConfig(timeout_seconds=2.5)


def test_a_timeout_adds_to_a_config_that_has_only_a_total():
    config = GuardConfig(timeout=2.5, timeout_config=TimeoutConfig(total_seconds=9))
    assert config.timeout_settings == TimeoutConfig(2.5, total_seconds=9)


def test_a_timeout_config_is_taken_as_it_is():
    timing = TimeoutConfig(5, grace_seconds=1)
    assert GuardConfig(timeout_config=timing).timeout_settings is timing
    assert GuardConfig(timeout=5, timeout_config=timing).timeout_settings is timing


def test_both_spellings_of_the_timeout_must_not_disagree():
    assert "GuardConfig.timeout and timeout_config.timeout_seconds say different things: 2 and 3" in refusal(
        timeout=2, timeout_config=TimeoutConfig(3)
    )


def test_a_number_is_short_for_a_concurrency_config():
    assert GuardConfig(concurrency=5).concurrency_settings == ConcurrencyConfig(5)
    config = ConcurrencyConfig(2, max_wait=1)
    assert GuardConfig(concurrency=config).concurrency_settings is config


def test_a_number_is_short_for_an_output_limit():
    assert GuardConfig(output_limit=500).output_limit_settings == OutputLimitConfig(500)
    config = OutputLimitConfig(keep="tail")
    assert GuardConfig(output_limit=config).output_limit_settings is config


def test_true_is_short_for_the_default_loop_guard():
    assert GuardConfig(loop_guard=True).loop_guard_settings == LoopGuardConfig()
    assert GuardConfig(loop_guard=False).loop_guard_settings is None
    config = LoopGuardConfig(halt_after=30)
    assert GuardConfig(loop_guard=config).loop_guard_settings is config


@pytest.mark.parametrize("spelling", ["verify_response", "detect_hallucination"])
def test_verification_without_a_profile_looks_at_general_signs(spelling):
    assert GuardConfig(**{spelling: True}).response_settings == ResponseProfile()


def test_a_profile_alone_turns_verification_on():
    profile = ResponseProfile(required_fields=["id"])
    assert GuardConfig(response_profile=profile).response_settings is profile
    assert GuardConfig(response_profile=profile, verify_response=True).response_settings is profile


@pytest.mark.parametrize("spelling", ["approval", "require_approval"])
def test_approval_has_two_spellings(spelling):
    assert GuardConfig(**{spelling: True}).approval_settings is True


def test_both_spellings_of_approval_must_not_disagree():
    assert GuardConfig(approval=True, require_approval=True).approval_settings is True
    assert "GuardConfig.approval and require_approval say different things" in refusal(
        approval=True, require_approval=False
    )


# Overriding


def test_options_override_only_what_they_name():
    base = GuardConfig(record=True, validate_input=True, tags=["a"])
    merged = base.merged({"validate_input": False})
    assert (merged.record, merged.validate_input, merged.tags) == (True, False, ("a",))
    assert base.validate_input is True


def test_no_options_give_the_same_config():
    base = GuardConfig(record=True)
    assert base.merged({}) is base


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("max_retrys", "guard() got an unknown option 'max_retrys'; did you mean 'max_retries'?"),
        ("circuit_braker", "guard() got an unknown option 'circuit_braker'; did you mean 'circuit_breaker'?"),
        ("zzzz", "guard() got an unknown option 'zzzz'"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest_name(option, message):
    with pytest.raises(ConfigError) as caught:
        GuardConfig().merged({option: 1})
    assert str(caught.value) == message


def test_options_are_checked_like_fields():
    with pytest.raises(ConfigError, match=r"GuardConfig\.timeout must be a finite number > 0 or None, got -1"):
        GuardConfig().merged({"timeout": -1})


def test_max_retries_over_a_retry_config_keeps_its_delays():
    base = GuardConfig(retry=RetryConfig(max_retries=3, initial_delay=0.1))
    assert base.merged({"max_retries": 5}).retry_settings == RetryConfig(max_retries=5, initial_delay=0.1)
    assert base.merged({"max_retries": 0}).retry_settings is None


def test_a_retry_config_over_max_retries_replaces_it():
    base = GuardConfig(max_retries=3)
    assert base.merged({"retry": RetryConfig(max_retries=1)}).retry_settings == RetryConfig(max_retries=1)
    assert base.merged({"retry": None}).retry_settings is None


def test_two_spellings_given_as_options_must_agree():
    with pytest.raises(ConfigError, match="say different things"):
        GuardConfig().merged({"retry": RetryConfig(max_retries=1), "max_retries": 2})


def test_a_timeout_over_a_timeout_config_keeps_the_rest():
    base = GuardConfig(timeout_config=TimeoutConfig(5, total_seconds=9))
    assert base.merged({"timeout": 2}).timeout_settings == TimeoutConfig(2, total_seconds=9)
    assert base.merged({"timeout": None}).timeout_settings == TimeoutConfig(total_seconds=9)


def test_a_timeout_of_none_switches_a_timeout_config_off():
    assert GuardConfig(timeout_config=TimeoutConfig(5)).merged({"timeout": None}).timeout_settings is None
    assert GuardConfig(timeout=5).merged({"timeout_config": None}).timeout_settings is None


def test_a_timeout_config_over_a_timeout_replaces_it():
    base = GuardConfig(timeout=3)
    assert base.merged({"timeout_config": TimeoutConfig(7)}).timeout_settings == TimeoutConfig(7)


@pytest.mark.parametrize("old", ["approval", "require_approval"])
@pytest.mark.parametrize("new", ["approval", "require_approval"])
def test_approval_given_as_an_option_replaces_either_spelling(old, new):
    assert GuardConfig(**{old: True}).merged({new: False}).approval_settings is False


@pytest.mark.parametrize("old", [{"verify_response": True}, {"detect_hallucination": True}])
@pytest.mark.parametrize("new", ["verify_response", "detect_hallucination"])
def test_verification_is_switched_off_by_either_spelling(old, new):
    base = GuardConfig(**old, response_profile=ResponseProfile(required_fields=["id"]))
    assert base.merged({new: False}).response_settings is None


def test_one_spelling_switched_off_leaves_the_other_on():
    options = {"verify_response": False, "detect_hallucination": True}
    assert GuardConfig().merged(options).response_settings == ResponseProfile()
