"""Whether an agent is going round in circles."""

import itertools
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from agentguard.core.config import LoopGuardConfig
from agentguard.policies.repetition import LOOK_BACK_SECONDS, Repetition


def watch(calls, *, now=0.0, history=None, **config):
    """Make calls one after the other, "A" with the result "ok" and "A=1" with the result "1"; what each was seen as."""
    history = history or Repetition(LoopGuardConfig(**config))
    seen = []
    for call in calls:
        key, _, result = call.partition("=")
        sighting = history.observe(key, now)
        history.conclude(sighting, result or "ok")
        seen.append(sighting)
    return seen


def counts(calls, **options):
    return [sighting.count for sighting in watch(calls, **options)]


def rungs(calls, **options):
    return [sighting.rung for sighting in watch(calls, **options)]


def test_a_first_call_is_no_repetition():
    (sighting,) = watch(["A"])
    assert (sighting.count, sighting.period, sighting.rung) == (1, 1, "ok")


def test_the_same_call_with_the_same_result_is_counted():
    assert counts("AAAA") == [1, 2, 3, 4]


def test_the_documented_ladder():
    assert rungs("A" * 21) == ["ok"] * 2 + ["warn"] * 2 + ["ask"] * 3 + ["block"] * 12 + ["halt"] * 2


def test_equal_thresholds_skip_the_milder_rungs():
    assert rungs("AAA", warn_after=3, ask_after=3, block_after=3, halt_after=3) == ["ok", "ok", "halt"]


@pytest.mark.parametrize("period", [1, 2, 3, 4])
def test_circles_of_up_to_four_calls_are_seen(period):
    circle = "ABCD"[:period]
    last = watch(circle * 3)[-1]
    assert (last.count, last.period, last.rung) == (3, period, "warn")


def test_a_circle_of_five_is_not_looked_for_by_default():
    assert set(counts("ABCDE" * 6)) == {1}
    assert counts("ABCDE" * 3, max_period=5)[-1] == 3


def test_with_a_longest_circle_of_one_only_immediate_repetitions_count():
    assert set(counts("ABABABAB", max_period=1)) == {1}
    assert counts("ABBB", max_period=1) == [1, 1, 2, 3]


def test_a_circle_counts_when_it_is_complete():
    assert counts("ABABABA") == [1, 1, 1, 2, 2, 3, 3]


def test_a_circle_may_begin_after_other_calls():
    assert counts("XYZAABAAB")[-1] == 2
    assert watch("XYZAABAAB")[-1].period == 3


def test_the_shortest_circle_is_told():
    assert watch("A" * 8)[-1].period == 1
    assert watch("AB" * 4)[-1].period == 2


def test_different_arguments_are_never_a_loop_whatever_the_results():
    calls = [f"mail-{number}=sent" for number in range(50)]
    assert set(rungs(calls)) == {"ok"}


def test_the_same_call_with_changing_results_is_progress():
    calls = [f"page={number}" for number in range(50)]
    assert set(rungs(calls)) == {"ok"}


def test_a_circle_with_changing_results_is_progress():
    calls = [f"{'AB'[number % 2]}={number // 2}" for number in range(50)]
    assert set(rungs(calls)) == {"ok"}


def test_one_new_result_starts_the_count_again():
    assert counts(["A", "A", "A", "A=new", "A=new", "A=new"]) == [1, 2, 3, 4, 2, 3]


def test_another_call_in_between_starts_the_count_again():
    assert counts("AAAXAA") == [1, 2, 3, 1, 1, 2]


def test_calls_that_run_at_the_same_time_count_before_their_results_are_known():
    history = Repetition(LoopGuardConfig())
    assert [history.observe("A", 0.0).count for _ in range(5)] == [1, 2, 3, 4, 5]


@given(st.permutations(range(6)))
def test_results_may_come_in_any_order(order):
    history = Repetition(LoopGuardConfig())
    running = [history.observe("A", 0.0) for _ in range(6)]
    for place in order:
        history.conclude(running[place], "ok" if place != 2 else "other")
    # A A a A A A with one different result: the last three are alike.
    assert history.observe("A", 0.0).count == 4


