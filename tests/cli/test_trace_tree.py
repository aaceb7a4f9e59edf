import io

import pytest
from rich.console import Console

from agentguard.cli.screen import print_table
from agentguard.cli.trace_tree import tree_table
from agentguard.tracing import Span, TraceNode


def node(name="tool", *children, kind="tool", **attributes):
    span = Span(f"id {name}", "trace", None, None, kind, name, 1_000.0)
    span.status = "ok"
    span.attributes = attributes
    return TraceNode(span, list(children))


def drawn(*nodes, fold=True, columns=200):
    screen = Console(file=io.StringIO(), width=columns)
    print_table(screen, tree_table(screen, nodes, fold=fold))
    return screen.file.getvalue().splitlines()[1:]


def test_a_very_deep_tree_is_drawn_to_its_end():
    deep = node("the innermost")
    for _ in range(1_500):  # deeper than Python's recursion limit
        deep = node("outer", deep)
    lines = drawn(deep)
    assert len(lines) == 1_501
    assert max(map(len, lines)) < 200


def test_an_only_attempt_is_as_good_as_its_call():
    assert len(drawn(node("once", node("attempt 1", kind="attempt")))) == 1
    assert len(drawn(node("once", node("attempt 1", kind="attempt")), fold=False)) == 2


def test_attempts_are_drawn_where_there_were_several():
    attempts = [node(f"attempt {number}", kind="attempt") for number in (1, 2)]
    lines = drawn(node("twice", *attempts, attempts=2))
    assert [line.split()[:2] for line in lines] == [["twice()", "ok"], ["├─", "attempt"], ["└─", "attempt"]]


def test_calls_with_something_inside_are_never_drawn_as_one():
    nodes = [node("outer", node("inner")) for _ in range(6)]
    assert len(drawn(*nodes)) == 12


def test_calls_that_ended_differently_are_never_drawn_as_one():
    nodes = [node("tool", call_status="timeout" if number == 2 else "success") for number in range(5)]
    assert len(drawn(*nodes)) == 5


@pytest.mark.parametrize(
    "attributes",
    [
        {"attempts": "many"},
        {"attempts": None, "ran": "no"},
        {"call_status": ["list"]},
        {"casts": 5, "items": {"a": 1}, "loop": "x" * 10_000, "rate_limit_wait": "soon", "cost": []},
    ],
)
def test_attributes_of_any_kind_can_be_drawn(attributes):
    [line] = drawn(node("tool", **attributes))
    assert line.startswith("tool()")
