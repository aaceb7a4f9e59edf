"""The tools of the demo, written as you would write yours: plain functions, and what `@guard` should do for each.

They belong to an agent that reviews a repository. Some block, some are async, one is a generator: the guard is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from agentguard import (
    BudgetConfig,
    CircuitBreakerConfig,
    ConcurrencyConfig,
    OutputLimitConfig,
    RateLimitConfig,
    ResponseProfile,
    RetryConfig,
    ToolCall,
    ToolResult,
    current_call,
    guard,
)
from agentguard.cli.demo_sources import aask_service, agit, ask_service, git, workspace
from agentguard.middleware import Handler

MODEL_SEES = 300  # characters

# --- the checkout -----------------------------------------------------------------------------------------------------


def stays_inside(call: ToolCall) -> str | None:
    """A validator: it sees the cast arguments, and what it returns is why the call is refused."""
    root = workspace.get().root
    path: str = call.arguments["path"]
    return None if (root / path).resolve().is_relative_to(root) else f"path: {path!r} is outside of the checkout"


@guard(effect="read", validate_input=True)
def git_log(limit: int) -> list[str]:
    """The newest commits, one line each."""
    return git("log", f"--max-count={limit}", "--format=%h %s").splitlines()


@guard(effect="read", validate_input=True, custom_validators=[stays_inside])
def count_words(path: str) -> int:
    """How many words a file has."""
    return len((workspace.get().root / path).read_text(encoding="utf-8", errors="replace").split())


@guard(effect="read", custom_validators=[stays_inside], output_limit=OutputLimitConfig(MODEL_SEES, keep="both"))
def read_file(path: str) -> str:
    """A file's text. A model gets both ends, the trace gets all."""
    return (workspace.get().root / path).read_text(encoding="utf-8", errors="replace")


@guard(effect="read", custom_validators=[stays_inside])
def stream_lines(path: str) -> Generator[str]:
    """A file's lines, one by one."""
    with (workspace.get().root / path).open(encoding="utf-8", errors="replace") as file:
        yield from file


@guard(effect="read", loop_guard=True)
async def search_history(words: str) -> list[str]:
    """The commits whose message mentions these words."""
    return (await agit("log", "--format=%h %s", "--fixed-strings", f"--grep={words}")).splitlines()


@guard(effect="read")
async def describe_commit(commit: str) -> dict[str, Any]:
    """What a commit is about. A tool may call tools: the trace shows them inside this one."""
    subject, build = await asyncio.gather(
        agit("log", "-1", "--format=%s", "--end-of-options", commit),  # an argument must not become an option
        build_status.acall(commit),
    )
    return {"subject": subject.strip(), "build": build["status"]}


# --- the build service ------------------------------------------------------------------------------------------------


@guard(effect="read", retry=RetryConfig(max_retries=3, initial_delay=0.1), timeout=5)
def build_status(commit: str) -> dict[str, Any]:
    """How the build of a commit went. A failure that may pass is tried again, when the service wants it."""
    return ask_service("/builds", commit=commit)


@guard(effect="write", retry=RetryConfig(max_retries=3, initial_delay=0.1))
def post_comment(text: str) -> dict[str, Any]:
    """Comment on the review. Every attempt carries the same key, so that a repeated one is no second comment."""
    call = current_call()
    return ask_service("/comments", post=text, key=call.idempotency_key if call else "")


@guard(effect="read", circuit_breaker=CircuitBreakerConfig(failure_threshold=3, recovery_timeout=1.0))
async def run_checks(commit: str) -> dict[str, Any]:
    """Run the checks of a commit. After three failures in a row the service is left alone for a second."""
    return await aask_service("/checks", commit=commit)


@guard(effect="write", rate_limit=RateLimitConfig(calls_per_second=5, burst=2, max_wait=10))
def notify(reviewer: str) -> dict[str, Any]:
    """Tell a reviewer. Two at once, then five a second: who comes too early waits in line."""
    return ask_service("/notify", post=reviewer)


@guard(effect="write", rate_limit=RateLimitConfig(calls_per_minute=1), on_refusal="result")
def request_review(reviewer: str) -> dict[str, Any]:
    """Ask for a review, once a minute. A refusal is no exception here, but a value that a model can read."""
    return ask_service("/review", post=reviewer)


@guard(effect="read", concurrency=ConcurrencyConfig(3, max_wait=10))
def lint(path: str) -> dict[str, Any]:
    """Lint a file: three at a time is what the service can do."""
    return ask_service("/lint", path=path)


def price_of(call: ToolCall, result: ToolResult | None) -> float:
    """US dollars: an estimate before the call, and what the service charged after it."""
    return 0.01 if result is None else float(result.return_value["charged"])


@guard(effect="read", budget=BudgetConfig(max_cost_per_session=0.05, cost=price_of))
async def ask_expert(question: str) -> dict[str, Any]:
    """Ask a model that costs money: five cents a session, exact however many ask at once."""
    return await aask_service("/expert", question=question)


@guard(effect="read", timeout=0.4)
def coverage(commit: str) -> dict[str, Any]:
    """A blocking function. When it hangs its thread is left behind, and the caller goes on."""
    return ask_service("/coverage", commit=commit)


@guard(effect="read", timeout=0.4)
async def watch_coverage(commit: str) -> dict[str, Any]:
    """The same as a coroutine: when it hangs it is cancelled, and cleans up behind itself."""
    return await aask_service("/coverage", commit=commit)


@guard(effect="read", response_profile=ResponseProfile(required_fields=["owner"]))
def owner_of(path: str) -> dict[str, Any]:
    """Who is responsible for a file. An error that comes as a success is not believed."""
    return ask_service("/owners", path=path)


# --- layers of your own -----------------------------------------------------------------------------------------------

journal: list[str] = []
"""What the hooks of `merge` saw."""


async def only_signed_in(call: ToolCall, next: Handler) -> ToolResult:
    """Middleware: looks at the call, and goes on or raises."""
    if "user" not in call.metadata:
        raise PermissionError("nobody is signed in")
    return await next(call)


def note_start(call: ToolCall) -> None:
    """A hook: runs immediately before the function."""
    journal.append(f"{call.metadata['user']} starts {call.tool_name}")


def note_end(call: ToolCall, result: ToolResult) -> None:
    """A hook: runs immediately after the function, whether it succeeded or not."""
    journal.append(f"{call.tool_name} ended: {result.status.value}")


@guard(effect="write", middleware=[only_signed_in], before_call=note_start, after_call=note_end)
def merge(branch: str) -> dict[str, Any]:
    """Merge a branch, for those who are signed in."""
    return ask_service("/merge", post=branch)
