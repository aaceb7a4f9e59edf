"""A process that makes recorded calls in threads until it is killed, and says of each when it began and returned.

Arguments: the folder of the traces, the kind of store, and the file to say it in. That is a file and not a pipe, which
would be full soon and slow the process down; what is written to either is out of the process's hands.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextvars import copy_context

from agentguard import current_call, guard, record_session

THREADS = 3


@guard(effect="write")
def charge(number: int, text: str) -> str:
    call = current_call()
    assert call is not None
    say("began", call.call_id)
    if number % 50 == 0:
        time.sleep(0.002)
    return call.call_id


def say(what: str, call_id: str) -> None:
    os.write(said, f"{what} {call_id}\n".encode())


def work() -> None:
    number = 0
    while True:
        number += 1
        say("ended", charge(number, "x" * 100))


folder, backend, file = sys.argv[1:]
said = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
with record_session(folder, backend):
    threads = [threading.Thread(target=copy_context().run, args=(work,), daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    for thread in threads:
        thread.join()
