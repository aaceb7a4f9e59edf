"""Which tools can run in a process: those that another process finds by name."""

import functools
import os

import pytest

from agentguard import ConfigError, TimeoutConfig, guard
from tests.core.workers import tools

PROCESS = TimeoutConfig(1, isolation="process")


def items():
    yield 1


async def aitems():
    yield 1


def two(a, b):
    return a + b


class Thing:
    def __call__(self):
        return 1

    def method(self):
        return 2

    @classmethod
    def made(cls):
        return 3

    @staticmethod
    def static():
        return 4


def nested():
    def inside():
        return 1

    return inside


@pytest.mark.parametrize(
    ("fn", "why"),
    [
        (lambda: 1, "it is a lambda; make it a function with a name"),
        (nested(), "it is defined inside another function; move it to the top of its module"),
        (items, "it is a generator function, whose items would have to come one by one"),
        (aitems, "it is a async generator function"),
        (functools.partial(two, 1), "it is a partial; make it a function of its own"),
        (Thing(), "it is an object of type Thing; make it a function"),
        (Thing().method, "it is a method, and its object stays here; make it a function, or put @guard above @static"),
        (Thing.made, "it is a method"),
        ("text".upper, "it is an object of type builtin_function_or_method"),
    ],
    ids=lambda value: "" if isinstance(value, str) else getattr(value, "__qualname__", type(value).__name__),
)
def test_what_no_process_could_find_is_refused_when_it_is_made(fn, why):
    with pytest.raises(ConfigError, match=f'cannot run with isolation="process": {why}'):
        guard(fn, timeout_config=PROCESS)


def method_to_be(self):
    return 1


# As it is while the body of its class runs: the class is not there yet.
method_to_be.__qualname__ = "Later.method"


@pytest.mark.parametrize("made", [method_to_be, classmethod(method_to_be)])
def test_a_method_is_refused_when_its_class_is_made(made):
    with pytest.raises(ConfigError, match="it is a method, and its object stays here"):
        guard(made, timeout_config=PROCESS)


def test_a_static_method_can_be_found():
    assert guard(Thing.static, timeout_config=PROCESS).name == "static"


def test_other_systems_are_refused(monkeypatch):
    monkeypatch.setattr(os, "name", "nt")
    with pytest.raises(ConfigError, match="this is 'nt', and worker processes need a POSIX system"):
        guard(two, timeout_config=PROCESS)


def test_a_tool_says_where_it_runs():
    assert "isolation='process'" in tools.add.explain()
