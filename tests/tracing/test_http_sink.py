import asyncio
import logging
import os
import socket
import time

import pytest

from agentguard import guard
from agentguard.errors import ConfigError, StorageError
from agentguard.tracing import TraceClient, async_record_session, record_session
from agentguard.tracing.address import address_of
from agentguard.tracing.location import locate, open_ends
from agentguard.tracing.sinks.port import TryLater
from agentguard.tracing.spool import MemorySpool
from agentguard.tracing.writer import Writer
from tests.services import required
from tests.tracing.calls import make_call
from tests.tracing.collecting import collecting, garbage, hang_up
from tests.tracing.spans import span

required("httpx")

from agentguard.tracing.sinks.delivery import LONGEST_PAUSE_SECONDS, Delivery  # noqa: E402
from agentguard.tracing.sinks.http import HttpSink  # noqa: E402

KEY = "kept-out-of-sight"


made = []


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where journals are
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "AGENTGUARD_ENDPOINT", "AGENTGUARD_HEADERS"):
        monkeypatch.delenv(name, raising=False)
    yield
    while made:
        made.pop().close()


@pytest.fixture
def server():
    with collecting() as server:
        yield server


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


def sink_for(url, **options):
    address = address_of("http", url)
    sink = HttpSink(address, delivery=Delivery(address, {"Content-Type": "application/json"}, **options))
    made.append(sink)
    return sink


def records(count, recorder="r", **changes):
    return [(recorder, span(**changes)) for _ in range(count)]


def ids(batch):
    return [each.span_id for _, each in batch]


def test_a_batch_arrives_as_documented(server):
    one = span(
        "pay", parent_id="p", trace_id="t", session_id="ö\ud800", input={"city": "Zürich"}, output=[1], attempts=2
    )
    sink_for(server.url).write([("first", one), ("second", one), ("first", span())])
    (request,) = server.requests
    assert request.headers["Content-Type"] == "application/json"
    assert request.json["format"] == "agentguard.spans/1"
    assert request.json["batch_id"] == request.headers["Idempotency-Key"]
    sent, other = request.json["spans"]
    assert sent == {
        "recorders": ["first", "second"], "span_id": one.span_id, "trace_id": "t", "parent_id": "p",
        "session_id": "ö\ud800", "kind": "tool", "name": "pay", "started_at": 0.0, "duration": 1.0, "status": "ok",
        "input": {"city": "Zürich"}, "output": [1], "attributes": {"attempts": 2},
    }  # fmt: skip
    assert other["recorders"] == ["first"]


def test_large_bodies_are_compressed_and_small_ones_are_not(server):
    sink = sink_for(server.url)
    sink.write(records(50))
    sink.write(records(1))
    large, small = server.requests
    assert large.headers["Content-Encoding"] == "gzip"
    assert int(large.headers["Content-Length"]) < len(large.body) / 3
    assert "Content-Encoding" not in small.headers


def test_one_connection_is_kept_for_all_batches(server):
    sink = sink_for(server.url)
    for _ in range(5):
        sink.write(records(3))
    assert len({request.peer for request in server.requests}) == 1
    sink.close()
    sink.write(records(1))
    assert len({request.peer for request in server.requests}) == 2


@pytest.mark.parametrize("answer", [500, 502, 503, 429, 408, 401, 403, 404, 301, garbage, hang_up])
def test_what_may_succeed_later_is_kept_and_sent_again_under_the_same_id(server, answer):
    server.answers.append(answer)
    sink = sink_for(server.url)
    batch = records(20)
    with pytest.raises(TryLater):
        sink.write(batch)
    assert server.accepted.total() == 0
    # By now more is waiting: what may have arrived is sent again just as it was.
    sink.write(batch + records(5))
    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert keys[0] == keys[1] != keys[2]
    assert set(server.accepted.values()) == {1}
    assert server.accepted.total() == 25
    assert sink.rejected == 0


