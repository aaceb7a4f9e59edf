import asyncio
import functools
import gc
import inspect
import threading
import weakref
from typing import Any

import pytest

from agentguard import (
    BudgetConfig,
    ConfigError,
    LoopGuardConfig,
    agent,
    configure_tracing,
    guard,
    record_session,
    session,
    trace,
)
from agentguard.errors import BudgetExceededError, LoopDetectedError
from agentguard.tracing import CarryingExecutor, Span, TraceClient, carry, current_span, prompt, tool


def recorded(work) -> list[Span]:
    """Everything that is recorded while `work`, a function or a coroutine function, runs."""
    with record_session(backend="memory") as recorder:
        if inspect.iscoroutinefunction(work):
            asyncio.run(work())
        else:
            work()
    return recorder.spans()


def tree(spans: list[Span]) -> set[tuple[str, str | None]]:
    names = {span.span_id: span.name for span in spans}
    return {(span.name, names.get(span.parent_id)) for span in spans}


@trace
def leaf(value: Any = None) -> Any:
    return value


@trace
async def aleaf(value: Any = None) -> Any:
    await asyncio.sleep(0)
    return value


# ------------------------------------------------------------------------------------------------- what is recorded


@pytest.mark.parametrize("decorate", [agent, trace, prompt, tool])
def test_a_decorator_works_with_and_without_parentheses(decorate):
    def double(number: int) -> int:
        return 2 * number

    def work():
        assert [decorate(double)(2), decorate()(double)(3), decorate(name="twice")(double)(number=4)] == [4, 6, 8]

    assert [span.name for span in recorded(work)] == ["double", "double", "twice"]


def test_a_span_says_what_went_in_and_what_came_out():
    @agent(metadata={"team": "search"}, tags=["beta"])
    def answer(question: str, *, top_k: int = 3) -> dict[str, Any]:
        return {"answer": question.upper()}

    [span] = recorded(lambda: answer("why", top_k=1))
    assert (span.kind, span.name, span.status) == ("agent", "answer", "ok")
    assert (span.input, span.output) == ({"question": "why", "top_k": 1}, {"answer": "WHY"})
    assert span.attributes == {"metadata": {"team": "search"}, "tags": ["beta"]}
    assert (span.parent_id, span.trace_id) == (None, span.span_id)
    assert span.duration > 0


def test_each_decorator_has_its_kind():
    def work():
        for decorate in (agent, trace, prompt, tool):
            decorate(lambda: None)()

    assert [span.kind for span in recorded(work)] == ["agent", "span", "generation", "tool"]


