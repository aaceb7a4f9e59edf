"""Every layer, over every kind of callable, called every way: it acts once, and what it refuses does not run."""

from collections.abc import Iterator

import pytest

from agentguard import GuardConfig, MiddlewarePipeline
from agentguard.middleware import ORDER
from agentguard.testing import FakeRuntime
from tests.matrix import rows_in, rows_out  # noqa: F401 - they fill ROWS
from tests.matrix.case import Case
from tests.matrix.kinds import KINDS, Make
from tests.matrix.rows import EXEMPT, ROWS, Row
from tests.matrix.ways import WAYS, Way

PARAMETERS = [pytest.param(row, id=row.name, marks=row.marks) for row in ROWS]


@pytest.fixture
def case(make: Make, way: Way) -> Iterator[Case]:
    with FakeRuntime() as clock:
        case = Case(make, way, clock)
        yield case
        case.over.set()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("row", PARAMETERS)
def test_layer_acts_once_whatever_is_called_and_however(row: Row, case: Case):
    row.check(case)


def test_every_stage_of_the_order_has_a_row_or_a_reason():
    assert {row.stage for row in ROWS} - {""} | set(EXEMPT) == set(ORDER)


def test_stages_that_have_a_row_are_not_exempt():
    assert {row.stage for row in ROWS} & set(EXEMPT) == set()


def test_a_tool_without_settings_has_no_stage_but_its_record():
    assert MiddlewarePipeline(GuardConfig()).explain().splitlines() == ["CallSpan", "Trace"]