def test_a_server_that_refuses_connections_gets_everything_when_it_is_back():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sink = sink_for(f"http://127.0.0.1:{port}/spans")
    batch = records(10)
    for _ in range(3):
        with pytest.raises(TryLater, match="ConnectError"):
            sink.write(batch)
    with collecting(port) as server:
        sink.write(batch)
        assert list(server.accepted) == ids(batch)


@pytest.mark.realtime
def test_a_server_that_hangs_is_given_up_at_the_deadline(server):
    server.answers.append(server.hang)
    sink = sink_for(server.url, deadline=0.2)
    batch = records(10)
    started = time.monotonic()
    with pytest.raises(TryLater, match="ReadTimeout"):
        sink.write(batch)
    assert time.monotonic() - started < 2
    sink.write(batch)
    assert set(server.accepted.values()) == {1}


def test_retry_after_is_waited_for_without_asking_again(server):
    clock = Clock()
    sink = sink_for(server.url, clock=clock)
    server.answers.append((503, {"Retry-After": "30"}))
    batch = records(3)
    with pytest.raises(TryLater, match="503") as said:
        sink.write(batch)
    assert said.value.seconds == 30
    clock.now += 29
    with pytest.raises(TryLater) as said:
        sink.write(batch)
    assert said.value.seconds == 1
    assert len(server.requests) == 1
    clock.now += 1
    sink.write(batch)
    assert set(server.accepted.values()) == {1}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("Thu, 01 Jan 1970 00:02:00 GMT", 20.0), ("soon", 0.0), ("-5", 0.0), ("86400", LONGEST_PAUSE_SECONDS)],
)
def test_retry_after_may_be_a_date_or_nonsense(server, header, seconds):
    server.answers.append((429, {"Retry-After": header}))
    with pytest.raises(TryLater) as said:
        sink_for(server.url, wall_clock=lambda: 100.0).write(records(1))
    assert said.value.seconds == seconds


def test_a_body_that_is_too_large_is_split_and_the_size_is_remembered(server):
    server.largest = 7
    sink = sink_for(server.url)
    batch = records(50)
    sink.write(batch)
    assert sorted(server.accepted) == sorted(ids(batch))
    assert set(server.accepted.values()) == {1}
    refused = sum(len(request.json["spans"]) > 7 for request in server.requests)
    sink.write(records(50))
    assert sum(len(request.json["spans"]) > 7 for request in server.requests) == refused
    assert server.accepted.total() == 100
    assert sink.rejected == 0


def test_a_single_span_that_is_too_large_is_dropped_counted_and_said_once(server, caplog):
    server.largest = 0
    sink = sink_for(server.url)
    with caplog.at_level(logging.WARNING, "agentguard"):
        sink.write(records(3))
        sink.write(records(1))
    assert sink.rejected == 4
    assert sum("refuses spans for good" in said.getMessage() for said in caplog.records) == 1


def test_one_span_that_the_server_never_takes_does_not_stop_the_others(server):
    batch = records(500)
    server.poison = frozenset(ids(batch)[333:334])
    sink = sink_for(server.url)
    sink.write(batch)
    assert sink.rejected == 1
    assert server.accepted.total() == len(server.accepted) == 499
    assert len(server.requests) < 25


def test_a_server_that_refuses_everything_is_not_asked_about_each_span(server):
    server.default = 422
    sink = sink_for(server.url)
    sink.write(records(500))
    assert sink.rejected == 500
    assert len(server.requests) < 80


def test_what_has_arrived_is_not_sent_again_when_the_rest_of_its_batch_fails(server):
    server.answers.extend([413, 200, 503])
    sink = sink_for(server.url)
    batch = records(10)
    with pytest.raises(TryLater):
        sink.write(batch)
    sink.write(batch)
    assert list(server.accepted) == ids(batch)
    assert set(server.accepted.values()) == {1}