def test_a_prompt_counts_the_tokens_of_its_result():
    @prompt(model="gpt-4o")
    def complete(text: str) -> dict[str, Any]:
        return {"text": text, "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}

    [span] = recorded(lambda: complete("hi"))
    assert span.attributes == {
        "model": "gpt-4o",
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "total_tokens": 12,
    }


def test_what_is_not_to_be_captured_is_not():
    @trace(capture_input=False, capture_output=False)
    def secret(word: str) -> str:
        return word

    [span] = recorded(lambda: secret("hush"))
    assert (span.input, span.output) == (None, None)


def test_secrets_are_not_recorded():
    @trace(redact=["badge"])
    def login(password: str, badge: str) -> None: ...

    [span] = recorded(lambda: login("hunter2-hunter2", badge="B-77"))
    assert "hunter2" not in str(span.input)
    assert "B-77" not in str(span.input)


def test_an_error_passes_unchanged_and_is_recorded():
    problem = ValueError("no such city")

    @agent
    def fail() -> None:
        raise problem

    def work():
        with pytest.raises(ValueError, match="no such city") as raised:
            fail()
        assert raised.value is problem

    [span] = recorded(work)
    assert (span.status, span.error) == ("error", {"type": "ValueError", "message": "no such city"})


@pytest.mark.parametrize(
    ("ending", "status"),
    [(SystemExit(0), "ok"), (SystemExit(3), "error"), (KeyboardInterrupt(), "cancelled"), (TimeoutError(), "error")],
)
def test_leaving_a_program_is_an_error_only_with_a_code(ending, status):
    @trace
    def leave():
        raise ending

    def work():
        with pytest.raises(type(ending)):
            leave()

    assert [span.status for span in recorded(work)] == [status]


def test_a_cancelled_agent_is_cancelled_and_no_error():
    @agent
    async def wait():
        await asyncio.Event().wait()

    async def work():
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert [span.status for span in recorded(work)] == ["cancelled"]


class Hostile:
    """Every question is answered with an error."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")


def test_hostile_values_pass_through_unharmed():
    thing = Hostile()
    circle: list[Any] = []
    circle.append(circle)

    def work():
        assert leaf(thing) is thing
        assert leaf(circle) is circle

    assert [span.status for span in recorded(work)] == ["ok", "ok"]


# ------------------------------------------------------------------------------------------------------------- trees


def test_parents_are_right_under_gather_and_nested_agents():
    @agent
    async def sub(name):
        await aleaf(name)

    @agent
    async def main():
        await asyncio.gather(sub("a"), sub("b"), *(aleaf(n) for n in range(20)))

    spans = recorded(main)
    [root] = [span for span in spans if span.name == "main"]
    subs = {span.span_id for span in spans if span.name == "sub"}
    parents = [span.parent_id for span in spans if span.name == "aleaf"]
    assert parents.count(root.span_id) == 20
    assert sorted(parent for parent in parents if parent != root.span_id) == sorted(subs)
    assert {span.trace_id for span in spans} == {root.span_id}


def test_guarded_tools_and_traced_functions_are_children_of_each_other():
    @guard
    async def outer():
        return await inner()

    @trace
    async def inner():
        return await unrecorded_depth()

    @guard(max_retries=1)
    async def unrecorded_depth():
        return leaf(1)

    @agent
    async def main():
        await outer()

    assert tree(recorded(main)) >= {
        ("main", None),
        ("outer", "main"),
        ("inner", "outer"),
        ("unrecorded_depth", "inner"),
        ("leaf", "unrecorded_depth"),
    }


def test_a_session_opened_in_a_tools_body_keeps_the_parent():
    @guard
    def outer():
        with session("inner"):
            leaf(1)

    @agent
    def main():
        with session("outer"):
            outer()
            leaf(2)

    spans = recorded(main)
    assert tree(spans) == {("main", None), ("outer", "main"), ("leaf", "outer"), ("leaf", "main")}
    assert [span.session_id for span in spans if span.name == "leaf"] == ["inner", "outer"]


def test_a_tools_own_session_keeps_the_parent():
    @guard
    def ask(value):
        return leaf(value)

    @agent
    def main():
        with ask.session("s") as calls:
            calls(1)
            leaf(2)
        assert [entry.call.session_id for entry in calls.entries()] == ["s"]

    assert tree(recorded(main)) == {("main", None), ("ask", "main"), ("leaf", "ask"), ("leaf", "main")}


def test_a_task_that_outlives_its_parent_is_marked_late():
    async def work():
        @agent
        async def start():
            return asyncio.create_task(later())

        @trace
        async def later():
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            leaf()

        await (await start())

    by_name = {span.name: span for span in recorded(work)}
    assert by_name["later"].parent_id == by_name["start"].span_id
    assert by_name["later"].attributes == {"late": True}
    assert by_name["leaf"].parent_id == by_name["later"].span_id


@pytest.mark.realtime
def test_the_context_goes_along_into_threads():
    from concurrent.futures import ThreadPoolExecutor

    @agent
    async def main():
        await asyncio.to_thread(leaf, 1)
        with CarryingExecutor(ThreadPoolExecutor(2)) as pool:
            await asyncio.get_running_loop().run_in_executor(pool, leaf, 2)
            assert list(pool.map(leaf, [3, 4])) == [3, 4]
        threads = [threading.Thread(target=carry(leaf), args=(n,)) for n in (5, 6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    spans = recorded(main)
    assert tree(spans) == {("main", None), ("leaf", "main")}
    assert sorted(span.output for span in spans if span.name == "leaf") == [1, 2, 3, 4, 5, 6]


def test_the_current_span_is_the_innermost_one():
    @guard
    def ask():
        return current_span().name

    @agent
    def main():
        assert ask() == "ask"
        return current_span().name

    def work():
        assert current_span() is None
        assert main() == "main"

    assert len(recorded(work)) == 2


# ------------------------------------------------------------------------------------------------------------- kinds


class Service:
    """Methods of every sort."""

    @agent
    def method(self, x):
        return self, x

    @trace
    async def coroutine(self, x):
        return self, x

    @trace()
    @classmethod
    def on_class(cls, x):
        return cls, x

    @classmethod
    @trace
    def under_class(cls, x):
        return cls, x

    @trace
    @staticmethod
    def static(x):
        return x


def test_methods_are_recorded_without_what_they_are_bound_to():
    service = Service()

    def work():
        assert service.method(1) == (service, 1)
        assert asyncio.run(service.coroutine(2)) == (service, 2)
        assert service.on_class(3) == Service.on_class(3) == Service.under_class(3) == (Service, 3)
        assert service.static(4) == Service.static(4) == 4

    spans = recorded(work)
    assert [span.input["x"] for span in spans] == [1, 2, 3, 3, 3, 4, 4]
    assert all(set(span.input) == {"x"} for span in spans)


class Called:
    def __call__(self, x):
        return x


class CalledAsync:
    async def __call__(self, x):
        return x


def test_partials_and_callable_objects_are_called_as_before():
    async def add(a, b):
        return a + b

    async def work():
        assert trace(Called())(1) == 1
        assert await trace(CalledAsync())(2) == 2
        assert await trace(functools.partial(add, 1))(b=2) == 3
        assert await agent(guard(add))(2, 2) == 4

    assert [span.name for span in recorded(work)] == ["Called", "CalledAsync", "add", "add", "add"]


def test_a_function_stays_what_it_is():
    async def coroutine(a: int, *, b: str = "x") -> None:
        """Its documentation."""

    def generator():
        yield

    async def async_generator():
        yield

    for decorate in (trace, agent, agent()):
        assert inspect.iscoroutinefunction(decorate(coroutine))
        assert inspect.isgeneratorfunction(decorate(generator))
        assert inspect.isasyncgenfunction(decorate(async_generator))
        assert inspect.iscoroutinefunction(decorate(CalledAsync()))
    traced = trace(coroutine)
    assert inspect.signature(traced) == inspect.signature(coroutine)
    assert (traced.__name__, traced.__doc__, traced.__wrapped__) == ("coroutine", "Its documentation.", coroutine)


@pytest.mark.parametrize("what", [Called, 5, property(lambda self: 1)])
def test_what_cannot_be_traced_is_refused_at_decoration(what):
    with pytest.raises(ConfigError, match="a span goes around calls"):
        trace()(what)


def test_a_name_must_be_a_string():
    with pytest.raises(ConfigError, match="name"):
        agent(name=5)


def test_arguments_that_do_not_fit_raise_what_they_raise_undecorated():
    def work():
        with pytest.raises(TypeError, match="unexpected keyword"):
            leaf(valve=1)

    [span] = recorded(work)
    assert (span.status, span.input) == ("error", {"valve": 1})


# -------------------------------------------------------------------------------------------------------- run counters


@pytest.fixture
def default_in_memory():
    client = TraceClient("memory")
    configure_tracing(client)
    yield client
    configure_tracing(None)
    client.close()


def test_the_outermost_agents_run_is_what_budgets_count_by(default_in_memory):
    @guard(budget=BudgetConfig(max_calls_per_session=2))
    def paid():
        return 1

    @agent
    def sub():
        return paid()

    @agent
    def main(times):
        return sum(sub() for _ in range(times))

    assert main(2) == main(2) == 2
    with pytest.raises(BudgetExceededError):
        main(3)


def test_the_outermost_agents_run_is_what_loop_guards_watch(default_in_memory):
    @guard(loop_guard=LoopGuardConfig())
    def ask(question):
        return "same"

    @agent
    def main(times):
        for _ in range(times):
            ask("again")

    for _ in range(30):
        main(1)
    with pytest.raises(LoopDetectedError):
        main(30)


def test_a_call_without_an_open_trace_starts_its_own(default_in_memory):
    leaf(1)
    leaf(2)
    spans = default_in_memory.spans()
    assert [(span.output, span.parent_id) for span in spans] == [(1, None), (2, None)]
    assert len({span.trace_id for span in spans}) == 2


def test_a_guarded_call_inside_a_span_goes_to_that_spans_store(default_in_memory):
    @guard
    def ask():
        return 1

    ask()
    agent(ask)()
    assert tree(default_in_memory.spans()) == {("ask", None), ("ask", "ask")}
    assert [entry.tool_name for entry in default_in_memory.entries()] == ["ask"]


def test_an_ended_span_keeps_nothing_alive():
    class Argument:
        """A value that can be watched."""

    spans: list[Span] = []

    class Kept:
        collect = staticmethod(spans.append)

    @agent
    def main(argument):
        leaf(argument)
        for _ in stream(argument):
            leaf()

    @trace
    def stream(argument):
        yield argument

    configure_tracing(Kept())
    gc.disable()
    try:
        argument = Argument()
        seen = weakref.ref(argument)
        main(argument)
        del argument
        assert seen() is None
        assert {span.name for span in spans} == {"main", "leaf", "stream"}
        assert len({id(span.scope) for span in spans}) == 1
    finally:
        gc.enable()
        configure_tracing(None)
