"""How many bodies run at once, and who is next."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agentguard.policies.slots import Slots


def test_as_many_places_are_taken_as_there_are():
    slots = Slots(2)
    assert [slots.take() for _ in range(3)] == [True, True, False]
    assert slots.in_use == slots.limit == 2


def test_a_released_place_is_free_again():
    slots = Slots(1)
    slots.take()
    assert slots.release() is None
    assert slots.in_use == 0
    assert slots.take()


def test_a_released_place_goes_to_whoever_waits_longest():
    slots = Slots(1)
    slots.take()
    slots.enqueue("first")
    slots.enqueue("second")
    assert slots.release() == "first"
    assert slots.in_use == 1
    assert slots.release() == "second"
    assert slots.release() is None
    assert slots.in_use == 0


def test_nobody_overtakes_those_who_wait():
    slots = Slots(2)
    slots.take()
    slots.take()
    slots.enqueue("waiting")
    slots.release()
    slots.enqueue("next")
    assert not slots.take()


def test_who_leaves_the_queue_is_not_served():
    slots = Slots(1)
    slots.take()
    slots.enqueue("first")
    slots.enqueue("second")
    assert slots.withdraw("first")
    assert slots.waiting == 1
    assert slots.release() == "second"


def test_who_leaves_too_late_has_been_handed_a_place():
    slots = Slots(1)
    slots.take()
    slots.enqueue("late")
    assert slots.release() == "late"
    assert not slots.withdraw("late")
    assert slots.in_use == 1


def test_leaving_twice_is_harmless():
    slots = Slots(1)
    slots.take()
    slots.enqueue("a")
    assert slots.withdraw("a")
    assert not slots.withdraw("a")


@pytest.mark.parametrize("limit", [1, 1000])
def test_a_long_queue_is_served_in_order(limit):
    slots = Slots(limit)
    for _ in range(limit):
        slots.take()
    for number in range(5000):
        slots.enqueue(number)
    assert [slots.release() for _ in range(5000)] == list(range(5000))


class SlotsFollowAPlainQueue(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.slots, self.running, self.queue, self.name = Slots(3), 0, [], 0

    @rule()
    def arrive(self):
        self.name += 1
        free = self.running < 3 and not self.queue
        assert self.slots.take() == free
        if free:
            self.running += 1
        else:
            self.slots.enqueue(self.name)
            self.queue.append(self.name)

    @rule()
    def end(self):
        if self.running:
            expected = self.queue.pop(0) if self.queue else None
            assert self.slots.release() == expected
            self.running -= expected is None

    @rule(data=st.data())
    def give_up(self, data):
        if self.name:
            name = data.draw(st.integers(1, self.name))
            assert self.slots.withdraw(name) == (name in self.queue)
            if name in self.queue:
                self.queue.remove(name)

    @invariant()
    def counts_agree(self):
        assert self.slots.in_use == self.running <= 3
        assert self.slots.waiting == len(self.queue)


SlotsFollowAPlainQueue.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestSlotsFollowAPlainQueue = SlotsFollowAPlainQueue.TestCase
