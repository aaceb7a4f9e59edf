"""Endpoints keep their signature, and streamed bodies are followed to their end."""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace
from typing import Annotated

import pytest

from agentguard import agent, record_session, trace

SWALLOWED = "sorry"


@pytest.fixture
def spans():
    with record_session(backend="memory") as recorder:
        yield lambda: {span.name: span for span in recorder.spans()}


async def letters():
    for letter in "abc":
        await asyncio.sleep(0)
        yield letter


@trace
async def numbers():
    for number in range(3):
        yield str(number).encode()


def response_with(body):
    """What Starlette's StreamingResponse is to us: something with the attribute `body_iterator`."""
    return SimpleNamespace(body_iterator=body, status_code=200)


def test_a_streamed_body_is_followed_to_its_end(spans):
    @agent
    async def endpoint():
        return response_with(numbers())

    async def serve():
        response = await endpoint()
        assert response.status_code == 200
        assert spans() == {}
        return [item async for item in response.body_iterator]

    assert asyncio.run(serve()) == [b"0", b"1", b"2"]
    found = spans()
    assert (found["endpoint"].status, found["endpoint"].attributes["items"], found["endpoint"].output) == (
        "ok",
        3,
        "012",
    )
    assert found["numbers"].parent_id == found["endpoint"].span_id


def test_a_body_that_nobody_reads_ends_the_span_when_it_is_dropped(spans):
    @agent
    def endpoint():
        return response_with(letters())

    endpoint()
    gc.collect()
    assert (spans()["endpoint"].status, spans()["endpoint"].attributes) == ("stopped_early", {})


def test_a_client_that_hangs_up_stops_the_body_early(spans):
    @agent
    def endpoint():
        return response_with(letters())

    async def serve():
        body = endpoint().body_iterator
        await anext(body)
        await body.aclose()

    asyncio.run(serve())
    assert (spans()["endpoint"].status, spans()["endpoint"].output) == ("stopped_early", "a")


fastapi = pytest.importorskip("fastapi", reason="FastAPI is not installed: its endpoints are not tested")
httpx = pytest.importorskip("httpx")
from fastapi import Body, Depends, FastAPI, HTTPException, Request  # noqa: E402
from fastapi.responses import StreamingResponse  # noqa: E402
from pydantic import BaseModel  # noqa: E402


class Question(BaseModel):
    text: str
    top_k: int = 3


def principal(user: str = "nobody") -> str:
    return user


app = FastAPI()


@app.post("/agent")
@agent()
async def agent_endpoint(prompt: str):
    return {"response": f"Processed: {prompt}"}


@app.post("/ask/{room}")
@agent
def ask(
    room: int,
    question: Annotated[Question, Body(embed=True)],
    request: Request,
    user: Annotated[str, Depends(principal)],
) -> dict[str, str]:
    return {"answer": f"{user}@{room}: {question.text} {question.top_k} {request.method}"}


@app.get("/stream")
@agent
async def stream_endpoint() -> StreamingResponse:
    return StreamingResponse(numbers(), media_type="text/plain")


@app.get("/sync-stream")
@agent
def sync_stream_endpoint():
    return StreamingResponse(iter(["x", "y"]))


@app.get("/fail")
@agent
async def fail():
    raise HTTPException(418, "teapot")


def requests(*asked):
    async def ask_all():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await asyncio.gather(
                *(client.request(*one[:2], **(one[2] if len(one) > 2 else {})) for one in asked)
            )

    return asyncio.run(ask_all())


@pytest.mark.realtime
def test_endpoints_keep_their_signature(spans):
    body = {"question": {"text": "why"}}
    good, other, bad, missing = requests(
        ("POST", "/agent?prompt=hi"),
        ("POST", "/ask/7?user=ada", {"json": body}),
        ("POST", "/ask/x", {"json": body}),
        ("POST", "/agent"),
    )
    assert good.json() == {"response": "Processed: hi"}
    assert other.json() == {"answer": "ada@7: why 3 POST"}
    assert (bad.status_code, missing.status_code) == (422, 422)
    found = spans()
    assert set(found) == {"agent_endpoint", "ask"}
    assert (found["ask"].input["question"], found["ask"].input["user"]) == ({"text": "why", "top_k": 3}, "ada")
    parameters = app.openapi()["paths"]["/ask/{room}"]["post"]["parameters"]
    assert [(each["name"], each["in"]) for each in parameters] == [("room", "path"), ("user", "query")]


@pytest.mark.realtime
def test_streaming_responses_are_one_span_each(spans):
    streamed, sync, failed = requests(("GET", "/stream"), ("GET", "/sync-stream"), ("GET", "/fail"))
    assert (streamed.text, sync.text, failed.status_code) == ("012", "xy", 418)
    found = spans()
    assert (found["stream_endpoint"].status, found["stream_endpoint"].attributes["items"]) == ("ok", 3)
    assert found["numbers"].parent_id == found["stream_endpoint"].span_id
    assert (found["sync_stream_endpoint"].status, found["sync_stream_endpoint"].output) == ("ok", "xy")
    assert found["fail"].status == "error"