def test_no_redirect_is_followed(server):
    with collecting() as elsewhere:
        server.answers.append((307, {"Location": elsewhere.url}))
        with pytest.raises(TryLater, match="307"):
            sink_for(server.url).write(records(1))
        assert elsewhere.requests == []


def test_an_endless_answer_is_not_read_to_its_end(server):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "999999999")
        handler.end_headers()
        handler.wfile.write(b"x" * 1_000_000)
        handler.close_connection = True

    server.answers.append(endless)
    sink = sink_for(server.url)
    sink.write(records(1))
    sink.write(records(1))
    assert len(server.requests) == 2


# The address


def test_headers_and_the_user_in_the_address_are_sent_and_shown_nowhere(server, caplog):
    address = server.url.replace("http://", f"http://user:{KEY}@") + f"?key={KEY}"
    location = locate(address, "http", headers={"X-Api-Key": KEY})
    sink, _ = open_ends(location)
    with caplog.at_level(logging.DEBUG):
        sink.write(records(1))
        server.default = 503
        with pytest.raises(TryLater) as said:
            sink.write(records(1))
        sink.close()
    request = server.requests[0]
    assert request.headers["X-Api-Key"] == KEY
    assert request.headers["Authorization"].startswith("Basic ")
    assert request.path.endswith(f"?key={KEY}")
    for shown in (caplog.text, str(said.value), repr(location), location.path):
        assert KEY not in shown


def test_address_and_headers_may_come_from_the_environment(server, monkeypatch, tmp_path):
    monkeypatch.setenv("AGENTGUARD_ENDPOINT", server.url)
    monkeypatch.setenv("AGENTGUARD_HEADERS", "authorization=Bearer%20abc, x-team = blue")
    sink, _ = open_ends(locate(tmp_path, "http"))
    sink.write(records(1))
    sink.close()
    (request,) = server.requests
    assert (request.headers["authorization"], request.headers["x-team"]) == ("Bearer abc", "blue")


def test_what_is_given_goes_before_the_environment(server, monkeypatch, tmp_path):
    monkeypatch.setenv("AGENTGUARD_ENDPOINT", "http://other.invalid/")
    monkeypatch.setenv("AGENTGUARD_HEADERS", "x-team=blue")
    location = locate(tmp_path, "http", endpoint=server.url, headers={"x-team": "red"})
    assert location.path == server.url
    assert location.address.headers == (("x-team", "red"),)


def test_without_an_address_nothing_is_sent_and_everything_waits(caplog):
    sink, _ = open_ends(locate("./traces", "http"))
    writer = Writer(sink, name="agentguard http without address", make_spool=MemorySpool)
    with caplog.at_level(logging.WARNING, "agentguard"):
        sink.open()
        for record in records(100):
            writer.put(record)
        assert writer.flush(0.1) is False
    assert len(writer.unwritten()) == 100
    assert writer.dropped == 0
    assert len(caplog.records) <= 1  # the first of this process says it; others are silent
    sink.close()
    sink.abandon()


def test_a_missing_address_is_said(caplog, monkeypatch):
    monkeypatch.setattr("agentguard.tracing.notices._said", set())
    sink, _ = open_ends(locate("./traces", "http"))
    with caplog.at_level(logging.WARNING, "agentguard"):
        sink.open()
        sink.open()
    assert ["have no address" in said.getMessage() for said in caplog.records] == [True]


@pytest.mark.parametrize("address", ["ftp://me@host/x", "http:///me", "http://me:99999/", "file:///me", "//me"])
def test_what_is_no_address_is_refused_without_showing_it(address):
    with pytest.raises(ConfigError) as refused:
        address_of("http", "./traces", address)
    assert "me" not in str(refused.value).split()


@pytest.mark.parametrize("value", ["a\r\nb", "schlüssel", "\x00", 5])
def test_a_header_that_cannot_be_sent_is_refused_without_showing_it(value):
    with pytest.raises(ConfigError, match="X-Key") as refused:
        address_of("http", "http://host", headers={"X-Key": value})
    assert "schl" not in str(refused.value)


