"""The tool's own hooks: when they run, what they may change, and what happens when they fail."""

import asyncio

import pytest

from agentguard import CallStatus, InvalidInputError, RetryConfig, guard
from agentguard.testing import FakeRuntime, run_virtual
from tests.layers.bodies import BoomError, Crowd, Script, cancelled, started
from tests.matrix.ways import Way


def test_before_call_runs_in_every_attempt(call: Way, clock: FakeRuntime):
    attempts = []
    tool = guard(Script(BoomError, "ok"), max_retries=1, before_call=lambda ctx: attempts.append(ctx.attempt))
    call(tool)
    assert attempts == [1, 2]


def test_what_before_call_does_to_the_arguments_does_not_reach_the_body(call: Way):
    def meddle(ctx):
        ctx.args = ("other",)
        ctx.kwargs["limit"] = 99

    def body(query, limit=10):
        return query, limit

    assert call(guard(body, before_call=meddle), "mine", limit=5) == ("mine", 5)


def test_before_call_sees_the_arguments_that_will_run(call: Way):
    seen = []

    def body(x: int):
        return x

    call(guard(body, validate_input=True, before_call=lambda ctx: seen.append(ctx.arguments)), "5")
    assert seen == [{"x": 5}]


def test_before_call_does_not_run_for_a_refused_call(call: Way):
    hook = Script(None)

    def body(x: int):
        raise AssertionError

    with pytest.raises(InvalidInputError):
        call(guard(body, validate_input=True, before_call=hook), "x")
    assert hook.runs == 0


def test_what_before_call_raises_reaches_the_caller_as_the_same_object(call: Way):
    error, body = BoomError("no"), Script("ok")
    with pytest.raises(BoomError) as caught:
        call(guard(body, before_call=Script(error), retry=RetryConfig(3)))
    assert caught.value is error
    assert body.runs == 0


def test_after_call_sees_what_the_body_returned(call: Way):
    results = []
    call(guard(Script("ok"), after_call=lambda ctx, result: results.append(result)))
    [result] = results
    assert (result.return_value, result.status, result.succeeded) == ("ok", CallStatus.SUCCESS, True)


def test_after_call_sees_what_the_body_raised(call: Way):
    results, error = [], BoomError("mine")
    with pytest.raises(BoomError):
        call(guard(Script(error), after_call=lambda ctx, result: results.append(result)))
    [result] = results
    assert result.error is error
    assert (result.failed, result.exception, result.exception_type) == (True, "mine", "BoomError")


def test_after_call_runs_in_every_attempt(clock: FakeRuntime):
    statuses = []
    tool = guard(Script(BoomError, "ok"), max_retries=1, after_call=lambda ctx, result: statuses.append(result.status))
    tool()
    assert statuses == [CallStatus.FAILURE, CallStatus.SUCCESS]


def test_after_call_that_raises_changes_nothing_and_is_logged_once(call: Way, caplog):
    tool = guard(Script("ok"), after_call=Script(BoomError))
    assert [call(tool) for _ in range(3)] == ["ok"] * 3
    assert caplog.text.count("after_call") == 1


def test_after_call_that_raises_does_not_hide_the_bodys_error(call: Way):
    error = BoomError("mine")
    with pytest.raises(BoomError) as caught:
        call(guard(Script(error), after_call=Script(ValueError("hook"))))
    assert caught.value is error


def test_after_call_sees_a_cancelled_call():
    statuses = []
    tool = guard(Crowd(), after_call=lambda ctx, result: statuses.append(result.status))

    async def main():
        assert await cancelled(await started(tool()))

    run_virtual(main())
    assert statuses == [CallStatus.CANCELLED]


def test_an_async_after_call_does_not_hold_up_a_cancelled_call():
    statuses = []

    async def after(ctx, result):
        statuses.append(result.status)

    async def main():
        assert await cancelled(await started(guard(Crowd(), after_call=after)()))

    run_virtual(main())
    assert statuses == []


def test_hooks_of_a_stream_run_around_all_of_it():
    log = []

    def body():
        log.append("first")
        yield 1
        log.append("second")
        yield 2

    tool = guard(body, before_call=lambda ctx: log.append("before"), after_call=lambda ctx, r: log.append("after"))
    assert list(tool()) == [1, 2]
    assert log == ["before", "first", "second", "after"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_passes_through_the_hooks(error):
    with pytest.raises(error):
        guard(Script(error()), before_call=Script(None), after_call=Script(None))()


def test_hooks_may_be_sync_and_async_together(call: Way):
    log = []

    async def before(ctx):
        await asyncio.sleep(0)
        log.append("before")

    tool = guard(Script("ok"), before_call=before, after_call=lambda ctx, result: log.append("after"))
    assert call(tool) == "ok"
    assert log == ["before", "after"]


def test_what_hooks_return_is_ignored(call: Way):
    assert call(guard(Script("ok"), before_call=lambda ctx: "a value", after_call=lambda ctx, result: 5)) == "ok"


def test_an_object_with_an_async_call_is_an_async_hook(call: Way, clock: FakeRuntime):
    class Hook:
        seen = 0

        async def __call__(self, *_):
            await asyncio.sleep(0)
            self.seen += 1

    before, after = Hook(), Hook()
    assert call(guard(Script("done"), before_call=before, after_call=after)) == "done"
    assert (before.seen, after.seen) == (1, 1)
