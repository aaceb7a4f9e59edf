"""`agentguard traces recover`."""

from __future__ import annotations

import os

from agentguard.cli.completion import TRACES_FOLDER
from agentguard.cli.trace_options import AsJson, StorePath


def recover(*, path: StorePath = TRACES_FOLDER, as_json: AsJson = False) -> None:
    """Bring what processes that died have recorded into the store.

    Every command that reads the traces does that first, and so does the next process that records there; this one says
    what came of it. Calls that were running when their process died end as `unknown`.
    """
    from agentguard.cli.screen import count, refuse
    from agentguard.tracing.journal.recovery import locations_at
    from agentguard.tracing.journal.recovery import recover as recover_into

    if not os.path.exists(path):
        refuse(f"There is nothing at {str(path)!r}. Name another folder with --path.")
    answers = []
    for location in locations_at(str(path)):
        try:
            answers.append(recover_into(location))
        except Exception as error:  # noqa: BLE001 - any error of any store; what was left is still there
            refuse(f"What was left for {location.path!r} cannot be brought into it: {error}")
    processes, records, unknown, alive = (sum(each) for each in zip(*answers, strict=True))
    if as_json:
        import json

        print(json.dumps({"processes": processes, "records": records, "unknown": unknown, "alive": alive}))
        return
    if processes:
        print(f"{count(records, 'record')} recovered, {unknown:,} of them of calls that were running.")
    else:
        print("Nothing was left behind.")
    if alive:
        print(f"{count(alive, 'journal')} left alone: of processes that live, or of other users.")
