"""`guard`: its forms, and what it refuses."""

import asyncio
from unittest.mock import AsyncMock, Mock

import pytest

from agentguard import ConfigError, GuardConfig, GuardedTool, RetryConfig, TimeoutConfig, guard
from agentguard.testing import FakeRuntime
from tests.layers.bodies import BoomError, Script


def test_bare_guard_changes_nothing_about_the_call():
    @guard
    def double(x):
        return x * 2

    assert isinstance(double, GuardedTool)
    assert double(4) == 8


def test_guard_with_empty_parentheses():
    @guard()
    def double(x):
        return x * 2

    assert double(4) == 8


def test_guard_with_options():
    @guard(max_retries=2, name="twice")
    def double(x):
        return x * 2

    assert (double.name, double.config.max_retries) == ("twice", 2)


def test_guard_as_a_function():
    def double(x):
        return x * 2

    tool = guard(double, timeout=5)
    assert tool(4) == 8
    assert tool.fn is double


def test_guard_takes_a_config():
    config = GuardConfig(max_retries=1, name="from config")
    assert guard(Script("ok"), config=config).config is config


def test_one_decorator_may_be_used_for_many_functions():
    guarded = guard(max_retries=1)
    one, other = guarded(lambda: 1), guarded(lambda: 2)
    assert (one(), other()) == (1, 2)


def test_options_override_the_config_only_where_they_are_given():
    config = GuardConfig(max_retries=3, timeout=5, validate_input=True, tags=("a",))
    settings = guard(Script("ok"), config=config, timeout=9).config
    assert (settings.max_retries, settings.timeout, settings.validate_input, settings.tags) == (3, 9, True, ("a",))


@pytest.mark.parametrize(
    "options",
    [{"max_retries": 0}, {"timeout": None}, {"validate_input": False}, {"tags": ()}],
    ids=lambda o: next(iter(o)),
)
def test_a_falsy_option_is_given_all_the_same(options):
    config = GuardConfig(max_retries=3, timeout=5, validate_input=True, tags=("a",))
    settings = guard(Script("ok"), config=config, **options).config
    for name, value in options.items():
        assert getattr(settings, name) == value


def test_the_short_spelling_changes_one_field_of_the_long_one():
    config = GuardConfig(retry=RetryConfig(3, initial_delay=7), timeout_config=TimeoutConfig(5, total_seconds=60))
    settings = guard(Script("ok"), config=config, max_retries=1, timeout=2).config
    assert settings.retry == RetryConfig(1, initial_delay=7)
    assert settings.timeout_config == TimeoutConfig(2, total_seconds=60)


def test_max_retries_means_attempts_after_the_first():
    body = Script(BoomError)
    with FakeRuntime(), pytest.raises(BoomError):
        guard(body, max_retries=2)()
    assert body.runs == 3


def test_an_unknown_option_fails_at_decoration_with_the_nearest_name():
    with pytest.raises(ConfigError, match="'max_retrys'; did you mean 'max_retries'"):
        guard(Script("ok"), max_retrys=3)


def test_an_unknown_option_far_from_any_is_named_alone():
    with pytest.raises(ConfigError, match=r"unknown option 'zzz'$"):
        guard(zzz=1)


def test_a_wrong_value_fails_at_decoration_and_names_the_field():
    with pytest.raises(ConfigError, match=r"GuardConfig\.timeout"):
        guard(timeout=-1)


def test_a_guarded_tool_cannot_be_guarded_again():
    tool = guard(lambda: 1, name="search")
    with pytest.raises(ConfigError, match="'search' is guarded already"):
        guard(tool)


def test_a_guarded_method_cannot_be_guarded_again():
    class Holder:
        @guard
        def tool(self):
            return 1

    with pytest.raises(ConfigError, match="guarded already"):
        guard(Holder().tool)


@pytest.mark.parametrize("wrong", [5, "search", object(), [], {}])
def test_what_cannot_be_called_is_refused(wrong):
    with pytest.raises(ConfigError, match="callable"):
        guard(wrong)


def test_approval_is_refused_as_long_as_nobody_can_be_asked():
    with pytest.raises(ConfigError, match="approval"):
        guard(lambda: 1, approval=True)


def test_a_class_may_be_a_tool():
    class Point:
        def __init__(self, x: int):
            self.x = x

    assert guard(Point, validate_input=True)("5").x == 5


def test_a_builtin_may_be_a_tool():
    assert guard(len)([1, 2]) == 2


def test_a_builtin_without_a_signature_may_be_a_tool():
    assert guard(max)(1, 2) == 2


def test_a_bound_method_may_be_a_tool():
    items = [1]
    guard(items.append, name="add")(2)
    assert items == [1, 2]


def test_the_mocks_of_users_tests_may_be_tools():
    assert guard(Mock(return_value=5))(1) == 5
    assert asyncio.run(guard(AsyncMock(return_value=5))(1)) == 5
