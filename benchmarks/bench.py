"""Measures resoul and what it is compared with: `make bench`.

Every measurement runs in a fresh process. All scenarios have a turn in each round, in
another order each time, so that what else the machine does meets all of them; medians
over the rounds are compared. Writes results.json and reload.svg, and prints the tables.

    bench.py [--rounds N] [--only PREFIX,...] [--out FOLDER] [--no-counts]
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import draw
import goals
import instructions
import report
import workloads
from calls import BODIES
from updaters import UPDATERS, selects_changed, version_of

HERE = Path(__file__).resolve().parent
OBJECTS = 5_000_000
MODULES = 1_000

# A process that takes longer is ended, and the scenario counts as slower than this.
LIMIT = 60
# A scenario whose process takes longer has a turn in the first round only.
SLOW = 20


def scenarios(folder: str) -> dict[str, list[str]]:
    """Name -> arguments of measure.py, or of the script that is named first."""
    found: dict[str, list[str]] = {}

    def reload(tool: str, objects: int, closures: str, edit: str, shape: str) -> None:
        arguments = ["reload", tool, str(objects), closures, edit, shape]
        found["/".join(arguments)] = arguments

    for tool in UPDATERS:
        for objects in (0, OBJECTS):
            for edit in ("one", "all"):
                reload(tool, objects, "no", edit, "BIG")
            reload(tool, objects, "yes", "all", "BIG")
    reload("resoul-all", 0, "no", "all", "PAUSE")
    found["blocked/resoul"] = ["blocked", "resoul"]
    found["blocked/resoul-all"] = ["blocked", "resoul-all"]
    found["blocked/importlib"] = ["blocked", "importlib"]
    for objects in (0, OBJECTS):
        found[f"hotfix/{objects}"] = ["hotfixes.py", "hotfix", str(objects)]
    found["recording"] = ["hotfixes.py", "recording", "0"]
    # cheap, and the differences are small
    for number in range(3):
        for recorder in ("yes", "no"):
            found[f"imports/{recorder}#{number}"] = [
                "imports",
                recorder,
                str(MODULES),
                folder,
            ]
    return found


def measure(arguments: list[str]) -> dict[str, Any]:
    """What the process says; how long it ran if that was too long."""
    start = time.perf_counter()
    script = "measure.py"
    if arguments[0].endswith(".py"):
        script, *arguments = arguments
    env = {**os.environ}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # containers set it, users don't
    try:
        done = subprocess.run(
            [sys.executable, str(HERE / script), *arguments],
            env=env,
            check=False,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return {"longer_than": LIMIT, "took": LIMIT}
    if done.returncode != 0:
        raise SystemExit(f"{script} {' '.join(arguments)} failed:\n{done.stderr}")
    return {**json.loads(done.stdout), "took": time.perf_counter() - start}


def run_rounds(
    wanted: dict[str, list[str]], rounds: int, seed: int
) -> dict[str, list[dict[str, Any]]]:
    chance = random.Random(seed)
    runs: dict[str, list[dict[str, Any]]] = {}
    slow: set[str] = set()
    for number in range(rounds):
        names = [name for name in wanted if name not in slow]
        chance.shuffle(names)
        for turn, name in enumerate(names, 1):
            tell(f"round {number + 1} of {rounds}, {turn} of {len(names)}: {name}")
            result = measure(wanted[name])
            runs.setdefault(name.partition("#")[0], []).append(result)
            if result["took"] > SLOW:
                slow.add(name)
    tell("")
    return runs


def count_instructions(folder: str) -> dict[str, Any]:
    """Whatever is the same on every machine: counts, and what is left behind."""
    counts: dict[str, Any] = {"calls": {}, "opcodes": {}, "idle": None, "imports": None}
    counts["left"] = json.loads(run_script("footprint.py"))
    for kind in BODIES:
        opcodes = [
            json.loads(run_script("calls.py", kind, history, "10"))
            for history in ("fresh", "updated")
        ]
        counts["opcodes"][kind] = opcodes[0] == opcodes[1]
    if not instructions.available():
        return counts
    for kind in BODIES:
        tell(f"instructions of calls: {kind}")
        fresh, updated = (
            instructions.difference("calls.py", kind, history, low=50, high=150) / 1000
            for history in ("fresh", "updated")
        )
        counts["calls"][kind] = {
            "fresh": fresh,
            "updated": updated,
            "ratio": updated / fresh,
        }
    tell("instructions: idle, imports")
    plain, resoul = (
        instructions.difference("calls.py", "idle", history, low=10, high=60)
        for history in ("plain", "resoul")
    )
    counts["idle"] = resoul / plain
    plain, recorded = (
        instructions.count("measure.py", "imports", recorder, MODULES, folder)[0]
        - instructions.count("measure.py", "imports", recorder, 0, folder)[0]
        for recorder in ("no", "yes")
    )
    counts["imports"] = recorded / plain
    tell("")
    return counts


def run_script(script: str, *arguments: str) -> str:
    command = [sys.executable, str(HERE / script), *arguments]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, timeout=LIMIT
    ).stdout


def tell(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)
    elif what:
        print(what, file=sys.stderr, flush=True)


def machine(load: list[tuple[float, float, float]]) -> dict[str, Any]:
    return {
        "python": sys.version.split()[0],
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load_at_start_and_end": load,
        "versions": {name: version_of(name) for name in UPDATERS},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument(
        "--only", default="", help="scenarios that start so, or so: A,B"
    )
    parser.add_argument("--no-counts", action="store_true", help="no valgrind")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.rounds} rounds")
    load = [os.getloadavg()]
    with tempfile.TemporaryDirectory() as folder:
        workloads.write_many(Path(folder), MODULES)
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", folder],
            check=True,
            timeout=LIMIT,
        )
        wanted = {
            name: arguments
            for name, arguments in scenarios(folder).items()
            if name.startswith(tuple(options.only.split(",")))
        }
        runs = run_rounds(wanted, options.rounds, options.seed)
        counts = {}
        if not options.no_counts:
            counts = count_instructions(folder)
    load.append(os.getloadavg())
    built = selects_changed()
    found = goals.evaluate(goals.Results(runs), counts, built)
    data = {
        "machine": machine(load),
        "changed_is_built": built,
        "seed": options.seed,
        "goals": [goal.to_dict() for goal in found],
        "counts": counts,
        "runs": runs,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(data, indent=1) + "\n")
    draw.draw(data, options.out / "reload.svg")
    print(report.tables(data))
    for goal in found:
        print(goal)


if __name__ == "__main__":
    main()
