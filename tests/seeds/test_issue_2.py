"""The documents' own code runs as written."""

import ast
import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from agentguard import CallStatus, InvalidInputError, call_metadata, open_store
from agentguard.core.types import CircuitBreakerConfig
from agentguard.testing import FakeRuntime

SEED = Path(__file__).with_name("issue_2.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```python ([\w ]+)\n(.*?)^```$", SEED, re.DOTALL | re.MULTILINE))


def run(name: str, **surroundings: Any) -> dict[str, Any]:
    """Run a block after the imports, inside a running loop as `await` needs one, and give what it defines."""
    names = {"__name__": "seed", **surroundings}

    async def main() -> None:
        for block in ("imports", name):
            code = compile(BLOCKS[block], block, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            waiting = eval(code, names)
            if inspect.isawaitable(waiting):
                await waiting

    asyncio.run(main())
    return names


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_search_is_called_sync_and_async():
    names = run("retrying search")
    assert names["result"] is None
    with pytest.raises(InvalidInputError):
        names["search_web"](query=5)


def test_both_calls_of_a_session_share_its_id():
    session = run("recorded search")["session"]
    entries = session.entries()
    assert [entry.call.kwargs for entry in entries] == [{"query": "Python tutorials"}, {"query": "FastAPI docs"}]
    assert {entry.call.session_id for entry in entries} == {session.session_id}


def test_a_recorded_session_is_written_to_the_documented_file():
    names = run("recorded search")
    [entry] = names["entries"]
    assert (entry.call.session_id, entry.call.kwargs) == ("my-session", {"query": "test query"})
    assert Path("traces/agentguard_traces.db").is_file()
    sessions = {summary.session_id for summary in open_store("traces").sessions()}
    assert "my-session" in sessions


def test_the_chain_lets_a_call_with_a_key_through_and_logs_it(capsys):
    my_tool = run("middleware chain")["my_tool"]

    async def main():
        with call_metadata(api_key="secret"):
            return await my_tool("hello")

    assert asyncio.run(main()) == "HELLO"
    assert capsys.readouterr().out == "Calling my_tool\n"


def test_the_chain_stops_a_call_without_a_key(capsys):
    my_tool = run("middleware chain")["my_tool"]
    with pytest.raises(PermissionError, match="No API key"):
        asyncio.run(my_tool("hello"))
    assert capsys.readouterr().out == ""


class AuditService:
    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []

    def start(self, tool_name: str, kwargs: dict[str, Any], session_id: str | None) -> int:
        self.log.append(("start", tool_name, dict(kwargs), session_id))
        return len(self.log)

    def success(self, audit_id: int, execution_time_ms: float) -> None:
        self.log.append(("success", audit_id, execution_time_ms >= 0))

    def failure(self, audit_id: int, text: str) -> None:
        self.log.append(("failure", audit_id, text))


def test_the_pipeline_audits_a_success():
    audit = AuditService()

    def my_function(query: str) -> str:
        return query.upper()

    names = run("pipeline", my_audit_service=audit, my_function=my_function, CircuitBreakerConfig=CircuitBreakerConfig)
    assert names["result"].return_value == "TEST"
    assert names["result"].status is CallStatus.SUCCESS
    assert audit.log == [("start", "my_function", {"query": "test"}, None), ("success", 1, True)]


def test_the_pipeline_audits_a_failure_after_its_retries():
    audit, runs = AuditService(), []

    def my_function(query: str) -> str:
        runs.append(query)
        raise OSError("down")

    with FakeRuntime(), pytest.raises(OSError, match="down"):
        run("pipeline", my_audit_service=audit, my_function=my_function, CircuitBreakerConfig=CircuitBreakerConfig)
    assert runs == ["test"] * 3
    assert audit.log == [("start", "my_function", {"query": "test"}, None), ("failure", 1, "down")]
