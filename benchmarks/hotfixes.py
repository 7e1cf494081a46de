"""One measurement of hotfixes, in this process: `hotfixes.py NAME OBJECTS` prints JSON.

hotfix     a fix of one function of the big module, and its undo
recording  assignments in a snippet, against the same with exec()
"""

import gc
import json
import sys
import time
from collections.abc import Callable

import workloads
from live import LiveFolder
from measure import fill, timed

import resoul

ROUNDS = 7
ASSIGNMENTS = 100_000

FIX = """
import measured

def f0(a, b=2, *, c=3):
    return {tag}

measured.f0 = f0
"""

# What is assigned, and what the loop goes over.
KINDS = {
    "attribute": "for thing in things:\n    thing.value = 1\n",
    "item of a dict": "for number in numbers:\n    table[number] = 1\n",
    "item of a list": "for number in numbers:\n    array[number] = 1\n",
    "name of a module": "for number in numbers:\n    target.name = number\n",
    "call of a method": "for number in numbers:\n    array.append(number)\n",
}


def hotfix(objects: int) -> dict[str, object]:
    """A fix of one function, applied and undone, with so many other objects alive."""
    folder = LiveFolder()
    kept = fill(objects)
    module = folder.load("measured", workloads.source(workloads.BIG, 1))
    held = module.f0
    found: dict[str, list[float]] = {"cpu": [], "wall": [], "undo": []}
    told: dict[str, list[int]] = {"pause_ns": [], "blocked_ns": []}
    for number in range(2, 2 + ROUNDS):
        gc.collect()
        text = FIX.format(tag=number)
        wall, cpu, update = timed(lambda text=text: resoul.hotfix(source=text))
        if held(1) != number:
            raise SystemExit("the copy did not follow")
        gc.collect()
        _, undo, _ = timed(update.undo)
        if held(1) != 1:
            raise SystemExit("the undo did not take it back")
        found["wall"].append(wall)
        found["cpu"].append(cpu)
        found["undo"].append(undo)
        told["pause_ns"].append(update.pause_ns)
        told["blocked_ns"].append(update.blocked_ns)
    return {**found, **told, "objects": len(kept)}


class Thing:
    """Something with an attribute."""

    def __init__(self) -> None:
        self.value = 0


def recording(_objects: int) -> dict[str, object]:
    """Nanoseconds of one assignment, in a snippet and with exec()."""
    found: dict[str, dict[str, float]] = {}
    for kind, loop in KINDS.items():
        found[kind] = {
            way: per_assignment(loop, run)
            for way, run in (("snippet", in_snippet), ("exec", plainly))
        }
    return {"recording": found}


def per_assignment(loop: str, run: Callable[[str], None]) -> float:
    times = []
    for _ in range(3):
        sys.modules["measured_target"] = module = type(sys)("measured_target")
        module.target = module
        module.things = [Thing() for _ in range(ASSIGNMENTS)]
        module.numbers = range(ASSIGNMENTS)
        module.table = {}
        module.array = [0] * ASSIGNMENTS
        # the cost of an empty fix is not that of an assignment
        start = time.process_time()
        run("from measured_target import *\n")
        between = time.process_time()
        run("from measured_target import *\n" + loop)
        times.append(time.process_time() - between - (between - start))
    return max(min(times), 0.0) / ASSIGNMENTS * 1e9


def in_snippet(text: str) -> None:
    """As a hotfix."""
    resoul.hotfix(source=text)


def plainly(text: str) -> None:
    """As anybody would."""
    exec(compile(text, "<exec>", "exec"), {})


def main() -> None:
    name, objects = sys.argv[1], int(sys.argv[2])
    result = {"hotfix": hotfix, "recording": recording}[name](objects)
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
