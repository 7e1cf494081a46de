"""Runs cases: a process per worker, and below it a forked child for every live and every fresh process.

A worker has imported everything that cases import, so a child starts in a millisecond.  A child that dies, hangs or
writes no answer is a failing case; the number of its signal is told.
"""

import collections
import dataclasses
import faulthandler
import gc
import json
import logging
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback

from .case import script_of
from .generate import generate
from .kinds import KINDS
from .oracle import judge, judge_chunks
from .process import fresh, live

TIMEOUT = 120  # seconds for one child; machines can be busy
MARK = b"\0answer\0"  # in front of it there is what went to stderr
FAILURES = os.path.join(os.path.dirname(__file__), "failures")


class ChildError(Exception):
    """A child died or hung."""


def in_child(function, *arguments):
    """What function(*arguments) returns in a forked child."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        child(function, arguments, reader, writer)
    os.close(writer)
    try:
        answer = receive(reader, pid)
    finally:
        os.close(reader)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        raise ChildError(
            f"died of {signal.Signals(os.WTERMSIG(status)).name}\n{answer.decode(errors='replace')[-3000:]}"
        )
    if os.WEXITSTATUS(status):
        raise ChildError(answer.decode(errors="replace")[-6000:])
    said, _, answer = answer.rpartition(MARK)
    if said:
        raise ChildError(f"wrote to stderr\n{said.decode(errors='replace')[-3000:]}")
    return json.loads(answer)


def child(function, arguments, reader, writer):
    os.close(reader)
    os.dup2(writer, 2)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    faulthandler.enable(file=2)
    status = 1
    try:
        answer = MARK + json.dumps(function(*arguments)).encode()
        while answer:
            answer = answer[os.write(writer, answer) :]
        status = 0
    except BaseException:
        os.write(writer, traceback.format_exc().encode())
    finally:
        os._exit(status)


def receive(reader, pid):
    chunks = []
    deadline = time.monotonic() + TIMEOUT
    while True:
        ready, _, _ = select.select(
            [reader], [], [], max(0, deadline - time.monotonic())
        )
        if not ready:
            os.kill(pid, signal.SIGABRT)  # faulthandler writes where it hangs
            chunks.append(os.read(reader, 65536))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise ChildError(
                f"hung for {TIMEOUT} s\n{b''.join(chunks).decode(errors='replace')}"
            )
        chunk = os.read(reader, 1 << 20)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)


@dataclasses.dataclass
class Verdict:
    seed: str
    kinds: tuple
    complaints: list
    codes: list
    invalid: bool = False  # a fresh process can't import it: the generator's fault


def try_case(case):
    return try_script(script_of(case))


def try_script(script):
    """Carry a script out and judge it."""
    verdict = Verdict(script["seed"], tuple(script["kinds"]), [], [])
    with tempfile.TemporaryDirectory(prefix="resoul-", dir=scratch_folder()) as folder:
        try:
            answers = [in_child(fresh, script, step, os.path.join(folder, f"fresh{number}")) if step.get("outcome") != "unprepared" else None
                       for number, step in enumerate(script["steps"])]  # fmt: skip
        except ChildError as error:
            verdict.complaints, verdict.invalid = [("fresh", "works", str(error))], True
            return verdict
        known = [one and one["described"]["keys"] for one in answers]
        try:
            results = in_child(live, script, known, os.path.join(folder, "live"))
        except ChildError as error:
            verdict.complaints = [("live", "works", str(error))]
            return verdict
        verdict.complaints, verdict.codes = judge(script, answers, results)
        if script["steps"][-1]["reload"]["execute"] == "changed":
            verdict.complaints += chunks_of(script, known, results, folder)
    return verdict


def chunks_of(script, known, results, folder):
    """Complaints about cutting sources as text; engines for users have no switch for that."""
    if not hasattr(resoul_engine(), "_chunks"):
        return []
    try:
        whole = in_child(
            live, {**script, "whole": True}, known, os.path.join(folder, "whole")
        )
    except ChildError as error:
        return [("live, parsed as a whole", "works", str(error))]
    return judge_chunks(results, whole)


def resoul_engine():
    from resoul import _engine

    return _engine


def scratch_folder():
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


# -- many cases -------------------------------------------------------------------------------------------------------


def seeds_of(seed, cases):
    """(seed, wanted kind) of each case: every second one goes through all kinds of edit."""
    return [
        (f"{seed}-{number}", KINDS[number // 2 % len(KINDS)] if number % 2 else None)
        for number in range(cases)
    ]


def run(
    seed,
    cases,
    jobs=2,
    failures=FAILURES,
    stop_after=50,
    progress=None,
    execute="all",
):
    """Try many cases in `jobs` workers; gives Counts."""
    counts = Counts(seed)
    pending = seeds_of(seed, cases)
    workers = [
        Worker(pending[number::jobs], failures, execute) for number in range(jobs)
    ]
    try:
        while any(one.open for one in workers):
            ready, _, _ = select.select(
                [one.reader for one in workers if one.open], [], []
            )
            for worker in workers:
                if worker.reader in ready:
                    for verdict in worker.verdicts():
                        counts.add(verdict)
                        if progress:
                            progress(counts)
            if len(counts.failed) >= stop_after:
                break
    finally:
        for worker in workers:
            worker.end()
    return counts


class Counts:
    def __init__(self, seed):
        self.seed = seed
        self.cases = 0
        self.refused = 0
        self.kinds = collections.Counter()
        self.codes = collections.Counter()
        self.failed = []  # (seed, first complaint, folder)

    def add(self, verdict):
        assert set(verdict["kinds"]) <= set(KINDS), verdict["kinds"]
        self.cases += 1
        self.kinds.update(verdict["kinds"])
        self.codes.update(set(verdict["codes"]))
        self.refused += bool(verdict["codes"])
        if verdict["failure"]:
            self.failed.append(verdict["failure"])

    def to_dict(self):
        return {
            "cases": self.cases,
            "refused": self.refused,
            "kinds": self.kinds,
            "failed": self.failed,
        }

    def text(self):
        lines = [f"seed {self.seed}: {self.cases} cases, {len(self.failed)} failed, {self.refused} refused "
                 f"({100 * self.refused / max(1, self.cases):.1f}%)"]  # fmt: skip
        lines += [f"  {code} {count}" for code, count in sorted(self.codes.items())]
        lines.append(
            "edits: " + ", ".join(f"{kind} {self.kinds[kind]}" for kind in KINDS)
        )
        for seed, complaint, folder in self.failed:
            lines.append(
                f"FAILED {seed}: {complaint}\n    python -m tests.differential --replay {folder}"
            )
        return "\n".join(lines)


class Worker:
    """A forked process that tries cases one by one and writes a line of JSON for each."""

    def __init__(self, seeds, failures, execute):
        self.reader, writer = os.pipe()
        self.pid = os.fork()
        self.open = True
        self.buffer = b""
        if not self.pid:
            os.close(self.reader)
            work(seeds, failures, execute, writer)
        os.close(writer)

    def verdicts(self):
        chunk = os.read(self.reader, 1 << 16)
        self.open = bool(chunk)
        self.buffer += chunk
        *lines, self.buffer = self.buffer.split(b"\n")
        return [json.loads(line) for line in lines]

    def end(self):
        if self.open:
            os.kill(self.pid, signal.SIGTERM)
        os.close(self.reader)
        os.waitpid(self.pid, 0)


def work(seeds, failures, execute, writer):
    try:
        preload()
        for seed, wanted in seeds:
            line = json.dumps(work_on(seed, wanted, failures, execute)).encode() + b"\n"
            os.write(writer, line)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def work_on(seed, wanted, failures, execute):
    case, verdict = valid_case(seed, wanted, execute)
    failure = None
    if verdict.complaints:
        what, expected, found = verdict.complaints[0]
        complaint = f"{what}: expected {expected}, found {found}"[:1500]
        failure = (seed, complaint, save(case, verdict, failures, wanted))
    return {"kinds": case.kinds, "codes": verdict.codes, "failure": failure}


def valid_case(seed, wanted, execute):
    """A case that a fresh process can import, and the verdict on it.

    Random bases have no consistent order now and then; more than that is a fault here.
    """
    for attempt in ("", *(f".{number}" for number in range(10))):
        case = generate(seed + attempt, wanted, execute)
        verdict = try_case(case)
        if not verdict.invalid:
            break
    return case, verdict


def preload():
    """Import what cases import, once, and take it out of the collector's sight."""
    import abc  # noqa: F401

    import resoul  # noqa: F401

    logging.getLogger("resoul").addHandler(logging.NullHandler())
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.collect()
    gc.freeze()


