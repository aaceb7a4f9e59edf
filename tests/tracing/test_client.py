import asyncio
import socket
import threading
from pathlib import Path

import pytest

from agentguard import ConfigError, configure_tracing, guard, open_store, trace
from agentguard.tracing import TraceClient


@trace
async def leaf(value):
    return value


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AGENTGUARD_TRACES", "off")
    configure_tracing(None)
    yield
    configure_tracing(None)


@pytest.mark.parametrize("storage", ["sqlite", "jsonl", "memory"])
def test_a_client_records_what_is_inside_its_block(storage):
    @guard
    def ask(question):
        return question

    async def main():
        async with TraceClient(storage) as client:
            await leaf(1)
            ask("why")
            assert [span.name for span in client.spans()] == ["leaf", "ask"]
        await leaf(2)
        return client

    client = asyncio.run(main())
    assert [span.output for span in client.spans()] == [1, "why"]
    assert [entry.tool_name for entry in client.entries()] == ["ask"]
    assert client.stats().calls == 1
    assert client.collector.dropped == 0
    if storage != "memory":
        assert len(open_store("traces").spans()) == 2


def test_a_client_works_in_sync_code():
    with TraceClient(path="here", session_id="s-1") as client:
        trace(lambda: 1)()
    assert [span.session_id for span in client.spans()] == ["s-1"]
    assert Path("here/agentguard_traces.db").is_file()


def test_concurrent_blocks_of_one_client_all_record():
    client = TraceClient("memory")

    async def one(number):
        async with client:
            await asyncio.sleep(0)
            await leaf(number)
            await asyncio.sleep(0)

    async def main():
        async with client:
            await asyncio.gather(*(one(number) for number in range(5)))
            await leaf(5)
        await leaf(6)

    asyncio.run(main())
    assert sorted(span.output for span in client.spans()) == [0, 1, 2, 3, 4, 5]
    assert client.collector.dropped == 0


def test_flushing_waits_until_everything_is_written():
    async def main():
        client = TraceClient()
        configure_tracing(client)
        await leaf(1)
        assert await client.flush()
        written = [span.output for span in open_store("traces").spans()]
        await client.aclose()
        await client.aclose()
        await leaf(2)
        return client, written

    client, written = asyncio.run(main())
    assert written == [1]
    assert client.collector.dropped == 1


def test_a_closed_client_opens_no_more():
    client = TraceClient("memory")
    client.close()
    with pytest.raises(ConfigError, match="closed"):
        client.__enter__()
    configure_tracing(client)
    asyncio.run(leaf(1))
    assert client.spans() == []
    assert client.collector.dropped == 1


def test_without_async_mode_every_span_is_written_when_its_call_returns():
    client = TraceClient(async_mode=False)
    configure_tracing(client)
    trace(lambda: "here")()
    # Read past the recorder, which would wait for its writer.
    import sqlite3

    connection = sqlite3.connect("traces/agentguard_traces.db")
    assert connection.execute("select count(*) from spans").fetchone() == (1,)
    connection.close()
    client.close()


def test_recording_happens_in_a_thread_of_its_own():
    before = set(threading.enumerate())
    with TraceClient() as client:
        trace(lambda: 1)()
        assert len(set(threading.enumerate()) - before) == 1
    assert client.collector.dropped == 0


@pytest.mark.parametrize("wrong", [{"storage": "tape"}, {"session_id": 5}])
def test_what_there_is_not_is_refused(wrong):
    with pytest.raises(ConfigError):
        TraceClient(**wrong)


def test_a_block_that_was_not_entered_cannot_be_left():
    with pytest.raises(ConfigError, match="without having been entered"):
        TraceClient("memory").__exit__(None, None, None)


def test_sending_without_an_address_keeps_everything_and_sends_nothing(monkeypatch, caplog):
    """Nothing goes to a guessed address: not even a connection is opened."""
    monkeypatch.delenv("AGENTGUARD_ENDPOINT", raising=False)
    monkeypatch.setattr("agentguard.tracing.notices._said", set())
    opened = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: opened.append(address))

    async def main():
        async with TraceClient(storage="http", async_mode=True) as client:
            assert await leaf(1) == 1
            assert await leaf(2) == 2
        return client

    client = asyncio.run(main())
    assert opened == []
    assert [span.output for span in client.spans()] == [1, 2]
    assert sum("endpoint" in record.getMessage().casefold() for record in caplog.records) == 1
