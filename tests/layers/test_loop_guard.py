"""When a repeated call is a loop, when it is none, and what is done about it."""

import asyncio
import itertools

import pytest

from agentguard import InvalidInputError, LoopDetectedError, LoopGuardConfig, guard, session
from agentguard.testing import FakeRuntime, run_virtual
from tests.layers.bodies import BoomError, Crowd, Script, cancelled, started
from tests.matrix.ways import Way

SHORT = LoopGuardConfig(warn_after=2, ask_after=3, block_after=3, halt_after=5)


def count_until_blocked(tool, *args, most=100):
    """How many calls went through before one was refused; None when none was."""
    for n in range(most):
        try:
            tool(*args)
        except LoopDetectedError:
            return n
    return None


def test_a_repeated_call_is_refused_without_running_the_tool(call: Way, clock: FakeRuntime):
    body = Script("same")
    tool = guard(body, loop_guard=SHORT)
    call(tool, 1), call(tool, 1)
    with pytest.raises(LoopDetectedError, match="Loop detected") as caught:
        call(tool, 1)
    assert body.runs == 2
    assert (caught.value.count, caught.value.period, caught.value.halt) == (3, 1, False)


def test_without_a_channel_the_ask_rung_refuses(clock: FakeRuntime):
    tool = guard(Script("same"), loop_guard=True)
    assert count_until_blocked(tool) == 4


def test_the_ladder_ends_with_a_halt(clock: FakeRuntime):
    tool = guard(Script("same"), loop_guard=SHORT)
    halts = []
    for _ in range(6):
        try:
            tool()
        except LoopDetectedError as error:
            halts.append(error.halt)
    assert halts == [False, False, True, True]


def test_the_warning_is_logged_once_and_the_call_goes_on(caplog, clock: FakeRuntime):
    tool = guard(Script("same"), name="search", loop_guard=True)
    for _ in range(4):
        assert tool() == "same"
    assert caplog.text.count("'search' was called 3 times") == 1


def test_the_result_is_never_altered(clock: FakeRuntime):
    value = {"list": [1, 2]}
    tool = guard(Script(value), loop_guard=True)
    assert all(tool() is value for _ in range(4))


def test_distinct_arguments_are_never_a_loop(clock: FakeRuntime):
    tool = guard(Script("same"), loop_guard=SHORT)
    for n in range(100):
        tool(n)


def test_fifteen_emails_with_the_same_answer_go_out(clock: FakeRuntime):
    sent = []

    def send_email(to: str, subject: str, body: str) -> str:
        sent.append(to)
        return "sent"

    tool = guard(send_email, loop_guard=True)
    for n in range(15):
        assert tool(f"customer{n}@example.com", subject="Your invoice", body="Dear customer") == "sent"
    assert len(sent) == 15


def test_changing_results_are_never_a_loop(clock: FakeRuntime):
    numbers = itertools.count()
    tool = guard(lambda: next(numbers), loop_guard=SHORT)
    for _ in range(100):
        tool()


def test_the_same_arguments_by_name_and_by_position_are_the_same_call(clock: FakeRuntime):
    def search(query, limit=10):
        return "same"

    tool = guard(search, loop_guard=SHORT)
    tool("x", 5), tool(query="x", limit=5)
    with pytest.raises(LoopDetectedError):
        tool(limit=5, query="x")


def test_the_order_of_keys_in_an_argument_does_not_matter(clock: FakeRuntime):
    tool = guard(Script("same"), loop_guard=SHORT)
    tool({"a": 1, "b": 2}), tool({"b": 2, "a": 1})
    with pytest.raises(LoopDetectedError):
        tool({"a": 1, "b": 2})


@pytest.mark.parametrize("period", [1, 2, 3, 4])
def test_a_circle_of_up_to_four_calls_is_seen(period, clock: FakeRuntime):
    tool = guard(Script("same"), loop_guard=SHORT)
    with pytest.raises(LoopDetectedError) as caught:
        for n in range(100):
            tool(n % period)
    assert caught.value.period == period


def test_a_circle_of_five_calls_is_not_looked_for(clock: FakeRuntime):
    tool = guard(Script("same"), loop_guard=SHORT)
    for n in range(100):
        tool(n % 5)


def test_the_same_error_again_and_again_is_a_loop(clock: FakeRuntime):
    tool = guard(Script(BoomError("same")), loop_guard=SHORT)
    for _ in range(2):
        with pytest.raises(BoomError):
            tool()
    with pytest.raises(LoopDetectedError):
        tool()


def test_errors_that_differ_are_no_loop(clock: FakeRuntime):
    tool = guard(Script(*[BoomError(n) for n in range(10)]), loop_guard=SHORT)
    for _ in range(10):
        with pytest.raises(BoomError):
            tool()


def test_a_call_refused_further_in_is_seen_too(clock: FakeRuntime):
    body = Script("ok")
    tool = guard(body, loop_guard=SHORT, custom_validators=[Script(False)])
    for kind in (InvalidInputError, InvalidInputError, LoopDetectedError):
        with pytest.raises(kind):
            tool()
    assert body.runs == 0


