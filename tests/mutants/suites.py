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
    Suite("calls", _policies("canonical", "usual_calls"), _tests("canonical", "usual_calls")),
    Suite(
        "records",
        _policies("cutting", "json_size", "nesting", "truncation"),
        _tests("cutting", "json_size", "nesting", "pruning", "truncation"),
    ),
)
"""What `make mutants` tries when no files are named. Every survivor in these files is explained."""

NOT_YET = (
    # Where a mutant takes too much room, `_prune_text` never ends: each of these costs minutes until its time is up.
    Suite("pruning", _policies("pruning"), _tests("pruning", "truncation")),
    Suite("answers", _policies("error_bodies", "placeholders", "response"), _tests("response", "response_probe")),
    Suite("secrets", _policies("redaction", "secret_names", "secret_shapes"), _tests("redaction")),
    Suite(
        "arguments",
        _policies("annotations", "casting", "casting_profile", "json_text", "mismatch", "parameters")
        + _policies("schema", "schema_nodes", "strict_profile"),
        _tests("schema"),
    ),
    Suite(
        "baseline",
        _policies("answer_kinds", "baseline", "baseline_field", "baseline_record", "freshness", "number_range")
        + _policies("recorded_answers", "signal", "surprise", "survey"),
        _tests("baseline", "baseline_record", "freshness", "number_range", "surprise"),
    ),
    # Most survivors of these two are explained, but their mutants were never tried to the end.
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
            "tests/layers/test_concurrency.py",
            "tests/layers/test_deadline.py",
            "tests/layers/test_timeout.py",
            "tests/layers/test_timeout_streams.py",
            "tests/layers/test_timeout_threads.py",
            "tests/middleware",
        ),
    ),
)
"""Nobody has looked at all mutants of these files yet, so that they are tried only when they are named in FILES."""
