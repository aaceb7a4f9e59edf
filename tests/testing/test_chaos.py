"""`ChaosMiddleware`: trouble at random, the same trouble every time."""

import asyncio

import pytest

from agentguard import CircuitBreakerConfig, ConfigError, HallucinationError, RetryConfig, guard
from agentguard.core.runtime import LOOP
from agentguard.errors import CallTimedOutError, CircuitOpenError
from agentguard.testing import ChaosMiddleware, FakeRuntime, run_virtual
from tests.core.ways_to_call import WAYS
from tests.testing.functions import KINDS, coroutine_function, function, outcome

FAILURES = ("ConnectionError", "TimeoutError")


def fates(chaos, tool_name="tool", runs=200):
    """What becomes of each of so many calls of a tool."""
    tool = guard(lambda: "right", name=tool_name, middleware=[chaos])
    seen = []
    for _ in range(runs):
        try:
            seen.append(tool())
        except Exception as error:
            seen.append(type(error).__name__)
    return seen


def test_chaos_is_off_by_default():
    chaos = ChaosMiddleware(seed=1, latency=(5.0, 9.0), error_rate=1.0, wrong_rate=1.0)
    assert fates(chaos) == ["right"] * 200
    assert chaos.counts == {"runs": 0, "delayed": 0, "errors": 0, "wrong": 0}


def test_chaos_can_be_turned_on_and_off_at_any_time():
    chaos = ChaosMiddleware(seed=1, error_rate=1.0)
    tool = guard(lambda: "right", name="tool", middleware=[chaos])
    assert tool() == "right"
    chaos.enabled = True
    with pytest.raises((ConnectionError, TimeoutError), match="chaos"):
        tool()
    chaos.enabled = False
    assert tool() == "right"


def test_enabled_without_rates_nothing_happens():
    assert fates(ChaosMiddleware(seed=1, enabled=True)) == ["right"] * 200


def test_the_same_seed_gives_the_same_trouble():
    def seen(seed):
        return fates(ChaosMiddleware(seed=seed, error_rate=0.3, wrong_rate=0.3, wrong=["wrong"], enabled=True))

    assert seen("a") == seen("a") != seen("b")
    assert {*seen("a")} == {"right", "wrong", "ConnectionError", "TimeoutError"}


def test_the_trouble_is_the_same_in_every_process_and_version():
    chaos = ChaosMiddleware(seed=7, error_rate=0.5, errors=[OSError], enabled=True)
    letters = "".join("x" if fate == "OSError" else "." for fate in fates(chaos, runs=20))
    assert letters == ".x.xxxx.x.xxxx.xx..x"


def test_calls_of_one_tool_do_not_change_the_trouble_of_another():
    alone = fates(ChaosMiddleware(seed=1, error_rate=0.5, enabled=True), "first")
    shared = ChaosMiddleware(seed=1, error_rate=0.5, enabled=True)
    fates(shared, "second", runs=17)
    assert fates(shared, "first") == alone


def test_another_rate_does_not_change_which_runs_fail():
    def failed(**rates):
        seen = fates(ChaosMiddleware(seed=1, error_rate=0.2, enabled=True, **rates))
        return [fate in FAILURES for fate in seen]

    assert failed() == failed(wrong_rate=0.9)


def test_rates_come_out_about_right_and_are_counted():
    chaos = ChaosMiddleware(seed=1, error_rate=0.3, wrong_rate=0.5, enabled=True)
    seen = fates(chaos, runs=1_000)
    failed = sum(fate in FAILURES for fate in seen)
    assert chaos.counts == {
        "runs": 1_000,
        "delayed": 0,
        "errors": failed,
        "wrong": 1_000 - failed - seen.count("right"),
    }
    assert 250 < failed < 350
    assert 300 < chaos.counts["wrong"] < 400


@pytest.mark.parametrize("fn", KINDS, ids=lambda fn: fn.__name__)
def test_every_kind_of_tool_can_be_in_trouble(fn):
    failing = ChaosMiddleware(seed=1, error_rate=1.0, errors=[OSError("down")], enabled=True)
    with pytest.raises(OSError, match="down"):
        outcome(guard(fn, middleware=[failing]), "tea")
    lying = ChaosMiddleware(seed=1, wrong_rate=1.0, wrong=lambda right: f"not {right}", enabled=True)
    found = outcome(guard(fn, middleware=[lying]), "tea")
    assert found in (["not tea", "not tea"], "not ['tea', 'tea']")


