"""`fail_times`, `slow_by`, `hang`: failures on demand."""

import asyncio
import inspect
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agentguard import RetryConfig, guard
from agentguard.core.runtime import LOOP
from agentguard.errors import CallTimedOutError
from agentguard.testing import FakeRuntime, fail_times, hang, run_virtual, slow_by
from tests.testing.functions import KINDS, coroutine_function, function, outcome

each_kind = pytest.mark.parametrize("fn", KINDS, ids=lambda fn: fn.__name__)


# ---------------------------------------------------------------------------------------------------------- any script


@each_kind
@pytest.mark.parametrize("script", [fail_times(0), slow_by(1.0), hang()], ids=["fail_times", "slow_by", "hang"])
def test_a_scripted_function_keeps_its_kind_name_signature_and_docstring(fn, script):
    scripted = script(fn)
    for is_kind in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
        assert is_kind(scripted) == is_kind(fn)
    assert (scripted.__name__, scripted.__doc__, inspect.signature(scripted)) == (
        fn.__name__,
        fn.__doc__,
        inspect.signature(fn),
    )


@each_kind
def test_a_scripted_function_gives_what_the_function_gives(fn):
    assert outcome(slow_by(1.0)(fn), "tea", limit=3) == ["tea"] * 3


@each_kind
def test_a_guard_over_a_scripted_function_validates_by_its_hints(fn):
    tool = guard(validate_input=True)(fail_times(0)(fn))
    assert outcome(tool, "tea", limit="3") == ["tea"] * 3


def test_a_scripted_generator_passes_on_what_is_sent_thrown_and_returned():
    seen = []

    def echo():
        try:
            seen.append((yield "first"))
            yield "second"
        except KeyError as error:
            seen.append(error)
            yield "caught"
        return "returned"

    items = slow_by(0.0)(echo)()
    assert (next(items), items.send("sent")) == ("first", "second")
    error = KeyError("thrown")
    assert items.throw(error) == "caught"
    with pytest.raises(StopIteration) as ended:
        next(items)
    assert (seen, ended.value.value) == (["sent", error], "returned")


def test_a_scripted_generator_that_is_closed_closes_the_function():
    closed = []

    def items():
        try:
            yield 1
        finally:
            closed.append(True)

    scripted = slow_by(0.0)(items)()
    next(scripted)
    scripted.close()
    assert closed == [True]


def test_a_scripted_async_generator_passes_on_what_is_sent_thrown_and_closed():
    seen = []

    async def echo():
        try:
            seen.append((yield "first"))
            yield "second"
        except KeyError:
            yield "caught"
        finally:
            await asyncio.sleep(0)
            seen.append("closed")

    async def main():
        items = slow_by(0.0)(echo)()
        taken = [await anext(items), await items.asend("sent"), await items.athrow(KeyError("thrown"))]
        await items.aclose()
        return taken

    assert run_virtual(main()) == ["first", "second", "caught"]
    assert seen == ["sent", "closed"]


def test_methods_of_every_binding_can_be_scripted():
    class Shop:
        @fail_times(0)
        def stock(self):
            return type(self)

        @fail_times(0)
        @classmethod
        def name(cls):
            return cls

        @staticmethod
        @fail_times(0)
        def currency():
            return "EUR"

    assert (Shop().stock(), Shop.name(), Shop.currency()) == (Shop, Shop, "EUR")


def test_a_script_counts_starts_of_the_body():
    script = fail_times(1, OSError("down"))
    tool = guard(retry=RetryConfig(max_retries=3, jitter=False))(script(function))
    with FakeRuntime():
        tool("tea")
        tool("tea")
    assert script.starts == 3


# ---------------------------------------------------------------------------------------------------------- fail_times


@each_kind
def test_a_tool_that_fails_twice_succeeds_with_two_retries(fn):
    script = fail_times(2, ConnectionError("reset"))
    tool = guard(max_retries=2)(script(fn))
    assert outcome(tool, "tea") == ["tea", "tea"]
    assert script.starts == 3


def test_an_instance_is_raised_as_it_is_every_time():
    error = ConnectionError("reset")
    scripted = fail_times(2, error)(function)
    for _ in range(2):
        with pytest.raises(ConnectionError) as caught:
            scripted("tea")
        assert caught.value is error
        assert error.__context__ is None
    assert len(inspect.getinnerframes(error.__traceback__)) < 6, "its traceback does not grow from raise to raise"


def test_a_class_is_made_an_instance_of_for_each_failure_and_says_which_one():
    scripted = fail_times(2, TimeoutError)(function)
    texts = []
    for _ in range(2):
        with pytest.raises(TimeoutError) as caught:
            scripted("tea")
        texts.append(str(caught.value))
    assert texts == ["failure 1 of 2, from fail_times", "failure 2 of 2, from fail_times"]
    assert scripted("tea") == ["tea", "tea"]


