"""What a chain knows of the middleware in it."""

import pytest

from agentguard import ConcurrencyConfig, TimeoutConfig, guard
from agentguard.core.chain import needs_loop
from agentguard.middleware import ConcurrencyMiddleware, TimeoutMiddleware
from agentguard.testing import run_virtual


async def async_function(call, next):
    return await next(call)


def plain_function(call, next):
    return next(call)


class AsyncObject:
    async def __call__(self, call, next):
        return await next(call)


class PlainObject:
    def __call__(self, call, next):
        return next(call)


@pytest.mark.parametrize(
    ("middleware", "needs"),
    [
        (async_function, True),
        (AsyncObject(), True),
        (plain_function, False),
        (PlainObject(), False),
        (ConcurrencyMiddleware(ConcurrencyConfig(1)), False),
    ],
)
def test_only_what_is_async_needs_a_loop(middleware, needs):
    assert needs_loop(middleware) is needs


@pytest.mark.parametrize(
    "layer",
    [ConcurrencyMiddleware(ConcurrencyConfig(1)), TimeoutMiddleware(TimeoutConfig(5))],
    ids=lambda each: each.name,
)
def test_a_built_in_layer_may_be_called_by_a_middleware_as_any_other(layer):
    async def mine(call, next):
        result = await layer(call, next)
        result.return_value += 1
        return result

    async def body(x):
        return x * 10

    assert run_virtual(guard(body, middleware=[mine])(4)) == 41