@pytest.mark.parametrize(("different", "count"), [(0, 4), (1, 3), (2, 2), (3, 2)])
def test_one_different_result_counts_in_whatever_order_results_come(different, count):
    for order in itertools.permutations(range(4)):
        history = Repetition(LoopGuardConfig())
        running = [history.observe("A", 0.0) for _ in range(4)]
        for place in order:
            history.conclude(running[place], "other" if place == different else "ok")
        assert history.observe("A", 0.0).count == count


def test_a_late_result_that_differs_breaks_the_circle_where_it_stands():
    history = Repetition(LoopGuardConfig())
    first = history.observe("A", 0.0)
    watch("AA", history=history)
    history.conclude(first, "other")
    assert history.observe("A", 0.0).count == 3


def test_blocked_calls_keep_counting_until_the_halt():
    history = Repetition(LoopGuardConfig())
    seen = []
    for _ in range(25):
        sighting = history.observe("A", 0.0)
        refused = sighting.rung in ("block", "halt")
        history.conclude(sighting, "refused" if refused else "ok")
        seen.append(sighting.rung)
    assert seen[19:] == ["halt"] * 6


def test_a_call_that_did_not_run_equals_any_result():
    history = Repetition(LoopGuardConfig())
    for number in range(5):
        sighting = history.observe("A", 0.0)
        history.conclude(sighting, None if number == 2 else "ok")
    assert sighting.count == 5


def test_an_approved_call_on_the_ask_rung_does_not_reset_the_count():
    assert counts("A" * 7)[-1] == 7


def test_keys_may_be_bytes_texts_or_tuples():
    history = Repetition(LoopGuardConfig())
    for key in (b"search", "search", ("search", b"{}")):
        assert [history.observe(key, 0.0).count for _ in range(2)] == [1, 2]


def test_minus_one_and_minus_two_are_different_keys():
    # They have the same hash in CPython.
    assert hash(-1) == hash(-2)
    history = Repetition(LoopGuardConfig())
    assert [history.observe(key, 0.0).count for key in (-1, -2, -1, -2)] == [1, 1, 1, 2]


# Looking back


def test_the_documented_look_back_is_a_minute():
    assert LOOK_BACK_SECONDS == 60.0


def looked_back(times, seconds=60.0, **config):
    history = Repetition(LoopGuardConfig(**config), look_back=seconds)
    seen = []
    for now in times:
        sighting = history.observe("A", now)
        history.conclude(sighting, "ok")
        seen.append(sighting.count)
    return seen


def test_calls_older_than_the_look_back_are_forgotten():
    assert looked_back([0.0, 1.0, 2.0, 61.5, 62.0]) == [1, 2, 3, 2, 3]


def test_a_call_exactly_as_old_as_the_look_back_still_counts():
    assert looked_back([0.0, 60.0, 120.1]) == [1, 2, 1]


def test_a_slow_poll_is_no_loop():
    assert set(looked_back(range(0, 6100, 61))) == {1}


def test_without_a_look_back_nothing_is_forgotten():
    assert looked_back([0.0, 1e6, 2e6], seconds=None) == [1, 2, 3]


def test_the_halt_is_reached_within_the_look_back_whatever_the_period():
    history = Repetition(LoopGuardConfig(), look_back=60.0)
    seen = [watch([key], history=history, now=0.0)[0].rung for key in "ABCD" * 25]
    assert seen[79] == "halt"


# Bounds


def test_thresholds_far_apart_are_still_reached():
    assert rungs("A" * 9999, halt_after=9999)[-1] == "halt"


def test_a_result_that_comes_after_its_call_was_forgotten_changes_nothing():
    # Three calls are remembered.
    history = Repetition(LoopGuardConfig(warn_after=2, ask_after=2, block_after=3, halt_after=3, max_period=1))
    first = history.observe("A", 0.0)
    watch("AAA", history=history)
    history.conclude(first, "other")
    assert history.observe("A", 0.0).count == 5


