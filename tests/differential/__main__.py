"""python -m tests.differential --cases 30000 --seed 7 --jobs 2

Run from the root of the repository, with a Python that can import resoul.
"""

import argparse
import json
import os
import sys

from . import runner
from .generate import generate
from .shrink import shrink


def main():
    options = parsed()
    if options.replay:
        return replay(options.replay)
    if options.shrink:
        return shrink_one(options.shrink)
    seed = options.seed or runner.new_seed()
    print(f"seed {seed}", flush=True)
    counts = runner.run(
        seed,
        options.cases,
        options.jobs,
        options.failures,
        options.stop_after,
        progress,
        options.execute,
    )
    print(counts.text())
    if options.json:
        with open(options.json, "w") as file:
            json.dump(counts.to_dict(), file)
    return bool(counts.failed) or counts.cases < options.cases


def parsed():
    parser = argparse.ArgumentParser(
        prog="python -m tests.differential",
        description="Random edits against a fresh process.",
    )
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed")
    parser.add_argument(
        "--execute", choices=("all", "changed"), default="all", help="what runs"
    )
    parser.add_argument("--json", metavar="FILE", help="write the counts there too")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--failures", default=runner.FAILURES, help="folder for cases that fail"
    )
    parser.add_argument(
        "--stop-after", type=int, default=50, help="failing cases after which to end"
    )
    parser.add_argument("--replay", metavar="FOLDER", help="try a saved case again")
    parser.add_argument(
        "--shrink",
        metavar="FOLDER",
        help="find a smaller case that fails like a saved one",
    )
    return parser.parse_args()


def progress(counts):
    if counts.cases % 1000 == 0:
        print(
            f"{counts.cases} cases, {len(counts.failed)} failed, {counts.refused} refused",
            flush=True,
        )


def script_in(folder):
    with open(os.path.join(folder, "script.json")) as file:
        return json.load(file)


def replay(folder):
    runner.preload()
    verdict = runner.try_script(script_in(folder))
    for what, expected, found in verdict.complaints:
        print(f"{what}\n  expected {expected}\n  found    {found}")
    print("fails" if verdict.complaints else f"holds {verdict.codes or ''}")
    return bool(verdict.complaints)


def shrink_one(folder):
    runner.preload()
    script = script_in(folder)
    case = shrink(
        generate(script["seed"], script["wanted"], script["execute"]),
        told=lambda text: print(text, flush=True),
    )
    small = case.but(seed=script["seed"] + "-small")
    where = runner.save(
        small, runner.try_case(small), os.path.dirname(os.path.abspath(folder))
    )
    with open(os.path.join(where, "complaints.txt")) as file:
        print(file.read())
    print(where)


if __name__ == "__main__":
    sys.exit(main())
