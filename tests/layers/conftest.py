"""A clock that only moves when told, and the three ways to call a sync tool."""

from collections.abc import Iterator

import pytest

from agentguard.testing import FakeRuntime
from tests.matrix.ways import Way, acall, plain, plain_inside_a_loop


@pytest.fixture
def clock() -> Iterator[FakeRuntime]:
    with FakeRuntime() as clock:
        yield clock


@pytest.fixture(params=[plain, acall, plain_inside_a_loop], ids=lambda way: way.__name__)
def call(request: pytest.FixtureRequest) -> Way:
    return request.param
