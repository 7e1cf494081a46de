"""One measurement, in this process: `measure.py NAME [ARGUMENT...]` prints JSON.

Whatever is measured gets a fresh process, so that nothing is left of another
measurement: memory, caches, the interpreter's specialised code.
"""

import argparse
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType

import workloads
from live import LiveFolder
from updaters import UPDATERS, Updater

EDITS = 5
# A tool that is slow gets fewer edits.
PATIENCE = 15.0

HELD_CLOSURES = 20  # of each factory


class Holders:
    """What a program holds of a module, outside of it."""

    def __init__(self, module: ModuleType, shape: workloads.Shape, closures: bool):
        self.module = module
        self.functions = [getattr(module, f"f{i}") for i in range(shape.functions)]
        classes = [getattr(module, f"C{i}") for i in range(shape.classes)]
        self.instances = [cls(1) for cls in classes]
        self.bound = [instance.m0 for instance in self.instances]
        self.closures = [
            getattr(module, f"make{i}")(step)
            for i in range(shape.factories if closures else 0)
            for step in range(HELD_CLOSURES)
        ]

    def follow(self, tag: int, only: int | None) -> dict[str, bool]:
        """Does each kind of holder run what the new source says? By calling it.

        Kinds of which nothing changed are left out: that they still run says nothing.
        """
        if only is not None:
            return {
                "module": self.module.f0(1) == only and self.module.f1(1) == tag,
                "functions": self.functions[0](1) == only
                and all(held(1) == tag for held in self.functions[1:]),
            }
        found = {
            "module": self.module.f0(1) == tag and self.module.f1(1) == tag,
            "functions": all(held(1) == tag for held in self.functions),
            "instances": all(held.m1(1) == tag for held in self.instances),
            "bound methods": all(held(1) == tag for held in self.bound),
        }
        if self.closures:
            found["closures"] = all(held(1) == tag for held in self.closures)
        return found


def fill(objects: int) -> list[list[int]]:
    """Memory of a program that has much of it, all in the oldest generation."""
    gc.disable()
    kept = [[i] for i in range(objects)]
    gc.enable()
    gc.collect()
    return kept


def reload(
    tool: str, objects: int, closures: bool, edit: str, shape: workloads.Shape
) -> dict[str, object]:
    """Edits of one module, each followed by an update by the tool."""
    updater: Updater = UPDATERS[tool]()
    folder = LiveFolder()
    updater.start(folder.path)
    kept = fill(objects)
    module = folder.load("measured", workloads.source(shape, 1))
    updater.imported()
    holders = Holders(module, shape, closures)
    walls: list[float] = []
    cpus: list[float] = []
    compiles: list[float] = []
    reports: list[object] = []
    follow: dict[str, bool] = {}
    tag, only = 1, None
    for number in range(2, 2 + EDITS):
        if edit == "all":
            tag = number
        else:
            only = number
        text = workloads.source(shape, tag, only)
        compiles.append(
            timed(lambda text=text: compile(text, "measured.py", "exec"))[1]
        )
        folder.write("measured", text)
        gc.collect()
        wall, cpu, report = timed(lambda: updater.update([module]))
        walls.append(wall)
        cpus.append(cpu)
        reports.append(report)
        for kind, good in holders.follow(tag, only).items():
            follow[kind] = follow.get(kind, True) and good
        if sum(walls) > PATIENCE:
            break
    result = {
        "wall": walls,
        "cpu": cpus,
        "compile": compiles,
        "follow": follow,
        "objects": len(kept),
        "lines": text.count("\n"),
    }
    if tool.startswith("resoul"):
        for name in ("prepare_ns", "plan_ns", "pause_ns", "blocked_ns"):
            result[name] = [getattr(update, name) for update in reports]
    return result


def timed(call: Callable[[], object]) -> tuple[float, float, object]:
    """Seconds on the clock, seconds of this process, and what the call returned."""
    cpu = time.process_time()
    wall = time.perf_counter()
    result = call()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def blocked(tool: str) -> dict[str, object]:
    """How long another thread stands still while one function of 4,000 lines changes.

    Threads take turns every half millisecond here: by default a thread that only runs
    Python code already keeps others waiting for five.
    """
    sys.setswitchinterval(0.0005)
    stop = threading.Event()
    longest = [0.0]

    def watch() -> None:
        before = time.perf_counter()
        while not stop.is_set():
            now = time.perf_counter()
            longest[0] = max(longest[0], now - before)
            before = now

    updater: Updater = UPDATERS[tool]()
    folder = LiveFolder()
    updater.start(folder.path)
    shape = workloads.LINES_4000
    module = folder.load("measured", workloads.source(shape, 1))
    updater.imported()
    gaps, told = [], []
    for number in range(2, 2 + EDITS):
        folder.write("measured", workloads.source(shape, 1, number))
        gc.collect()
        stop.clear()
        longest[0] = 0.0
        thread = threading.Thread(target=watch)
        thread.start()
        report = updater.update([module])
        stop.set()
        thread.join()
        gaps.append(longest[0])
        told.append(getattr(report, "blocked_ns", None))
        if module.f0(1) != number:
            raise SystemExit(f"{tool} did not update f0")
    return {"gap": gaps, "blocked_ns": told}


def imports(recorder: bool, count: int, folder: str) -> dict[str, object]:
    """Import `count` small modules, with resoul's import recorder or without."""
    import dataclasses
    import fnmatch
    import logging

    used = (dataclasses, fnmatch, logging)  # what resoul needs isn't measured
    if recorder:
        import resoul

        used += (resoul,)
    sys.path.insert(0, folder)
    names = [f"small{i}" for i in range(count)]

    def run() -> None:
        for name in names:
            __import__(name)

    paths = [os.path.join(folder, f"{name}.py") for name in names]

    def read() -> None:
        for path in paths:
            file = os.open(path, os.O_RDONLY)
            os.read(file, 16384)
            os.close(file)

    gc.collect()
    gc.disable()
    wall, cpu, _ = timed(run)
    # The least that keeping the sources can cost.
    reading = min(timed(read)[1] for _ in range(3))
    return {"wall": wall, "cpu": cpu, "reading": reading}


def boolean(text: str) -> bool:
    return {"yes": True, "no": False}[text]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("reload")
    command.add_argument("tool")
    command.add_argument("objects", type=int)
    command.add_argument("closures", type=boolean)
    command.add_argument("edit", choices=("all", "one"))
    command.add_argument("shape", choices=("BIG", "PAUSE", "LINES_4000"))
    command = commands.add_parser("blocked")
    command.add_argument("tool")
    command = commands.add_parser("imports")
    command.add_argument("recorder", type=boolean)
    command.add_argument("count", type=int)
    command.add_argument("folder")
    options = vars(parser.parse_args())
    name = options.pop("command")
    if "shape" in options:
        options["shape"] = getattr(workloads, options["shape"])
    result = {"reload": reload, "blocked": blocked, "imports": imports}[name](**options)
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