def test_of_a_sequence_each_failure_gets_one_and_the_rest_the_last():
    scripted = fail_times(3, [OSError("first"), KeyError])(function)
    kinds = []
    for _ in range(3):
        with pytest.raises((OSError, KeyError)) as caught:
            scripted("tea")
        kinds.append(type(caught.value))
    assert kinds == [OSError, KeyError, KeyError]


def test_after_the_failures_another_script_may_follow():
    scripted = fail_times(1, OSError("down"), then=slow_by(5.0))(coroutine_function)

    async def main():
        with pytest.raises(OSError, match="down"):
            await scripted("tea")
        began = LOOP.now()
        await scripted("tea")
        return LOOP.now() - began

    assert run_virtual(main()) == 5.0


def test_failures_are_counted_exactly_across_threads():
    script = fail_times(50, OSError)
    scripted = script(function)

    def failed(_number):
        try:
            scripted("tea")
        except OSError:
            return 1
        return 0

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(failed, range(200))) == 50
    assert script.starts == 200


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((-1,), ValueError, "less than none"),
        ((1, ()), ValueError, "no error"),
        ((1, "down"), TypeError, "'d' is no exception"),
        ((1, [OSError, 3]), TypeError, "3 is no exception"),
        ((1, int), TypeError, "is no exception"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(arguments, error, match):
    with pytest.raises(error, match=match):
        fail_times(*arguments)


# ------------------------------------------------------------------------------------------------------------- slow_by


@each_kind
def test_a_slow_function_takes_virtual_time(fn):
    scripted = slow_by(30.0)(fn)

    async def main():
        tool = guard(scripted, timeout=60.0)
        began = LOOP.now()
        made = await tool.acall("tea")
        _ = [item async for item in made] if hasattr(made, "__anext__") else made
        return LOOP.now() - began

    assert run_virtual(main()) == 30.0


def test_a_slow_coroutine_meets_its_time_out_in_virtual_time():
    async def main():
        with pytest.raises(CallTimedOutError):
            await guard(slow_by(30.0)(coroutine_function), timeout=10.0)("tea")
        return LOOP.now()

    assert run_virtual(main()) == 1_010.0


def test_a_slow_coroutine_moves_a_fake_clock():
    with FakeRuntime(start=0.0) as clock:
        assert asyncio.run(slow_by(30.0)(coroutine_function)("tea")) == ["tea", "tea"]
        assert clock.now() == 30.0


@pytest.mark.realtime
def test_without_a_fake_clock_slow_is_slow():
    began = time.monotonic()
    slow_by(0.01)(function)("tea")
    asyncio.run(slow_by(0.01)(coroutine_function)("tea"))
    assert time.monotonic() - began >= 0.02


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_a_pause_that_is_no_number_of_seconds_is_refused(seconds):
    with pytest.raises(ValueError, match="use hang"):
        slow_by(seconds)


# ---------------------------------------------------------------------------------------------------------------- hang


def test_a_hung_coroutine_meets_its_time_out_in_virtual_time():
    async def main():
        with pytest.raises(CallTimedOutError) as caught:
            await guard(hang()(coroutine_function), timeout=10.0)("tea")
        return LOOP.now(), caught.value.may_still_run

    assert run_virtual(main()) == (1_010.0, False)


def test_a_hung_coroutine_can_be_cancelled():
    async def main():
        task = asyncio.ensure_future(hang()(coroutine_function)("tea"))
        await asyncio.sleep(3_600)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtual(main())


def test_hung_coroutines_go_on_when_released_and_hang_no_more():
    hung = hang()
    scripted = hung(coroutine_function)

    async def main():
        tasks = [asyncio.ensure_future(scripted("tea")) for _ in range(2)]
        await asyncio.sleep(1)
        hung.release()
        return [*await asyncio.gather(*tasks), await scripted("late")]

    assert run_virtual(main()) == [["tea"] * 2, ["tea"] * 2, ["late"] * 2]


def test_a_hung_coroutine_can_be_released_from_another_thread():
    hung = hang()

    async def main():
        task = asyncio.ensure_future(hung(coroutine_function)("tea"))
        await asyncio.sleep(0)
        threading.Thread(target=hung.release).start()
        return await task

    assert run_virtual(main()) == ["tea", "tea"]


def test_releasing_forgets_waiters_whose_loop_is_closed():
    hung = hang()
    with pytest.raises(CallTimedOutError):
        run_virtual(guard(hung(coroutine_function), timeout=1.0)("tea"))
    hung.release()
    assert run_virtual(hung(coroutine_function)("tea")) == ["tea", "tea"]


def test_a_hung_function_without_a_guard_goes_on_when_released():
    hung = hang()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(hung(function), "tea")
        hung.release()
        assert waiting.result(10.0) == ["tea", "tea"]
