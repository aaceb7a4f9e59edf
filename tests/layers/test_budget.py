"""What a budget reserves, books, gives back and says."""

import asyncio
import contextlib
import math
import threading

import pytest

from agentguard import BudgetConfig, BudgetExceededError, ConcurrencyConfig, ConfigError, guard, session
from agentguard.testing import FakeRuntime, run_virtual
from tests.layers.bodies import BoomError, Crowd, Script, cancelled, outcomes, started, values_of
from tests.matrix.ways import Way


def test_calls_beyond_the_budget_are_refused_without_running_the_tool(call: Way):
    body = Script("ok")
    tool = guard(body, budget=BudgetConfig(max_calls_per_session=3))
    for _ in range(3):
        call(tool)
    with pytest.raises(BudgetExceededError) as caught:
        call(tool)
    assert body.runs == 3
    assert (caught.value.spent, caught.value.limit, caught.value.unit) == (3, 3, "calls")


def test_a_budget_of_no_calls_allows_none(call: Way):
    body = Script("ok")
    with pytest.raises(BudgetExceededError):
        call(guard(body, budget=BudgetConfig(max_calls_per_session=0)))
    assert body.runs == 0


def test_money_beyond_the_budget_is_refused(call: Way):
    tool = guard(Script("ok"), budget=BudgetConfig(max_cost_per_session=1.0, cost_per_call=0.4))
    call(tool), call(tool)
    with pytest.raises(BudgetExceededError) as caught:
        call(tool)
    assert (caught.value.spent, caught.value.limit, caught.value.unit) == (0.8, 1.0, "USD")


def test_ten_calls_of_a_tenth_fit_into_a_dollar():
    tool = guard(Script("ok"), budget=BudgetConfig(max_cost_per_session=1.0, cost_per_call=0.1))
    for _ in range(10):
        tool()
    with pytest.raises(BudgetExceededError):
        tool()


def test_a_call_that_would_cost_too_much_is_refused():
    body = Script("ok")
    tool = guard(body, budget=BudgetConfig(max_cost_per_call=0.5, cost=lambda call, result: call.args[0]))
    tool(0.5)
    with pytest.raises(BudgetExceededError):
        tool(0.6)
    assert body.runs == 1


def test_200_tasks_and_20_threads_against_50_calls_run_50_bodies():
    lock, runs = threading.Lock(), []

    def body():
        with lock:
            runs.append(1)

    tool = guard(body, budget=BudgetConfig(max_calls_per_session=50))

    def in_thread():
        for _ in range(10):
            with contextlib.suppress(BudgetExceededError):
                tool()

    async def in_tasks():
        await outcomes(tool.acall() for _ in range(200))

    threads = [threading.Thread(target=in_thread) for _ in range(20)]
    for thread in threads:
        thread.start()
    asyncio.run(in_tasks())
    for thread in threads:
        thread.join()
    assert len(runs) == 50


def test_concurrent_calls_cannot_overspend_what_can_be_reserved():
    crowd = Crowd()
    tool = guard(crowd, budget=BudgetConfig(max_cost_per_session=1.0, cost_per_call=0.25))
    results = run_virtual(outcomes(tool(n) for n in range(100)))
    assert len(values_of(results)) == crowd.runs == 4


def test_the_real_cost_replaces_the_reservation():
    config = BudgetConfig(max_cost_per_session=1.0, cost=lambda call, result: 0.6 if result is None else 0.1)
    tool = guard(Script("ok"), budget=config)
    for _ in range(5):
        tool()
    assert tool.state()["spent"] == pytest.approx(0.5)
    with pytest.raises(BudgetExceededError):
        tool()


def test_the_cost_function_sees_the_result():
    config = BudgetConfig(max_cost_per_session=1.0, cost=lambda call, result: result and result.return_value)
    tool = guard(Script(0.25), budget=config)
    tool()
    assert tool.state()["spent"] == 0.25


@pytest.mark.parametrize("cost", [math.nan, -1.0, math.inf, True, "1"])
def test_what_is_no_amount_of_money_never_reaches_the_budget_before_the_call(cost):
    body = Script("ok")
    tool = guard(body, budget=BudgetConfig(max_cost_per_session=1.0, cost=lambda call, result: cost))
    with pytest.raises(ConfigError, match="no amount of money"):
        tool()
    assert body.runs == 0
    assert tool.state()["calls"] == tool.state()["spent"] == 0


@pytest.mark.parametrize("cost", [math.nan, -1.0, math.inf, True, "1"])
def test_what_is_no_amount_of_money_after_the_call_books_the_reservation(cost):
    config = BudgetConfig(max_cost_per_session=1.0, cost=lambda call, result: 0.2 if result is None else cost)
    tool = guard(Script("ok"), budget=config)
    with session() as recorded:
        assert tool() == "ok"
    assert tool.state(recorded.session_id)["spent"] == 0.2
    [entry] = recorded.entries()
    assert "finite number" in entry.span.attributes["bad_cost"]