def test_a_tool_meant_to_be_polled_is_not_watched(clock: FakeRuntime):
    tool = guard(Script("pending"), loop_guard=LoopGuardConfig(poll=True))
    assert count_until_blocked(tool) is None


def test_a_loop_key_says_what_makes_two_calls_the_same(clock: FakeRuntime):
    config = LoopGuardConfig(
        warn_after=2, ask_after=3, block_after=3, halt_after=5, loop_key=lambda call: call.args[0].lower()
    )
    tool = guard(Script("same"), loop_guard=config)
    tool("PARIS"), tool("Paris")
    with pytest.raises(LoopDetectedError):
        tool("paris")


def test_a_session_remembers_across_its_tools(clock: FakeRuntime):
    search = guard(Script("same"), name="search", loop_guard=SHORT)
    read = guard(Script("same"), name="read", loop_guard=SHORT)
    with session(), pytest.raises(LoopDetectedError) as caught:
        for _ in range(9):
            search(), read()
    assert caught.value.period == 2
    assert caught.value.tool_name == "read"


def test_another_tools_call_in_between_breaks_a_sessions_loop(clock: FakeRuntime):
    search = guard(Script("same"), name="search", loop_guard=SHORT)
    numbers = itertools.count()
    read = guard(lambda _n: next(numbers), name="read", loop_guard=SHORT)
    with session():
        for n in range(20):
            search(), read(n)


def test_sessions_do_not_see_each_others_calls(clock: FakeRuntime):
    tool = guard(Script("same"), loop_guard=SHORT)
    for n in range(10):
        with session(f"loop guard tests {n}"):
            tool(), tool()


def test_without_a_session_only_the_last_minute_counts(clock: FakeRuntime):
    tool = guard(Script("same"), loop_guard=SHORT)
    for _ in range(10):
        tool(), tool()
        clock.advance(61)


def test_a_session_remembers_longer_than_a_minute(clock: FakeRuntime):
    tool = guard(Script("same"), loop_guard=SHORT)
    with session(), pytest.raises(LoopDetectedError):
        for _ in range(3):
            tool()
            clock.advance(3600)


def test_the_record_marks_the_loop(clock: FakeRuntime):
    tool = guard(Script("same"), loop_guard=SHORT)
    with session() as recorded:
        tool(), tool()
    assert [entry.span.attributes.get("loop") for entry in recorded.entries()] == [
        None,
        {"count": 2, "period": 1, "rung": "warn"},
    ]


def test_a_cancelled_call_says_nothing_about_its_result():
    tool = guard(Crowd(), loop_guard=SHORT)

    async def main():
        assert await cancelled(await started(tool("x")))
        assert await tool("x") == "x"

    run_virtual(main())


def test_parallel_equal_calls_are_seen_before_their_results_are_there():
    tool = guard(Crowd(), loop_guard=SHORT)

    async def main():
        return await asyncio.gather(*(tool("x") for _ in range(4)), return_exceptions=True)

    results = run_virtual(main())
    assert [isinstance(result, LoopDetectedError) for result in results] == [False, False, True, True]


@pytest.mark.parametrize(
    "argument", [float("nan"), "\ud800", 10**5000, object()], ids=["nan", "surrogate", "huge", "object"]
)
def test_hostile_arguments_do_not_break_the_call(argument, clock: FakeRuntime):
    assert guard(Script("ok"), loop_guard=True)(argument) == "ok"


def test_a_cyclic_argument_does_not_break_the_call(clock: FakeRuntime):
    cycle: list = []
    cycle.append(cycle)
    assert guard(Script("ok"), loop_guard=True)(cycle) == "ok"


def test_a_deep_argument_does_not_break_the_call(clock: FakeRuntime):
    deep: list = []
    for _ in range(20_000):
        deep = [deep]
    try:
        assert guard(Script("ok"), loop_guard=True)(deep) == "ok"
    finally:
        # Taken apart by hand: freeing it at once would overflow the interpreter's stack on some versions.
        while deep:
            deep = deep.pop()


def test_errors_that_cannot_be_read_equal_nothing(clock: FakeRuntime):
    class UnreadableError(Exception):
        def __str__(self):
            raise ValueError

    tool = guard(Script(UnreadableError()), loop_guard=SHORT)
    for _ in range(10):
        with pytest.raises(UnreadableError):
            tool()


def test_a_name_that_two_arguments_share_hides_neither_of_them(clock: FakeRuntime):
    def by_position_only(a, /, **rest): ...

    def with_rest(a, *rest, **named): ...

    first, second = guard(by_position_only, loop_guard=SHORT), guard(with_rest, loop_guard=SHORT)
    for n in range(SHORT.halt_after):
        first(n, a=9)
        second(1, n, rest=9)


def test_an_iterator_reaches_the_tool_and_its_caller_unread(clock: FakeRuntime):
    def doubled(numbers):
        return map(str, [2 * n for n in numbers])

    assert list(guard(doubled, loop_guard=SHORT)(iter([1, 2]))) == ["2", "4"]
