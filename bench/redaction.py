"""How much of a corpus of secrets is found, and how little else: `python -m bench.redaction [-v]`.

With `-v` it names what is missed. Values go the way of every recorded value: encoded, probed, redacted.
"""

import json
import sys
from collections import Counter
from typing import NamedTuple

from agentguard.policies.redaction import Redactor
from agentguard.tracing.snapshot import snapshot
from tests.policies.secrets_corpus import Case, harmless_cases, secret_cases

SEEDS = ("", "two", "three")


class Measured(NamedTuple):
    secrets: int
    harmless: int
    missed: list[Case]
    changed: list[Case]

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / self.secrets

    @property
    def precision(self) -> float:
        found = self.secrets - len(self.missed)
        return found / (found + len(self.changed))


def measured(redactor: Redactor, seed: str = "") -> Measured:
    secrets, harmless = list(secret_cases(seed)), list(harmless_cases(seed))
    missed = [case for case in secrets if not is_found(case, redactor)]
    changed = [case for case in harmless if not is_kept(case, redactor)]
    return Measured(len(secrets), len(harmless), missed, changed)


def is_found(case: Case, redactor: Redactor) -> bool:
    shown = snapshot(case.value, redactor).decode()
    return not any(secret in shown or json.dumps(secret)[1:-1] in shown for secret in case.secrets)


def is_kept(case: Case, redactor: Redactor) -> bool:
    return bool(json.loads(snapshot(case.value, redactor)) == case.value)


def main() -> None:
    for seed in SEEDS:
        found = measured(Redactor(), seed)
        print(
            f"recall {found.recall:.4f} ({len(found.missed)} of {found.secrets} secrets missed),"
            f" precision {found.precision:.4f} ({len(found.changed)} of {found.harmless} harmless values changed)"
        )
        for title, cases in (("missed", found.missed), ("changed", found.changed)):
            for kind, count in Counter(case.kind for case in cases).most_common():
                print(f"  {title}: {kind}: {count}")
            if "-v" in sys.argv:
                for case in cases:
                    print(f"    {case.value!r}")


if __name__ == "__main__":
    main()
