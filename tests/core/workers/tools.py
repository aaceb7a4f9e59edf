"""Tools that run in worker processes, which must find them by name: so they stand in a module of their own."""

import asyncio
import ctypes
import functools
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import NamedTuple

from agentguard import RetryConfig, TimeoutConfig, current_call, guard, session

SECONDS = 30.0
BRIEF = 0.03

remote = guard(timeout_config=TimeoutConfig(SECONDS, isolation="process"))


class Color(Enum):
    RED = 1
    GREEN = 2.5


class Right(Flag):
    READ = auto()
    WRITE = auto()


class Point(NamedTuple):
    x: int
    y: int


@dataclass(frozen=True)
class Address:
    street: str
    lines: tuple[str, ...] = ()


@dataclass(slots=True)
class Person:
    name: str
    address: Address


class OddError(Exception):
    """Takes other arguments than it hands on, as many exceptions do."""

    def __init__(self, code, *, hint):
        super().__init__(f"odd {code}")
        self.code = code
        self.hint = hint


class Secretive:
    """Of no type that crosses."""


@remote
def echo(*args, **kwargs):
    return args, kwargs


@remote
def pid():
    return os.getpid()


@remote
async def apid():
    await asyncio.sleep(0)
    return os.getpid()


@remote
def add(a, b=1):
    return a + b


class Shapes:
    @remote
    @staticmethod
    def area(width, height):
        return width * height


@remote
def give_secretive():
    return {"made": [Secretive()]}


@remote
def fail(kind, *args):
    raise {"value": ValueError, "key": KeyError, "os": OSError, "stop": StopIteration, "exit": SystemExit}[kind](*args)


@remote
def fail_oddly():
    raise OddError(7, hint="even")


@remote
def fail_with_things():
    error = RuntimeError("things")
    error.response = Secretive()
    error.status = 404
    raise error


@remote
def fail_as_nobody_knows():
    class LocalError(Exception):
        pass

    raise LocalError("who knows")


@remote
def fail_as_a_group():
    raise ExceptionGroup("both", [ValueError("one"), KeyError("two")])


@remote
def facts():
    call = current_call()
    return {
        "call_id": call.call_id,
        "tool_name": call.tool_name,
        "key": call.idempotency_key,
        "attempt": call.attempt,
        "session_id": call.session_id,
        "metadata": call.metadata,
        "has_deadline": call.deadline is not None and call.deadline > time.monotonic(),
        "args": call.args,
    }


@guard
def inner_session():
    return current_call().session_id, dict(current_call().metadata), current_call().parent.tool_name


@remote
def nested():
    return inner_session()


@remote
def nested_remotely():
    return os.getpid(), pid(), os.getppid()


@guard(
    retry=RetryConfig(2, initial_delay=0.001, retryable_exceptions=(ConnectionError,)),
    timeout_config=TimeoutConfig(SECONDS, isolation="process"),
)
def succeed_at(attempt):
    if current_call().attempt < attempt:
        raise ConnectionError("not yet")
    return current_call().attempt


@remote
def give_a_stranger():
    from tests.core.workers.strange import Strange

    return [Strange()]


@remote
def fail_strangely():
    from tests.core.workers.strange import StrangeError

    raise StrangeError("strange")


# -- hostile bodies


def search_catastrophically():
    return re.match("(a+)+$", "a" * 60 + "b")


def spin():
    while True:
        pass


def sum_in_c():
    return sum(range(10**12))


def sleep_with_the_lock_held():
    # PyDLL keeps the interpreter lock: no other thread of the worker runs.
    ctypes.PyDLL(None).sleep(60)


def ignore_signals():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGIO):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)


def swallow_everything():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            continue


HOSTILE = {
    name: guard(timeout_config=TimeoutConfig(BRIEF, isolation="process"))(body)
    for name, body in (
        ("a regular expression", search_catastrophically),
        ("a loop", spin),
        ("a sum in C", sum_in_c),
        ("a sleep that holds the lock", sleep_with_the_lock_held),
        ("ignored signals", ignore_signals),
        ("swallowed exceptions", swallow_everything),
    )
}


@remote
def hang_for_long(pid_file):
    write_pid(pid_file, os.getpid())
    sleep_with_the_lock_held()


@guard(timeout_config=TimeoutConfig(0.4, isolation="process"))
def hang_with_the_lock_held(pid_file):
    write_pid(pid_file, os.getpid())
    sleep_with_the_lock_held()


@guard(timeout_config=TimeoutConfig(0.5, isolation="process"))
def hang_with_children(pid_file):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    write_pid(pid_file, child.pid)
    child.wait()


@remote
def leave_a_child():
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid


def write_pid(pid_file, number):
    # All at once, so that who waits for the file never reads half of it.
    with open(f"{pid_file}.new", "w", encoding="ascii") as file:
        file.write(str(number))
    os.rename(f"{pid_file}.new", pid_file)


@remote
async def hang_async(pid_file):
    write_pid(pid_file, os.getpid())
    await asyncio.sleep(60)


@remote
def leave(code):
    os._exit(code)


@remote
def crash():
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(60)


@remote
def write_garbage():
    write_into_the_connection(b"HTTP/1.1 200 OK\r\n\r\n")
    return "written"


@remote
def forge(header):
    text = json.dumps(header).encode()
    write_into_the_connection(b"AGW1" + len(text).to_bytes(4, "big") + bytes(8) + text)
    time.sleep(60)


def write_into_the_connection(content):
    for descriptor in range(3, 100):
        try:
            is_socket = stat.S_ISSOCK(os.fstat(descriptor).st_mode)
        except OSError:
            continue
        if is_socket:
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                connection.sendall(content)


@remote
def close_everything():
    os.closerange(0, 100)
    return "closed"


@remote
def say(text):
    print(text)
    print(text, file=sys.stderr)
    return sys.stdin.read()


@remote
def close_output():
    os.close(1)
    return "closed"


@remote
def sleep(seconds):
    time.sleep(seconds)
    return os.getpid()


@guard(timeout_config=TimeoutConfig(SECONDS, isolation="process", memory_limit_mb=64))
def allocate(mebibytes):
    return len(bytearray(mebibytes * 1024 * 1024))


@remote
def allocate_freely(mebibytes):
    return len(bytearray(mebibytes * 1024 * 1024))


@remote
def size_of(text):
    return len(text)


@remote
def repeat(text, times):
    return text * times


@remote
def fork():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        child = os.fork()
    if child == 0:
        os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def wrapping(fn):
    @functools.wraps(fn)
    def wrapped(*args):
        return fn(*args)

    return wrapped


@wrapping
@remote
def wrapped_outside(x):
    return "outside", x


@remote
@wrapping
def wrapped_inside(x):
    return "inside", x


def _double(x):
    return 2 * x


double = guard(timeout_config=TimeoutConfig(SECONDS, isolation="process"))(_double)


@remote
def replaced():
    return "first"


first = replaced


@remote
def replaced():
    return "second"


@remote
def use_a_session():
    with session("of the worker"):
        return inner_session()[0]
