"""How many of the recent calls failed or were slow."""

from agentguard.policies.window import BUCKETS, Window


def counts(window: Window) -> tuple[int, int, int]:
    return window.calls, window.failures, window.slow


def test_calls_failures_and_slow_calls_are_counted_apart():
    window = Window(10.0)
    window.add(1.0, failed=True, slow=False)
    window.add(1.0, failed=False, slow=True)
    window.add(2.0, failed=True, slow=True)
    assert counts(window) == (3, 2, 2)


def test_a_call_is_forgotten_when_the_window_has_passed_it():
    window = Window(10.0)
    window.add(0.0, failed=True, slow=True)
    window.add(9.9, failed=False, slow=False)
    assert counts(window) == (2, 1, 1)
    window.add(10.0, failed=False, slow=False)
    assert counts(window) == (2, 0, 0)


def test_a_long_silence_forgets_everything():
    window = Window(10.0)
    for second in range(BUCKETS):
        window.add(float(second), failed=True, slow=True)
    window.add(1e6, failed=False, slow=False)
    assert counts(window) == (1, 0, 0)


def test_what_was_cleared_does_not_count_and_does_not_come_back():
    window = Window(10.0)
    for second in range(BUCKETS):
        window.add(float(second), failed=True, slow=True)
    window.clear()
    assert counts(window) == (0, 0, 0)
    window.add(15.0, failed=False, slow=False)
    assert counts(window) == (1, 0, 0)