@pytest.mark.parametrize("way", WAYS, ids=repr)
def test_trouble_comes_whichever_way_a_tool_is_called(way):
    chaos = ChaosMiddleware(seed=1, error_rate=1.0, errors=[OSError("down")], enabled=True)
    tool = way.tool(lambda: "right", middleware=[chaos])
    with pytest.raises(OSError, match="down"):
        way.call(tool)


def test_a_method_can_be_in_trouble():
    class Shop:
        @guard(middleware=[ChaosMiddleware(seed=1, wrong_rate=1.0, wrong=["wrong"], enabled=True)])
        def stock(self):
            return "right"

    assert Shop().stock() == "wrong"


def test_retries_see_the_trouble_and_each_attempt_is_a_run():
    chaos = ChaosMiddleware(seed=1, error_rate=1.0, enabled=True)
    tool = guard(lambda: "right", name="tool", middleware=[chaos], retry=RetryConfig(max_retries=2))
    with FakeRuntime(), pytest.raises((ConnectionError, TimeoutError)):
        tool()
    assert chaos.counts["runs"] == 3


def test_the_breaker_sees_the_trouble():
    chaos = ChaosMiddleware(seed=1, error_rate=1.0, enabled=True)
    tool = guard(
        lambda: "right", name="tool", middleware=[chaos], circuit_breaker=CircuitBreakerConfig(failure_threshold=1)
    )
    with pytest.raises((ConnectionError, TimeoutError)):
        tool()
    with pytest.raises(CircuitOpenError):
        tool()


def test_a_check_of_responses_sees_wrong_answers():
    chaos = ChaosMiddleware(seed=1, wrong_rate=1.0, wrong=[{"error": "internal error"}], enabled=True)

    @guard(middleware=[chaos], verify_response=True)
    def weather() -> dict:
        return {"degrees": 21}

    with pytest.raises(HallucinationError):
        weather()


def test_latency_is_virtual_time_for_a_coroutine_and_meets_its_time_out():
    chaos = ChaosMiddleware(seed=1, latency=(20.0, 30.0), enabled=True)

    async def main():
        await guard(coroutine_function, middleware=[chaos])("tea")
        passed = LOOP.now() - 1_000.0
        with pytest.raises(CallTimedOutError):
            await guard(coroutine_function, middleware=[chaos], timeout=10.0)("tea")
        return passed

    assert 20.0 <= run_virtual(main()) <= 30.0
    assert chaos.counts["delayed"] == 2


def test_latency_moves_a_fake_clock_for_a_plain_call_and_meets_its_time_out():
    chaos = ChaosMiddleware(seed=1, latency=(20.0, 30.0), enabled=True)
    with FakeRuntime(start=0.0) as clock:
        guard(function, middleware=[chaos])("tea")
        assert 20.0 <= clock.now() <= 30.0
        with pytest.raises(CallTimedOutError):
            guard(function, middleware=[chaos], timeout=10.0)("tea")


def test_the_tool_itself_is_never_changed():
    chaos = ChaosMiddleware(seed=1, wrong_rate=1.0, enabled=True)
    tool = guard(function, middleware=[chaos])
    tool("tea")
    assert tool.fn is function
    assert tool.fn("tea") == ["tea", "tea"]


def test_concurrent_runs_get_one_number_each():
    chaos = ChaosMiddleware(seed=1, error_rate=0.5, enabled=True)
    tool = guard(coroutine_function, middleware=[chaos])

    async def main():
        return await asyncio.gather(*(tool("tea") for _ in range(200)), return_exceptions=True)

    failed = [isinstance(each, Exception) for each in run_virtual(main())]
    again = fates(ChaosMiddleware(seed=1, error_rate=0.5, enabled=True), "coroutine_function")
    assert failed == [fate != "right" for fate in again]


@pytest.mark.parametrize(
    "settings",
    [
        {"error_rate": 1.5},
        {"wrong_rate": -0.1},
        {"latency": (2.0, 1.0)},
        {"latency": (-1.0, 1.0)},
        {"errors": ()},
        {"wrong": []},
        {"wrong": "text"},
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        ChaosMiddleware(seed=1, **settings)
