"""Guarded methods: bound like the function, with one state for all instances."""

import asyncio

from agentguard import guard


def test_methods_of_all_instances_share_one_state():
    class Holder:
        @guard(rate_limit=None, budget=None, concurrency=3)
        def tool(self):
            return Holder.tool.state()["running"]

    assert Holder().tool() == Holder().tool() == 1
    assert Holder().tool.state() == Holder.tool.state()


def test_a_method_sees_its_own_instance():
    class Holder:
        def __init__(self, name):
            self.name = name

        @guard
        def tool(self):
            return self.name

        @guard
        async def atool(self):
            return self.name

    one, other = Holder("one"), Holder("other")
    assert (one.tool(), other.tool()) == ("one", "other")
    assert (asyncio.run(one.atool()), other.atool.call_sync()) == ("one", "other")


def test_a_method_can_be_called_through_its_class():
    class Holder:
        @guard(validate_input=True)
        def tool(self, x: int):
            return x

    assert Holder.tool(Holder(), "5") == 5
    assert Holder().tool("5") == 5


def test_class_methods_see_the_subclass():
    class Base:
        @guard
        @classmethod
        def tool(cls):
            return cls.__name__

    class Derived(Base):
        pass

    assert (Base.tool(), Derived.tool(), Derived().tool()) == ("Base", "Derived", "Derived")


def test_static_methods_get_nothing():
    class Holder:
        @guard
        @staticmethod
        def tool(x):
            return x

    assert (Holder.tool(5), Holder().tool(5)) == (5, 5)


def test_static_method_may_stand_outside():
    class Holder:
        @staticmethod
        @guard(validate_input=True)
        def tool(x: int):
            return x

    assert (Holder.tool("5"), Holder().tool("5"), asyncio.run(Holder().tool.acall("5"))) == (5, 5, 5)


def test_a_method_can_be_overridden_with_super():
    class Base:
        @guard
        def tool(self):
            return "base"

    class Derived(Base):
        @guard
        def tool(self):
            return f"derived {super().tool()}"

    assert Derived().tool() == "derived base"
