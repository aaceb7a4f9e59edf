"""`make mutants`: changes the source in thousands of small ways, and looks which changes the tests do not notice.

    python -m tests.mutants [FILE ...]

A FILE is a path inside the package, such as policies/bucket.py; without any, all of `SUITES` are. mutmut works on a
copy of the tree under .venv-mutants, where it also remembers what it has tried: of what has not changed since, only
survivors are tried again. Exits with 1 when a survivor is not in `explained.toml`, or an entry there does not survive.
"""

import sys

from tests.mutants.run import run
from tests.mutants.suites import NOT_YET, SUITES, Suite
from tests.mutants.survivors import compare, explained


def main(wanted: list[str]) -> int:
    """Run the suites that mutate the wanted files, and print what is wrong."""
    suites = (*SUITES, *NOT_YET) if wanted else SUITES
    unknown = set(wanted) - {file for suite in suites for file in suite.sources}
    if unknown:
        print(f"not mutated by any suite in tests/mutants/suites.py: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    results = [_check(suite, [file for file in suite.sources if file in wanted or not wanted]) for suite in suites]
    return 0 if all(results) else 1


def _check(suite: Suite, files: list[str]) -> bool:
    if not files:
        return True
    tallies = run(suite, files)
    verdict = compare((mutant for tally in tallies for mutant in tally.survivors), explained(), files)
    print(f"\n{'file':36} {'mutants':>8} {'noticed':>8} {'survive':>8} {'unexplained':>12}")
    for tally in tallies:
        strange = sum(mutant.file == tally.file for mutant in verdict.unexplained)
        survive = len(tally.survivors)
        print(f"{tally.file:36} {tally.total:8} {tally.total - survive:8} {survive:8} {strange:12}")
    for mutant in verdict.unexplained:
        print(
            f"\nNo test notices this. Write one, or say why not, in tests/mutants/explained.toml:\n{mutant.as_toml()}"
        )
    for mutant in verdict.outdated:
        print(f"\nIn tests/mutants/explained.toml, but noticed by a test, or gone:\n{mutant}")
    return verdict.is_fine


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
