import time

import pytest

from agentguard.cli.moments import moment


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7_200), ("1.5h", 5_400), ("3d", 259_200), ("1w", 604_800)]
)
def test_a_stretch_of_time_is_so_long_ago(text, seconds):
    assert time.time() - moment(text) == pytest.approx(seconds, abs=5)


def test_a_date_and_a_time_are_those_of_this_machine_unless_they_say_otherwise():
    assert moment("2026-11-21") == time.mktime((2026, 11, 21, 0, 0, 0, 0, 0, -1))
    assert moment("2026-11-21T09:30") == time.mktime((2026, 11, 21, 9, 30, 0, 0, 0, -1))
    assert moment("1970-01-01T01:00+01:00") == moment("1970-01-01T00:00Z") == 0
