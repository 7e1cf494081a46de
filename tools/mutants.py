"""Is every cure needed, and does a test notice when it is missing?

The engine guards the cure of hazard n with RS_WITHOUT_CURE_n. For each n this
compiles the engine without that cure and runs tests/hazards' test_hazard_NN_*,
which must fail, crash or hang. Verdicts:

  caught               the tests passed with the cure and noticed its absence
  NOT CAUGHT           they pass without it too
  not on this version  all of them were skipped, this CPython lacks the hazard
  NO TEST, NO CURE, TEST FAILS (with the cure in place)

Ends with 1 if a hazard is anything but caught or not on this version.
Run by `make mutants`, which gives it a scratch environment to spoil: only the
sources that name the macro are compiled again, and the extension is linked and
exchanged in that environment, so subprocesses of tests get it too.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HAZARDS = range(1, 29)
TEST_SECONDS = 60
RUN_SECONDS = 240
GOOD = ("caught", "not on this version")


@dataclass
class Hazard:
    number: int
    tests: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    verdict: str = ""
    how: str = ""
    seconds: float = 0.0

    @property
    def title(self) -> str:
        names = (test.split("[")[0].split(self.prefix)[1] for test in self.tests)
        return next((name.replace("_", " ") for name in names), "")

    @property
    def prefix(self) -> str:
        return f"test_hazard_{self.number:02}_"


# -- tests ---------------------------------------------------------------------
def run_tests(python: str, what: list[str], report: Path) -> int | None:
    """pytest's exit status; None if it hung."""
    report.unlink(missing_ok=True)
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--tb=no"]
    # The first cannot end a loop in C, the second can.
    command += [f"--timeout={TEST_SECONDS}"]
    command += [f"-ofaulthandler_timeout={TEST_SECONDS + 5}", f"--junit-xml={report}"]
    command += ["tests/hazards", "-k", " or ".join(what)]
    with open(report.with_suffix(".log"), "w") as log:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return child.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return None


def outcomes(report: Path) -> dict[str, str]:
    """Test -> passed, failed or skipped."""
    found: dict[str, str] = {}
    if not report.exists():
        return found
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "passed"
        if kinds & {"failure", "error"}:
            outcome = "failed"
        elif "skipped" in kinds:
            outcome = "skipped"
        found[f"{case.get('classname')}.{case.get('name')}"] = outcome
    return found


# -- builds --------------------------------------------------------------------
class Engine:
    """The commands that compile and link the extension, from a ninja build."""

    def __init__(self, build: Path, installed: Path, cc: str) -> None:
        self.build = build
        self.installed = installed
        self.mutant = build / "mutant"
        self.mutant.mkdir(exist_ok=True)
        self.compile: dict[Path, list[str]] = {}
        for entry in json.loads((build / "compile_commands.json").read_text()):
            source = (build / entry["file"]).resolve()
            self.compile[source] = shlex.split(entry["command"])
        self.objects = {
            source: command[command.index("-o") + 1]
            for source, command in self.compile.items()
        }
        self.original = self.mutant / "original.so"
        shutil.copy2(installed, self.original)
        self.cc = cc

    def sources_naming(self, macro: str) -> list[Path]:
        word = re.compile(rf"\b{macro}\b")
        engine = ROOT / "src" / "engine"
        if any(word.search(path.read_text()) for path in engine.rglob("*.h")):
            return list(self.compile)
        return [path for path in self.compile if word.search(path.read_text())]

    def without_cure(self, number: int) -> bool:
        """Install the extension without that cure; False if none names it."""
        macro = f"RS_WITHOUT_CURE_{number}"
        sources = self.sources_naming(macro)
        objects = dict(self.objects)
        running = []
        for index, source in enumerate(sources):
            command = list(self.compile[source])
            target = self.mutant / f"{index}-{source.stem}.o"
            for option in ("-o", "-MF", "-MQ"):
                command[command.index(option) + 1] = str(target)
            command[command.index("-MF") + 1] += ".d"
            command.insert(1, f"-D{macro}")
            objects[source] = str(target)
            running.append(subprocess.Popen(command, cwd=self.build))
            if len(running) >= 2:
                wait(running.pop(0))
        for child in running:
            wait(child)
        linked = self.mutant / "linked.so"
        command = [self.cc, "-shared", "-o", str(linked), *objects.values()]
        subprocess.run(command, cwd=self.build, check=True)
        self.install(linked)
        return bool(sources)

    def restore(self) -> None:
        self.install(self.original)

    def install(self, library: Path) -> None:
        # A new file, never a write into one that a process may have mapped.
        fresh = self.installed.with_suffix(".new")
        shutil.copy2(library, fresh)
        fresh.replace(self.installed)


