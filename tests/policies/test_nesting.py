"""How deep a value is nested, found out without recursion."""

from typing import Any

import pytest

from agentguard.policies.nesting import MAX_LEVELS, MAX_VALUES, is_too_deep


def nested(levels: int, wrap: Any) -> Any:
    value = wrap(None)
    for _ in range(levels - 1):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda child: [child], lambda child: (child,), lambda child: {"a": child}])
def test_levels_of_lists_tuples_and_dicts_are_counted(wrap):
    assert not is_too_deep([nested(MAX_LEVELS - 1, wrap)])
    assert is_too_deep([nested(MAX_LEVELS, wrap)])


def test_the_deepest_of_several_values_counts():
    assert is_too_deep([1, nested(MAX_LEVELS, lambda child: [child]), "text"])


def test_what_is_no_container_has_no_levels():
    assert not is_too_deep([1, "text", None, {1, 2}, b"bytes", 2.5])
    assert not is_too_deep([])


def test_as_many_values_as_allowed_are_looked_at_and_no_more():
    assert not is_too_deep([[None] * MAX_VALUES])
    assert is_too_deep([[None] * (MAX_VALUES + 1)])


def test_values_of_all_levels_are_counted_together():
    row = [None] * 1000
    assert is_too_deep([[row] * (MAX_VALUES // 1000)])
    assert not is_too_deep([[row] * (MAX_VALUES // 1000 - 1)])


def test_a_value_that_holds_itself_is_too_deep():
    loop: list[Any] = []
    loop.append(loop)
    assert is_too_deep([loop])


def test_parts_that_are_shared_over_and_over_are_given_up_soon():
    # Few levels, and four million values: without the limit this would end, and say no.
    value: Any = []
    for _ in range(22):
        value = [value, value]
    assert is_too_deep([value])
