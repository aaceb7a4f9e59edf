"""What every room's tests share: how hypothesis works, and that nobody sleeps. Fakes live in `agentguard.testing`."""

import os
import signal

from hypothesis import settings

from tests.sleeping import pytest_runtest_call  # noqa: F401 - pytest finds the hook here

# A process started in the background by a shell ignores Ctrl-C, and the tests of what Ctrl-C does would wait in vain.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline per example: a slow machine is not a failure.
settings.register_profile("default", deadline=None)
# In continuous integration the same commit gives the same examples; finding new ones is the work of a developer's runs.
settings.register_profile("ci", deadline=None, derandomize=True)
# `scripts/run-tests` asks for this on every Python but the main one.
settings.register_profile("few", deadline=None, derandomize=True, max_examples=20)
settings.load_profile("ci" if {"CI", "AGENTGUARD_REQUIRE_SERVICES"} & os.environ.keys() else "default")