def wait(child: subprocess.Popen[bytes]) -> None:
    if child.wait() != 0:
        sys.exit(f"mutants: compiling failed: {shlex.join(map(str, child.args))}")


# -- verdicts ------------------------------------------------------------------
def judge(hazard: Hazard, engine: Engine, python: str, reports: Path) -> None:
    if not hazard.tests:
        hazard.verdict = "NO TEST"
    elif "failed" in hazard.outcomes:
        hazard.verdict = "TEST FAILS"
    elif "passed" not in hazard.outcomes:
        hazard.verdict = "not on this version"
    elif not engine.without_cure(hazard.number):
        hazard.verdict = "NO CURE"
    else:
        report = reports / f"hazard-{hazard.number:02}.xml"
        status = run_tests(python, [hazard.prefix], report)
        hazard.verdict = "NOT CAUGHT" if status == 0 else "caught"
        if status is None:
            hazard.how = "hung"
        elif status < 0:
            hazard.how = f"signal {-status}"
        elif status != 0:
            failed = list(outcomes(report).values()).count("failed")
            hazard.how = f"{failed} failed" if failed else f"exit status {status}"


def print_table(hazards: list[Hazard]) -> None:
    for one in hazards:
        print(
            f"{one.number:3}  {one.verdict:20} {one.how:14} {one.seconds:5.1f} s"
            f"  {one.title}",
            flush=True,
        )


def merge(files: list[Path]) -> int:
    """Each hazard must have been caught on one interpreter and missed on none."""
    seen: dict[int, dict[str, list[str]]] = {}
    for path in files:
        for number, verdict in json.loads(path.read_text()).items():
            seen.setdefault(int(number), {}).setdefault(verdict, []).append(path.stem)
    bad = 0
    for number, verdicts in sorted(seen.items()):
        good = set(verdicts) <= set(GOOD) and "caught" in verdicts
        bad += not good
        text = "; ".join(f"{what}: {' '.join(tags)}" for what, tags in verdicts.items())
        print(f"{number:3}  {'ok' if good else 'NOT OK':6}  {text}")
    print(f"mutants: {len(seen) - bad} of {len(seen)} hazards caught somewhere")
    return 1 if bad else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("numbers", nargs="*", type=int, help="hazards (default: all)")
    parser.add_argument("--json", type=Path, help="write the verdicts to this file")
    parser.add_argument(
        "--merge", type=Path, nargs="+", help="verdicts of several runs"
    )
    options = parser.parse_args()
    if options.merge:
        sys.exit(merge(options.merge))

    scratch = Path(f"{sys.prefix}-mutants")
    python = str(scratch / "bin" / "python")
    tools = ROOT / "tools"
    base = sys._base_executable
    subprocess.run([tools / "make_venv", scratch, base, "build", "test"], check=True)
    # Not a development build: a cure that is cut out leaves unused functions,
    # and the tests have to notice by themselves, not by the engine's assertions.
    options_of_build = ["-Doptimization=0", "-Ddebug=false"]
    subprocess.run([tools / "build", scratch, *options_of_build], check=True)

    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.strip()
    cc = shlex.split(sysconfig.get_config_var("CC"))[0]
    engine = Engine(scratch / "build", Path(site, "resoul", f"_engine{suffix}"), cc)

    numbers = options.numbers or list(HAZARDS)
    hazards = [Hazard(number) for number in numbers]
    reports = scratch / "reports"
    reports.mkdir(exist_ok=True)
    baseline = reports / "baseline.xml"
    try:
        run_tests(python, [hazard.prefix for hazard in hazards], baseline)
        for test, outcome in outcomes(baseline).items():
            for hazard in hazards:
                if hazard.prefix in test:
                    hazard.tests.append(test)
                    hazard.outcomes.append(outcome)
        for hazard in hazards:
            started = time.monotonic()
            judge(hazard, engine, python, reports)
            hazard.seconds = time.monotonic() - started
            print_table([hazard])
    finally:
        engine.restore()

    counts: dict[str, int] = {}
    for hazard in hazards:
        counts[hazard.verdict] = counts.get(hazard.verdict, 0) + 1
    total = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    print(f"mutants: Python {sys.version.split()[0]}: {total}; logs in {reports}")
    if options.json:
        verdicts = {hazard.number: hazard.verdict for hazard in hazards}
        options.json.write_text(json.dumps(verdicts))
    sys.exit(any(hazard.verdict not in GOOD for hazard in hazards))


if __name__ == "__main__":
    main()
