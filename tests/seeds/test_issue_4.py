"""The document's own code runs as written, and leaves the traces that it promises, without any ceremony."""

import asyncio
import re
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentguard import configure_tracing, open_store
from agentguard.compat import fluxloop
from agentguard.testing import run_virtual
from agentguard.tracing import Span

SEED = Path(__file__).with_name("issue_4.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```python ([\w ]+)\n(.*?)^```$", SEED, re.DOTALL | re.MULTILINE))


def run(name: str, **surroundings: Any) -> dict[str, Any]:
    """Run a block after the imports, and give what it defines."""
    names = {"__name__": "seed", "asyncio": asyncio, **surroundings}
    for block in ("imports", name):
        exec(compile(BLOCKS[block], block, "exec"), names)
    return names


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENTGUARD_TRACES", raising=False)
    monkeypatch.delenv("AGENTGUARD_ENDPOINT", raising=False)
    configure_tracing(None)
    yield
    configure_tracing(None)


def spans() -> dict[str, Span]:
    """What is in the default store, by name."""
    return {span.name: span for span in open_store("traces").spans()}


def answering(name: str, answer: Any) -> Any:
    """A stand-in for a function that the document leaves out."""

    async def function(query: str) -> str:
        await asyncio.sleep(0.3 if name.endswith("1") else 0.1)
        return answer(query)

    function.__name__ = name
    return fluxloop.trace()(function)


@pytest.mark.realtime
def test_an_agent_is_traced_without_anything_around_it():
    assert run("async agent")["result"] == "Async response: Hello"
    agent = spans()["async_agent"]
    assert (agent.kind, agent.status, agent.input, agent.output, agent.parent_id) == (
        "agent", "ok", {"prompt": "Hello"}, "Async response: Hello", None,
    )  # fmt: skip
    assert agent.duration >= 0.1


def test_parallel_calls_have_the_right_parents_and_timing():
    names = run("parallel agent")
    for name in ("call_api_1", "call_api_2"):
        names[name] = answering(name, lambda query, name=name: f"{name} {query}")
    assert run_virtual(names["parallel_agent"]("q")) == "call_api_1 q | call_api_2 q"
    found = spans()
    parent = found["parallel_agent"]
    for name in ("call_api_1", "call_api_2"):
        assert found[name].parent_id == parent.span_id
        # Starts are on the wall clock, durations are not: they may drift apart by some milliseconds.
        assert found[name].started_at < parent.started_at + parent.duration + 0.1
    assert len(found) == 3


def test_calls_in_a_chain_are_siblings_one_after_the_other():
    names = run("chain agent")
    names["fetch_context"] = answering("fetch_context", lambda query: f"context of {query}")
    names["generate_response"] = answering("generate_response", str.upper)
    assert run_virtual(names["chain_agent"]("q")) == "CONTEXT OF Q"
    found = spans()
    first, second = found["fetch_context"], found["generate_response"]
    assert first.parent_id == second.parent_id == found["chain_agent"].span_id
    assert first.started_at + first.duration <= second.started_at + 0.001
    assert (first.output, second.input) == ("context of q", {"query": "context of q"})


def test_an_agent_may_use_an_async_context_manager():
    class Connection:
        async def execute(self, query):
            return f"rows of {query}"

    @asynccontextmanager
    async def database_connection():
        yield Connection()

    names = run("query agent", database_connection=database_connection)
    assert run_virtual(names["query_agent"]("select 1")) == "rows of select 1"
    assert spans()["query_agent"].output == "rows of select 1"


def test_a_stream_is_one_span_with_all_its_tokens():
    async def tokens():
        return [token async for token in run("streaming agent")["streaming_agent"]("hi")]

    assert run_virtual(tokens()) == [f"Token {number}: hi" for number in range(5)]
    agent = spans()["streaming_agent"]
    assert (agent.status, agent.attributes["items"]) == ("ok", 5)
    assert agent.output == "".join(f"Token {number}: hi" for number in range(5))


@pytest.mark.realtime
def test_every_request_of_an_endpoint_is_traced():
    fastapi = pytest.importorskip("fastapi", reason="FastAPI is not installed: the document's endpoint is not tested")
    httpx = pytest.importorskip("httpx")
    app = fastapi.FastAPI()
    run("endpoint", app=app)

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return [(await client.post("/agent", params=asked)) for asked in ({"prompt": "hi"}, {})]

    good, bad = asyncio.run(ask())
    assert (good.json(), bad.status_code) == ({"response": "Processed: hi"}, 422)
    [(name, endpoint)] = spans().items()
    assert (name, endpoint.kind, endpoint.input) == ("agent_endpoint", "agent", {"prompt": "hi"})


def test_a_handled_error_does_not_leave_the_agent():
    agent = run("agent with error")["async_agent_with_error"]
    assert asyncio.run(agent("")) == "Error: Prompt cannot be empty"
    assert spans()["async_agent_with_error"].status == "ok"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with Python 3.12")
def test_a_handled_error_is_captured_in_the_trace():
    agent = run("agent with error")["async_agent_with_error"]
    asyncio.run(agent(""))
    [event] = spans()["async_agent_with_error"].events
    assert (event["type"], event["message"]) == ("ValueError", "Prompt cannot be empty")


def test_the_http_client_opens_and_sends_nothing_unasked():
    async def main():
        client = run("client", FluxLoopClient=fluxloop.FluxLoopClient)["client"]
        async with client:
            await fluxloop.agent()(answering("call", str.upper))("a")
        return client

    client = run_virtual(main())
    assert [span.output for span in client.spans()] == ["A", "A"]
