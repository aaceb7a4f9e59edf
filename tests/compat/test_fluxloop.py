import asyncio
from enum import Enum

import pytest

from agentguard import configure_tracing
from agentguard.compat import fluxloop
from agentguard.compat.fluxloop import FluxLoopClient


class ObservationType(Enum):
    """As FluxLoop's own."""

    GENERATION = "generation"


@pytest.fixture
def spans(tmp_path):
    with FluxLoopClient(storage="memory") as client:
        yield lambda: {span.name: span for span in client.spans()}


def test_each_decorator_has_its_kind(spans):
    fluxloop.agent("a")(lambda: 1)()
    fluxloop.trace("t", metadata={"k": 1})(lambda: 1)()
    fluxloop.prompt("p", model="gpt-4o")(lambda: {"usage": {"total_tokens": 3}})()
    fluxloop.tool("x", description="searches")(lambda: 1)()
    found = spans()
    assert {name: span.kind for name, span in found.items()} == {
        "a": "agent",
        "t": "span",
        "p": "generation",
        "x": "tool",
    }
    assert found["p"].attributes == {"model": "gpt-4o", "total_tokens": 3}
    assert found["t"].attributes == {"metadata": {"k": 1}}
    assert found["x"].attributes == {"description": "searches"}


@pytest.mark.parametrize("decorate", [fluxloop.agent, fluxloop.trace, fluxloop.prompt, fluxloop.tool])
def test_parentheses_may_be_left_out(spans, decorate):
    @decorate
    def double(number):
        return 2 * number

    assert double(2) == 4
    assert list(spans()) == ["double"]


@pytest.mark.parametrize(
    ("given", "kind"),
    [("agent", "agent"), ("tool", "tool"), (ObservationType.GENERATION, "generation"), ("chain", "span")],
)
def test_an_observation_type_is_a_kind_or_an_attribute(spans, given, kind):
    fluxloop.trace("t", observation_type=given)(lambda: 1)()
    span = spans()["t"]
    assert span.kind == kind
    assert span.attributes == ({} if kind != "span" else {"metadata": {"observation_type": "chain"}})


def test_there_are_no_other_observation_types():
    with pytest.raises(ValueError, match=r"Invalid observation_type 'x'\. Expected one of: span, event"):
        fluxloop.trace(observation_type="x")


def test_a_block_has_a_session_and_a_user(spans):
    with fluxloop.instrument("chat", session_id="s", user_id="u"):
        fluxloop.agent()(lambda: 1)()
    assert {span.session_id for span in spans().values()} == {"s"}
    assert spans()["chat"].attributes == {"user_id": "u"}


def test_a_client_writes_lines_where_it_is_told(tmp_path):
    async def main():
        async with FluxLoopClient(storage="file", base_path=tmp_path):
            await fluxloop.agent()(asyncio.sleep)(0)

    asyncio.run(main())
    assert len((tmp_path / "agentguard_traces.jsonl").read_text().splitlines()) >= 1


def test_a_client_may_be_the_default_of_the_process():
    client = FluxLoopClient(storage="memory")
    configure_tracing(client)
    try:
        fluxloop.agent()(lambda: 1)()
    finally:
        configure_tracing(None)
        client.close()
    assert len(client.spans()) == 1


def test_a_key_is_sent_as_a_bearer_token():
    client = FluxLoopClient("https://collector.example/v1", "key-1", storage="http")
    address = client.collector.location.address
    assert dict(address.headers)["Authorization"] == "Bearer key-1"
    assert "key-1" not in repr(address)