@pytest.mark.parametrize(
    ("backend", "module"),
    [("http", "httpx"), ("otlp", "opentelemetry.sdk"), ("postgres", "psycopg")],
)
def test_a_missing_extra_is_named_with_the_command_that_installs_it(backend, module, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ConfigError, match=rf"pip install 'agentguard-runtime\[{backend}\]'"):
        record_session("http://127.0.0.1:1/", backend)


# Recording


def test_calls_are_sent_by_the_end_of_the_block(server):
    with record_session(server.url, "http", session_id="s") as recorder:
        for number in range(30):
            make_call("search", number)
    assert server.accepted.total() == len(server.accepted) == 30
    assert {each["session_id"] for request in server.requests for each in request.json["spans"]} == {"s"}
    with pytest.raises(StorageError, match="cannot be read back"):
        recorder.stats()


def test_a_client_sends_to_its_endpoint(server):
    async def main():
        async with TraceClient("http", endpoint=server.url, headers={"X-Team": "red"}) as client:
            make_call("search", 1)
            assert await client.flush(10)

    asyncio.run(main())
    (request,) = server.requests
    assert request.headers["X-Team"] == "red"
    assert [each["name"] for each in request.json["spans"]] == ["search"]


def test_a_client_without_an_endpoint_opens_and_drops_nothing():
    async def main():
        client = TraceClient("http")
        await client.__aenter__()
        make_call("search", 1)
        assert await client.flush(0.05) is False
        assert client.collector.dropped == 0

    asyncio.run(main())


def test_a_recorder_keeps_its_calls_until_the_server_is_back(server):
    server.default = 503
    with record_session(server.url, "http") as recorder:
        make_call("search", 5)
        assert recorder.flush(0.05) is False
        server.default = 200
        assert recorder.flush(10) is True
    assert set(server.accepted.values()) == {1}


@pytest.mark.realtime
@pytest.mark.parametrize("trouble", ["hang", "garbage", "503", "413", "hang up"])
def test_calls_on_the_loop_do_not_notice_a_broken_server_and_arrive_once_when_it_is_mended(server, trouble):
    server.default = {"hang": server.hang, "garbage": garbage, "503": 503}.get(trouble, hang_up)
    server.largest = 3 if trouble == "413" else None

    @guard
    async def search(query: str) -> str:
        await asyncio.sleep(0)
        return query

    async def main():
        results, slowest = [], 0.0
        async with async_record_session(server.url, "http") as recorder:
            for number in range(300):
                began = time.monotonic()
                results.append(await search(str(number)))
                slowest = max(slowest, time.monotonic() - began)
            await asyncio.to_thread(server.was_asked.wait, 10)
            server.default = 200
            server.released.set()
            assert await asyncio.to_thread(recorder.flush, 20)
        return results, slowest, recorder

    results, slowest, recorder = asyncio.run(main())
    assert results == [str(number) for number in range(300)]
    assert slowest < 0.5  # a call that waited for the server would wait for seconds
    assert recorder.dropped == 0
    assert server.accepted.total() == len(server.accepted) == 300


def test_a_body_may_hold_what_json_can_hardly_hold(server):
    odd = span(attempts=float("nan"), session_id="\ud800", input={"x": "\x00\ud83d"})
    sink_for(server.url).write([("r", odd)])
    (sent,) = server.requests[0].json["spans"]
    assert sent["session_id"] == "\ud800"
    assert sent["input"] == {"x": "\x00\ud83d"}


@pytest.mark.realtime
def test_a_forked_child_sends_over_a_connection_of_its_own(server):
    sink = sink_for(server.url)
    sink.write(records(1))
    pid = os.fork()
    if pid == 0:
        try:
            sink.abandon()
            sink.write(records(1))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    sink.write(records(1))
    peers = [request.peer for request in server.requests]
    assert len(peers) == 3
    assert peers[0] == peers[2] != peers[1]
