"""A synchronous call is its coroutine stepped once, in the caller's own thread."""

import asyncio
import threading

import pytest

from agentguard import BudgetConfig, ConcurrencyConfig, RateLimitConfig, RetryConfig, guard, session
from agentguard.testing import FakeRuntime
from tests.core.ways_to_call import by_acall, inside_a_loop, plainly


def in_a_thread(tool, *args):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(tool(*args)))
    thread.start()
    thread.join()
    return answers[0]


@pytest.mark.parametrize("call", [plainly, inside_a_loop, in_a_thread])
def test_a_plain_call_runs_in_its_caller_s_thread(call):
    callers = []

    def note_caller(ctx, next):
        callers.append(threading.get_ident())
        return next(ctx)

    @guard(middleware=[note_caller], max_retries=1, loop_guard=True, concurrency=1)
    def tool():
        return threading.get_ident()

    assert call(tool) == callers[0]


def test_a_plain_call_sees_the_loop_it_is_made_in():
    tool = guard(asyncio.get_running_loop, max_retries=1)

    async def main():
        return tool() is asyncio.get_running_loop()

    assert asyncio.run(main())


def suspending(ctx, next):
    """Looks like a plain function, so that nobody knows that it needs a loop, and waits all the same."""

    async def wait_first():
        await asyncio.sleep(0)
        return await next(ctx)

    return wait_first()


def test_a_hidden_awaitable_that_really_waits_is_refused_with_a_way_out():
    tool = guard(lambda: "never", name="tool", middleware=[suspending])
    with pytest.raises(RuntimeError, match=r"await tool\.acall") as caught:
        tool()
    assert "async def" in str(caught.value)


def test_the_same_awaitable_works_by_acall():
    assert by_acall(guard(lambda: "fine", name="tool", middleware=[suspending])) == "fine"


def test_a_hidden_awaitable_that_never_waits_works_in_a_plain_call():
    def wrapping(ctx, next):
        async def pass_on():
            return await next(ctx)

        return pass_on()

    assert guard(lambda: "fine", name="tool", middleware=[wrapping])() == "fine"


class Hidden:
    """Hooks and validators that hide a real wait behind a plain function."""

    def before(self, call):
        return asyncio.sleep(0)

    def after(self, call, result):
        return asyncio.sleep(0)


@pytest.mark.parametrize(
    "options",
    [
        {"middleware": [suspending]},
        {"before_call": Hidden().before},
        {"after_call": Hidden().after},
        {"custom_validators": [Hidden().before]},
        {"retry": RetryConfig(retry_on_result=Hidden().before)},
    ],
    ids=["middleware", "before_call", "after_call", "validator", "retry_on_result"],
)
@pytest.mark.parametrize("is_stream", [False, True], ids=["function", "generator"])
def test_a_refused_wait_leaves_nothing_behind(options, is_stream):
    bodies = []

    def items():
        bodies.append(1)
        yield 1

    def function():
        bodies.append(1)

    budget = BudgetConfig(max_calls_per_session=5, max_cost_per_session=5.0, cost_per_call=1.0)
    tool = guard(items if is_stream else function, concurrency=1, budget=budget, **options)
    with session() as opened, pytest.raises(RuntimeError, match="acall"):
        list(tool()) if is_stream else tool()
    state = tool.state(opened.session_id)
    assert (state["running"], state["waiting"]) == (0, 0)
    assert (state["calls"], state["spent"]) == (len(bodies), float(len(bodies)))
    assert len(opened.entries()) == 1


def test_pauses_of_a_plain_call_block_only_its_own_thread():
    answers = iter([OSError("first"), OSError("second"), "third"])

    @guard(retry=RetryConfig(max_retries=2, initial_delay=1.0, backoff_factor=2.0, jitter=False))
    def tool():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with FakeRuntime() as clock:
        assert tool() == "third"
    assert clock.sleeps == [1.0, 2.0]


def test_a_plain_call_waits_for_the_rate_limiter_in_its_thread():
    tool = guard(lambda: "done", name="tool", rate_limit=RateLimitConfig(calls_per_second=2, max_wait=10))
    with FakeRuntime() as clock:
        assert [tool() for _ in range(3)] == ["done"] * 3
    assert clock.sleeps == [0.5, 0.5]


def test_plain_calls_nest_to_any_reasonable_depth():
    @guard(max_retries=1, concurrency=100)
    def countdown(number):
        return 0 if number == 0 else 1 + countdown(number - 1)

    assert countdown(50) == 50


def test_a_function_that_returns_an_awaitable_is_sent_to_acall():
    async def answer():
        return 1

    def tool():
        return answer()

    with pytest.raises(Exception, match="acall"):
        guard(tool)()
    assert by_acall(guard(tool)) == 1


@pytest.mark.realtime
def test_a_wait_of_astronomic_length_is_only_long():
    entered, leave = threading.Event(), threading.Event()

    @guard(concurrency=ConcurrencyConfig(1, max_wait=1e12), timeout=1e12)
    def tool(is_first):
        if is_first:
            entered.set()
            leave.wait(5)
        return "done"

    first = threading.Thread(target=tool, args=(True,))
    first.start()
    entered.wait(5)
    threading.Timer(0.05, leave.set).start()
    assert tool(False) == "done"
    first.join()