# -- failures ---------------------------------------------------------------------------------------------------------


def save(case, verdict, failures, wanted=None):
    """Two folders of sources, the script, and what was wrong."""
    script = script_of(case)
    folder = os.path.join(failures, script["seed"])
    shutil.rmtree(folder, ignore_errors=True)
    for version, sources in script["sources"].items():
        os.makedirs(os.path.join(folder, version))
        for name, text in sources.items():
            with open(os.path.join(folder, version, f"{name}.py"), "w") as file:
                file.write(text)
    with open(os.path.join(folder, "script.json"), "w") as file:
        json.dump({**script, "wanted": wanted, "execute": case.execute}, file, indent=1)
    with open(os.path.join(folder, "complaints.txt"), "w") as file:
        file.write(told(case, script, verdict))
    return folder


def told(case, script, verdict):
    lines = [f"python {sys.version.split()[0]}, seed {script['seed']}, edits: {', '.join(case.kinds)}",
             f"reload({script['steps'][-1]['reload']})", f"changed state: {script['mutations']} {script['touches']}"]  # fmt: skip
    lines += [f"held: {key} = {text}" for key, text in script["holds"].items()]
    for what, expected, found in verdict.complaints:
        lines.append(f"\n{what}\n  expected {expected}\n  found    {found}")
    return "\n".join(lines) + "\n"


def new_seed():
    return random.SystemRandom().randrange(10**9)
