import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from agentguard import (
    BudgetConfig,
    ConfigError,
    agent,
    configure_tracing,
    guard,
    instrument,
    open_store,
    record_session,
    session,
    trace,
)
from agentguard.errors import BudgetExceededError
from agentguard.tracing import TraceClient


@trace
def leaf(value=None):
    return value


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENTGUARD_TRACES", raising=False)
    configure_tracing(None)
    yield tmp_path
    configure_tracing(None)


def names(folder):
    return [span.name for span in open_store(folder).spans()]


def test_spans_go_to_the_folder_traces():
    leaf(1)
    assert names("traces") == ["leaf"]
    assert Path("traces/agentguard_traces.db").is_file()


def test_the_variable_names_another_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("AGENTGUARD_TRACES", str(tmp_path / "elsewhere"))
    leaf(1)
    assert names("elsewhere") == ["leaf"]
    assert not Path("traces").exists()


@pytest.mark.parametrize("word", ["off", "OFF"])
def test_the_variable_switches_everything_off(monkeypatch, word):
    monkeypatch.setenv("AGENTGUARD_TRACES", word)

    @agent
    async def stream():
        sent = None
        while sent != "end":
            sent = yield leaf(sent)

    async def main():
        with instrument("block") as span:
            assert span is None
            steps = stream()
            await steps.asend(None)
            assert await steps.asend("a") == "a"
            with pytest.raises(ValueError, match="thrown"):
                await steps.athrow(ValueError("thrown"))
            other = stream()
            await other.asend(None)
            await other.aclose()

    asyncio.run(main())
    assert list(trace(lambda: (n for n in "ab"))()) == ["a", "b"]
    assert not Path("traces").exists()


def test_an_open_recorder_records_also_where_the_default_is_off():
    configure_tracing("off")
    with record_session("own") as recorder:
        leaf(1)
    assert [span.output for span in recorder.spans()] == [1]
    assert names("own") == ["leaf"]


def test_a_recorder_gets_what_is_called_in_its_block_and_the_default_does_not():
    with record_session("own"):
        leaf(1)
    leaf(2)
    assert [span.output for span in open_store("own").spans()] == [1]
    assert [span.output for span in open_store("traces").spans()] == [2]


def test_a_session_remembers_and_the_default_store_keeps():
    @guard
    def ask():
        return 1

    @agent
    def main():
        return ask()

    with session("s") as calls:
        main()
    assert [entry.tool_name for entry in calls.entries()] == ["ask"]
    assert names("traces") == ["main", "ask"]
    assert {span.session_id for span in open_store("traces").spans()} == {"s"}


def test_a_tool_that_records_always_writes_to_the_span_around_it():
    @guard(record=True, trace_dir="tools")
    def ask():
        return 1

    agent(lambda: ask())()
    assert len(names("traces")) == 2
    assert not Path("tools").exists()


def test_what_is_configured_goes_before_the_variable(monkeypatch):
    monkeypatch.setenv("AGENTGUARD_TRACES", "off")
    configure_tracing("configured", backend="jsonl")
    leaf(1)
    assert names("configured") == ["leaf"]
    configure_tracing(False)
    leaf(2)
    assert names("configured") == ["leaf"]


def test_a_client_may_be_the_default():
    client = TraceClient("memory")
    configure_tracing(client)
    leaf(1)
    assert [span.output for span in client.spans()] == [1]
    assert not Path("traces").exists()


def test_a_collector_of_your_own_may_be_the_default():
    class Kept(list):
        collect = list.append

    kept = Kept()
    configure_tracing(kept)
    leaf(1)
    assert [span.output for span in kept] == [1]


def test_a_collector_that_fails_breaks_no_call(caplog):
    class Broken:
        def collect(self, span):
            raise OSError("gone")

        def note_start(self, span):
            raise OSError("gone")

    configure_tracing(Broken())
    assert leaf(1) == 1
    assert list(trace(lambda: (n for n in "ab"))()) == ["a", "b"]


def test_what_may_run_long_is_taken_down_at_its_start():
    seen = []

    class Kept:
        def collect(self, span):
            seen.append(("end", span.name))

        def note_start(self, span):
            seen.append(("start", span.name, span.input))

    @agent
    def main(question):
        leaf(1)

    configure_tracing(Kept())
    main("why")
    assert seen == [("start", "main", {"question": "why"}), ("end", "leaf"), ("end", "main")]


@pytest.mark.parametrize("wrong", [5, object(), ["traces"]])
def test_nonsense_is_refused(wrong):
    with pytest.raises(ConfigError, match="configure_tracing"):
        configure_tracing(wrong)


def test_a_span_of_a_program_that_ends_at_once_is_kept(tmp_path):
    program = "from agentguard import agent\n@agent\ndef main(): return 1\nmain()"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, timeout=30)
    assert names("traces") == ["main"]


@guard(budget=BudgetConfig(max_calls_per_session=2))
def paid():
    return 1


@agent
def inner_agent():
    return paid()


@agent
def run_at_once(times):
    return [inner_agent() for _ in range(times)]


@agent
def run_as_stream(times):
    for _ in range(times):
        yield inner_agent()


@agent
async def run_as_async_stream(times):
    for _ in range(times):
        yield inner_agent()


async def items_of(stream):
    return [item async for item in stream]


@pytest.mark.parametrize(
    "run",
    [
        run_at_once,
        lambda times: list(run_as_stream(times)),
        lambda times: asyncio.run(items_of(run_as_async_stream(times))),
    ],
)
def test_budgets_count_by_run_also_where_nothing_is_recorded(run):
    configure_tracing("off")
    for _ in range(3):
        assert run(2) == [1, 1]
    with pytest.raises(BudgetExceededError):
        run(3)
    assert not Path("traces").exists()


def test_an_agent_that_was_running_when_its_process_was_killed_is_unknown(tmp_path):
    program = (
        "import os, signal\n"
        "from agentguard import agent, trace\n"
        "@trace\n"
        "def step(): return 1\n"
        "@agent\n"
        "def main(question):\n"
        "    step()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "main('why')"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=tmp_path, timeout=30).returncode == -9
    by_name = {span.name: span for span in open_store("traces").spans()}
    assert {name: span.status for name, span in by_name.items()} == {"main": "unknown", "step": "ok"}
    assert by_name["main"].input == {"question": "why"}
    assert by_name["step"].parent_id == by_name["main"].span_id
