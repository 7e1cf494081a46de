"""Counts calls and the time that they take."""

import time
from dataclasses import dataclass
from functools import wraps


@dataclass
class Tally:
    """How often a function was called and how long that took in all."""

    calls: int = 0
    ns: int = 0


TALLIES: dict[str, Tally] = {}


def timed(function):
    """Decorate `function` so that its calls are counted in TALLIES."""
    name = f"{function.__module__}.{function.__qualname__}"
    tally = TALLIES.setdefault(name, Tally())

    @wraps(function)
    def timed_call(*args, **kwargs):
        started = time.perf_counter_ns()
        try:
            return function(*args, **kwargs)
        finally:
            tally.calls += 1
            tally.ns += time.perf_counter_ns() - started

    return timed_call