def test_a_cost_function_that_raises_after_the_call_does_not_take_the_result_away(caplog):
    def cost(call, result):
        if result is not None:
            raise BoomError
        return 0.2

    tool = guard(Script("ok"), budget=BudgetConfig(max_cost_per_session=1.0, cost=cost))
    assert tool() == "ok"
    assert tool.state()["spent"] == 0.2
    assert "BudgetConfig.cost" in caplog.text


def test_a_call_that_never_started_costs_nothing(call: Way):
    tool = guard(
        Script("ok"),
        budget=BudgetConfig(max_cost_per_session=1.0, cost_per_call=1.0),
        before_call=Script(BoomError, None),
    )
    with pytest.raises(BoomError):
        call(tool)
    assert tool.state()["calls"] == tool.state()["spent"] == 0
    assert call(tool) == "ok"


def test_a_failed_call_costs_what_was_reserved(call: Way):
    tool = guard(Script(BoomError), budget=BudgetConfig(max_cost_per_session=1.0, cost_per_call=0.3))
    with pytest.raises(BoomError):
        call(tool)
    assert tool.state()["spent"] == 0.3


def test_every_attempt_is_a_call(clock: FakeRuntime):
    body = Script(BoomError)
    tool = guard(body, budget=BudgetConfig(max_calls_per_session=2), max_retries=5)
    with pytest.raises(BoomError):
        tool()
    assert body.runs == 2


def test_a_cancelled_call_costs_what_was_reserved():
    tool = guard(Crowd(), budget=BudgetConfig(max_cost_per_session=1.0, cost_per_call=0.3))

    async def main():
        assert await cancelled(await started(tool()))

    run_virtual(main())
    assert tool.state()["spent"] == 0.3


def test_a_call_cancelled_in_a_queue_costs_nothing():
    budget = BudgetConfig(max_cost_per_session=1.0, cost_per_call=0.3)
    tool = guard(Crowd(), budget=budget, concurrency=ConcurrencyConfig(1, max_wait=60))

    async def main():
        first, second = await started(tool()), await started(tool())
        assert await cancelled(second)
        await first

    run_virtual(main())
    assert (tool.state()["calls"], tool.state()["spent"]) == (1, 0.3)


def test_a_streams_cost_is_settled_at_its_end():
    def body():
        yield from range(3)

    config = BudgetConfig(
        max_cost_per_session=1.0, cost=lambda call, result: None if result is None else 0.1 * call.items
    )
    tool = guard(body, budget=config)
    stream = tool()
    next(stream)
    assert tool.state()["spent"] == 0.0
    list(stream)
    assert tool.state()["spent"] == pytest.approx(0.3)


def test_each_session_has_a_budget_of_its_own():
    tool = guard(Script("ok"), budget=BudgetConfig(max_calls_per_session=1))
    for name in ("one", "two"):
        with session(name):
            tool()
            with pytest.raises(BudgetExceededError):
                tool()
    assert tool() == "ok"


def test_tools_with_the_same_key_share_one_budget():
    config = BudgetConfig(max_calls_per_session=1, shared_key="budget tests: shared")
    one, other = guard(Script("ok"), budget=config), guard(Script("ok"), budget=config)
    one()
    with pytest.raises(BudgetExceededError):
        other()


def test_the_alert_comes_once_when_the_threshold_is_crossed():
    alerts = []
    config = BudgetConfig(
        max_cost_per_session=1.0,
        cost_per_call=0.2,
        alert_threshold=0.5,
        on_alert=lambda call, spent: alerts.append(spent),
    )
    tool = guard(Script("ok"), budget=config)
    for _ in range(5):
        tool()
    assert alerts == [pytest.approx(0.6)]


def test_an_alert_that_raises_is_logged_and_the_call_goes_on(caplog):
    config = BudgetConfig(max_calls_per_session=1, on_alert=Script(BoomError))
    assert guard(Script("ok"), budget=config)() == "ok"
    assert "on_alert" in caplog.text


def test_a_budget_that_only_warns_lets_the_call_through_and_counts_it(caplog, call: Way):
    tool = guard(Script("ok"), budget=BudgetConfig(max_cost_per_session=0.5, cost_per_call=0.4, on_exceed="warn"))
    for _ in range(3):
        assert call(tool) == "ok"
    assert tool.state()["spent"] == pytest.approx(1.2)
    assert "budget" in caplog.text


def test_the_call_knows_what_it_cost(clock: FakeRuntime):
    tool = guard(Script(BoomError, "ok"), budget=BudgetConfig(max_cost_per_call=1, cost_per_call=0.25), max_retries=1)
    with session() as recorded:
        tool()
    [entry] = recorded.entries()
    assert entry.result.cost == 0.5


def test_an_async_cost_function_is_refused_at_decoration():
    async def cost(call, result):
        return 1.0

    with pytest.raises(ConfigError, match="plain function"):
        guard(Script("ok"), budget=BudgetConfig(max_cost_per_call=1.0, cost=cost))