def test_keys_are_let_go_with_their_calls():
    class Key:
        pass

    history = Repetition(LoopGuardConfig())
    key = Key()
    gone = weakref.ref(key)
    history.observe(key, 0.0)
    del key
    watch([str(number) for number in range(79)], history=history)
    assert gone() is not None
    watch(["80"], history=history)
    assert gone() is None


def test_reset_forgets_the_history():
    history = Repetition(LoopGuardConfig())
    watch("AAAA", history=history)
    history.reset()
    assert counts("AA", history=history) == [1, 2]


def test_the_last_call_before_a_reset_concludes_into_nothing():
    history = Repetition(LoopGuardConfig())
    old = history.observe("A", 0.0)
    history.reset()
    history.conclude(old, "other")
    assert counts("AA", history=history) == [1, 2]


def test_calls_from_before_a_reset_conclude_into_nothing():
    history = Repetition(LoopGuardConfig(), look_back=60.0)
    old = history.observe("A", 0.0)
    history.reset()
    watch("AA", history=history)
    history.conclude(old, "other")
    assert history.observe("A", 0.0).count == 3


class RepetitionFollowsAPlainScan(RuleBasedStateMachine):
    """Against a scan of the whole history with every pair compared anew."""

    config = LoopGuardConfig(warn_after=3, ask_after=4, block_after=6, halt_after=9)
    look_back = None

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.history = Repetition(self.config, look_back=self.look_back)
        self.calls = []  # [key, result or None, time, sighting]
        self.open = []

    def alike(self, one, other):
        same = one[1] is None or other[1] is None or one[1] == other[1]
        return one[0] == other[0] and same

    def expected(self):
        recent = [call for call in self.calls if self.look_back is None or call[2] >= self.now - self.look_back]
        best = (1, 1)
        for period in range(1, self.config.max_period + 1):
            place = len(recent) - 1
            while place >= period and self.alike(recent[place], recent[place - period]):
                place -= 1
            matches = len(recent) - 1 - place
            count = (matches + period) // period if matches else 1
            if count > best[0]:
                best = (count, period)
        return best

    @rule(key=st.sampled_from("AAAB"))
    def observe(self, key):
        call = [key, None, self.now, None]
        self.calls.append(call)
        sighting = call[3] = self.history.observe(key, self.now)
        assert (sighting.count, sighting.period) == self.expected()
        rungs = [(9, "halt"), (6, "block"), (4, "ask"), (3, "warn"), (1, "ok")]
        assert sighting.rung == next(rung for least, rung in rungs if sighting.count >= least)
        self.open.append(call)

    @rule(key=st.sampled_from("AB"), result=st.sampled_from(["ok", "ok", "ok", "new"]))
    def observe_and_conclude(self, key, result):
        self.observe(key)
        self.conclude_call(self.open.pop(), result)

    @rule(data=st.data(), result=st.sampled_from(["ok", "ok", "new", None]))
    def conclude(self, data, result):
        if self.open:
            self.conclude_call(self.open.pop(data.draw(st.integers(0, len(self.open) - 1))), result)

    def conclude_call(self, call, result):
        self.history.conclude(call[3], result)
        if call[3].rung not in ("block", "halt"):
            call[1] = result

    @rule(seconds=st.sampled_from([1.0, 7.0, 30.0]))
    def pass_time(self, seconds):
        self.now += seconds


class RepetitionWithALookBackFollowsAPlainScan(RepetitionFollowsAPlainScan):
    look_back = 20.0


for machine in (RepetitionFollowsAPlainScan, RepetitionWithALookBackFollowsAPlainScan):
    machine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestRepetitionFollowsAPlainScan = RepetitionFollowsAPlainScan.TestCase
TestRepetitionWithALookBackFollowsAPlainScan = RepetitionWithALookBackFollowsAPlainScan.TestCase


@given(st.lists(st.sampled_from(["A", "B", "C", "A=1", "B=1"]), max_size=60))
def test_a_plain_sequence_follows_the_scan(calls):
    history = Repetition(RepetitionFollowsAPlainScan.config)
    reference = RepetitionFollowsAPlainScan()
    reference.history = history
    for call in calls:
        key, _, result = call.partition("=")
        reference.observe(key)
        reference.conclude_call(reference.open.pop(), result or "ok")
