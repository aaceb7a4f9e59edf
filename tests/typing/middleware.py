"""User code with middleware of its own, as type checkers see it. It is checked, never run."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from collections.abc import Awaitable
from typing import Any, assert_type

from agentguard import CircuitBreakerConfig, GuardConfig, ToolCall, ToolResult, guard
from agentguard.middleware import (
    CLASSIC_ORDER,
    CircuitBreakerMiddleware,
    GuardMiddleware,
    Handler,
    MiddlewareChain,
    MiddlewarePipeline,
    RetryMiddleware,
)


async def authorise(ctx: ToolCall, next: Handler) -> ToolResult:
    if not ctx.metadata.get("api_key"):
        raise PermissionError("No API key")
    return await next(ctx)


def log(call: ToolCall, next: Handler) -> Awaitable[ToolResult]:
    print(call.tool_name)
    return next(call)


def answer(call: ToolCall, next: Handler) -> str:
    return f"cached for {call.tool_name}"


class Audit(GuardMiddleware):
    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    async def __call__(self, call: ToolCall, next: Handler) -> ToolResult:
        result = await next(call)
        assert_type(result.execution_time_ms, float)
        assert_type(result.return_value, Any)
        self.texts.append(call.call_id)
        return result


chain = MiddlewareChain().use(authorise).use(log).use(answer).use(Audit([]))


@guard(middleware=chain)
def with_chain(query: str) -> str:
    return query


@guard(middleware=[authorise, log])
def with_sequence(query: str) -> str:
    return query


async def pipelines() -> None:
    pipeline = MiddlewarePipeline(GuardConfig(max_retries=1), extra_middleware=[Audit([]), log], order=CLASSIC_ORDER)
    result = await pipeline.execute(with_chain.fn, kwargs={"query": "q"})
    assert_type(result, ToolResult)
    MiddlewarePipeline(order=["Retry", CircuitBreakerMiddleware, RetryMiddleware])
    MiddlewarePipeline(extra_middleware=[CircuitBreakerMiddleware(CircuitBreakerConfig())])


def wrong_middleware() -> None:
    MiddlewareChain().use("audit")  # type: ignore[arg-type]
    MiddlewareChain().use(Audit)  # type: ignore[arg-type]
    CircuitBreakerMiddleware(5)  # type: ignore[arg-type]
