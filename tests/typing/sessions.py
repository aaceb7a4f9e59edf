"""User code with sessions and recorders, as type checkers see it. It is checked, never run."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from typing import assert_type

from agentguard import (
    Session,
    ToolCall,
    async_record_session,
    call_metadata,
    current_call,
    guard,
    record_session,
    session,
)


@guard
def search(query: str) -> list[str]:
    return [query]


@guard
async def fetch(url: str) -> bytes:
    return url.encode()


async def sessions_of_one_tool() -> None:
    async with search.session() as its:
        assert_type(its.session_id, str)
        assert_type(its("q"), list[str])
        assert_type(await its.acall("q"), list[str])
        await its.acall(5)  # type: ignore[arg-type]
    with fetch.session("mine", {"user": "ada"}) as other:
        assert_type(await other("u"), bytes)
        assert_type(await other.acall("u"), bytes)
        assert_type(other.call_sync("u"), bytes)


async def sessions_of_everything() -> None:
    with session("mine") as its:
        assert_type(its, Session)
        for entry in its.entries():
            assert_type(entry.call.tool_name, str)
            assert_type(entry.result.succeeded, bool)
    async with session(metadata={"user": "ada"}), async_record_session() as recorder:
        assert_type(recorder.session_id, str)
    with record_session("./traces", backend="jsonl") as kept, call_metadata(api_key="secret"):
        assert_type(kept.stats().calls, int)
    record_session(backend="xml")  # type: ignore[arg-type]


def inside_a_body() -> str:
    call = current_call()
    assert_type(call, ToolCall | None)
    return "" if call is None else call.idempotency_key
