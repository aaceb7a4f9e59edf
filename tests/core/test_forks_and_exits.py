"""A forked child starts afresh, and a process ends when it wants to."""

import pytest

from tests.core.programs import run_program

pytestmark = pytest.mark.realtime

TOOLS = """
    import asyncio, gc, os, sys, threading, time
    from agentguard import *
    from agentguard.middleware import *

    async def nothing_special(ctx, next):
        return await next(ctx)

    @guard
    def plain(): return "plain"

    @guard(timeout=5)
    def timed(): return "timed"

    @guard(middleware=[nothing_special])
    def through_portal(): return "through portal"

    def call_all():
        return [plain(), timed(), through_portal(), asyncio.run(plain.acall())]

    def in_child(check):
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = 0 if check() else 2
            finally:
                sys.stdout.flush()
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""

# 3.12 warns of every fork in a process with threads; that such a child works all the same is what is tested here.
FORKING = TOOLS.replace(
    "import asyncio,", "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n    import asyncio,"
)


def test_a_forked_child_makes_calls_of_its_own():
    ended = run_program(
        FORKING
        + """
    expected = ["plain", "timed", "through portal", "plain"]
    assert call_all() == expected
    print(in_child(lambda: call_all() == expected))
    assert call_all() == expected
    """
    )
    assert (ended.out, ended.err) == ("0\n", "")


def test_a_child_forked_in_a_body_makes_calls_of_its_own():
    ended = run_program(
        FORKING
        + """
    @guard(timeout=10)
    def forking():
        return in_child(lambda: call_all() == ["plain", "timed", "through portal", "plain"])
    print(forking(), asyncio.run(forking.acall()))
    """
    )
    assert (ended.out, ended.err) == ("0 0\n", "")


def test_ids_of_calls_differ_in_a_forked_child():
    ended = run_program(
        FORKING
        + """
    @guard
    def identify(): return current_call().call_id
    first = identify()
    read, write = os.pipe()
    in_child(lambda: os.write(write, " ".join(identify() for _ in range(3)).encode()))
    ids = [first, *(identify() for _ in range(3)), *os.read(read, 1000).decode().split()]
    print(len(ids), len(set(ids)))
    """
    )
    assert (ended.out, ended.err) == ("7 7\n", "")


def test_hung_bodies_of_the_parent_are_not_the_child_s():
    ended = run_program(
        FORKING
        + """
    gate = threading.Event()
    @guard(timeout_config=TimeoutConfig(0.05, max_abandoned=1))
    def tool(hangs):
        if hangs: gate.wait(20)
        return "done"
    try: tool(True)
    except CallTimedOutError: pass
    assert tool.state()["hung"] == 1
    print(in_child(lambda: tool.state()["hung"] == 0 and tool(False) == "done"))
    """
    )
    assert (ended.out, ended.err) == ("0\n", "")


def test_slots_that_other_threads_of_the_parent_hold_are_free_in_the_child():
    ended = run_program(
        FORKING
        + """
    gate, entered = threading.Event(), threading.Event()
    @guard(concurrency=1)
    def tool(waits):
        if waits:
            entered.set()
            gate.wait(20)
        return "done"
    thread = threading.Thread(target=tool, args=(True,))
    thread.start()
    entered.wait(20)
    print(in_child(lambda: tool(False) == "done"))
    gate.set()
    thread.join()
    """
    )
    assert (ended.out, ended.err) == ("0\n", "")


def test_a_slot_held_by_the_call_that_forks_is_given_back_once_in_each_process():
    ended = run_program(
        FORKING
        + """
    @guard(concurrency=1, budget=BudgetConfig(max_calls_per_session=10))
    def forking(): return os.fork()
    child = forking()
    if child == 0:
        os._exit(0 if forking.state()["running"] == 0 else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), forking.state()["running"])
    """
    )
    assert (ended.out, ended.err) == ("0 0\n", "")


@pytest.mark.parametrize("options", ["", "timeout=30", "middleware=[nothing_special]", "concurrency=1, record=False"])
@pytest.mark.parametrize(
    "kept", ["stream = items(); next(stream)", "stream = [items()]; next(stream[0]); stream.append(stream)"]
)
def test_a_process_ends_with_a_generator_half_used(options, kept):
    program = f"""
    @guard({options})
    def items():
        yield 1
        yield 2
    {kept}
    """
    ended = run_program(TOOLS + program, timeout=5.0)
    assert (ended.err, ended.code) == ("", 0)


@pytest.mark.parametrize("call", ["plain()", "timed()", "through_portal()"])
def test_tools_can_be_called_while_the_process_ends(call):
    ended = run_program(
        TOOLS
        + f"""
    import atexit
    {call}
    atexit.register(lambda: print({call}))
    """
    )
    assert (ended.out.strip(), ended.err) == (call.removesuffix("()").replace("_", " "), "")


def test_garbage_collected_in_the_middle_of_a_decision_deadlocks_nothing():
    ended = run_program(
        TOOLS
        + """
    limits = dict(
        budget=BudgetConfig(max_calls_per_session=10**9, max_cost_per_call=0.1),
        rate_limit=RateLimitConfig(calls_per_second=1e9, burst=10**6),
        circuit_breaker=CircuitBreakerConfig(),
        loop_guard=LoopGuardConfig(poll=True),
    )
    @guard(concurrency=10**6, max_retries=1, **limits)
    def items():
        yield 1
        yield 2
    @guard(concurrency=5, max_retries=1, **limits)
    def tool(): return 1
    class Knot: pass
    def leave_garbage():
        knot = Knot()
        knot.itself, knot.stream = knot, items()
        next(knot.stream)
    gc.set_threshold(3)
    for _ in range(3_000):
        leave_garbage()
        tool()
    gc.collect()
    print(items.state()["running"], tool.state()["running"], tool.state()["calls"])
    """
    )
    assert (ended.out, ended.err) == ("0 0 3000\n", "")
