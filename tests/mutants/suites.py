"""What is mutated, and by which tests it must be noticed."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "src/agentguard"


@dataclass(frozen=True)
class Suite:
    """Some source files and the tests that watch over them: few and fast, because each mutant runs them."""

    name: str
    sources: tuple[str, ...]
    """Paths inside the package."""
    tests: tuple[str, ...]
    """Files and folders of tests."""


def _policies(*names: str) -> tuple[str, ...]:
    return tuple(f"policies/{name}.py" for name in names)


def _tests(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/policies/test_{name}.py" for name in names)


_LIMITS = ("backoff", "breaker", "bucket", "budget", "quota", "repetition", "slots", "window")

SUITES = (
    Suite("limits", _policies(*_LIMITS), _tests(*_LIMITS)),
    Suite(
        "records",
        _policies(
            "cutting", "json_size", "nesting", "pruning", "redaction", "secret_names", "secret_shapes", "truncation"
        ),
        _tests("nesting", "redaction", "truncation"),
    ),
    Suite(
        "arguments",
        _policies("annotations", "canonical", "casting", "casting_profile", "json_text", "mismatch")
        + _policies("parameters", "schema", "schema_nodes", "strict_profile"),
        _tests("schema"),
    ),
    Suite("answers", _policies("error_bodies", "placeholders", "response"), _tests("response", "response_probe")),
    Suite(
        "engine",
        ("core/chain.py", "core/runtime.py"),
        (
            "tests/core/test_chain.py",
            "tests/core/test_loops_and_threads.py",
            "tests/core/test_next.py",
            "tests/core/test_runtime.py",
            "tests/core/test_stepping.py",
            "tests/core/test_time_limits.py",
            "tests/core/workers/test_killing.py",
            "tests/layers/test_concurrency.py",
            "tests/layers/test_deadline.py",
            "tests/layers/test_timeout.py",
            "tests/layers/test_timeout_streams.py",
            "tests/layers/test_timeout_threads.py",
            "tests/middleware",
        ),
    ),
)

NOT_YET = frozenset(
    _policies("__init__", "answer_kinds", "baseline", "baseline_field", "baseline_record", "freshness")
    + _policies("number_range", "recorded_answers", "signal", "surprise", "survey", "usual_calls")
)
"""Policies that no suite mutates: nobody has looked at their mutants yet."""
