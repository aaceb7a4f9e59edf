"""Classes that only a worker gets to know: the tests must not import this."""

from dataclasses import dataclass


@dataclass
class Strange:
    value: int = 1


class StrangeError(Exception):
    pass
