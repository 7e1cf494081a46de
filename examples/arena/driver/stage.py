"""The temporary folder and the processes of the demo; nothing of them is left behind."""

import contextlib
import json
import os
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "arena"
GRACE = 2.0  # seconds between asking and killing
START = 15.0  # seconds that a part may take to start


class StageError(Exception):
    """A part of the demo did not start, died or fell silent."""


class Stage:
    """Context manager that owns the folder, the lifeline and the processes.

    Each process gets a process group of its own.  So Ctrl-C in a terminal reaches the
    demo only, which then takes the stage down in order; and whatever a part has started
    goes with its group.  The lifeline (see child) covers the case that the demo's
    process is killed and gets no chance to do so.
    """

    def __init__(self):
        self.token = secrets.token_hex(16)
        self.folder = None
        self.package = None  # the folder of the server's sources that get edited
        self.parts = {}
        self.lifeline = None

    def __enter__(self):
        self.lifeline = os.pipe()
        self.folder = Path(tempfile.mkdtemp(prefix="resoul-arena-"))
        try:
            self.package = self.folder / PACKAGE.name
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PACKAGE, self.package, ignore=ignore)
        except BaseException:
            self.take_down()
            raise
        return self

    def __exit__(self, *exception):
        self.take_down()

    def start(self, name, path, module, *args):
        """Start `module`, found in the folder `path`, as the part called `name`."""
        command = [sys.executable, str(HERE / "child.py"), str(self.lifeline[0])]
        command += [str(self.folder), str(path), module, *map(str, args)]
        with open(self.log(name), "wb") as log:
            part = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | {"ARENA_ADMIN_TOKEN": self.token},
                pass_fds=self.lifeline[:1],
                process_group=0,
            )
        self.parts[name] = part
        return part

    def log(self, name):
        """Where the standard error of a part goes."""
        return self.folder / f"{name}.log"

    def first_message(self, name):
        """Return the first line of JSON that a part prints: its sign that it is ready."""
        part = self.parts[name]
        with selectors.DefaultSelector() as selector:
            selector.register(part.stdout, selectors.EVENT_READ)
            if not selector.select(START):
                raise StageError(f"the {name} said nothing for {START:.0f} s")
        line = part.stdout.readline()
        if not line:
            raise StageError(f"the {name} did not start{self.last_words(name)}")
        return json.loads(line)

    def obituary(self):
        """Name the parts that are dead, and what they said last; "" if none is."""
        time.sleep(0.2)  # a connection breaks a moment before its process is gone
        dead = {name: part.poll() for name, part in self.parts.items()}
        lines = [
            f"the {name} ended with {status}{self.last_words(name)}"
            for name, status in dead.items()
            if status is not None
        ]
        return "; ".join(lines)

    def last_words(self, name):
        """The end of a part's log, to go behind a sentence."""
        text = self.log(name).read_text(encoding="utf-8", errors="replace").strip()
        return ":\n" + "\n".join(text.splitlines()[-12:]) if text else ""

    def wait(self, name):
        """Wait for a part that was told to end; return its exit status."""
        try:
            return self.parts[name].wait(5 * GRACE)
        except subprocess.TimeoutExpired:
            raise StageError(f"the {name} did not end when told to") from None

    def take_down(self):
        """End all processes and remove the folder.  Signals wait until that is done."""
        wanted = {signal.SIGINT, signal.SIGTERM, signal.SIGALRM}
        with blocked(wanted):
            for sign in (signal.SIGTERM, signal.SIGKILL):
                for part in self.parts.values():
                    send_to_group(part, sign)
                for part in self.parts.values():
                    wait_quietly(part)
            for part in self.parts.values():
                with contextlib.suppress(BrokenPipeError):
                    part.stdin.close()
                part.stdout.close()
            while self.folder and self.folder.exists():
                shutil.rmtree(self.folder, ignore_errors=True)
            for end in self.lifeline:
                os.close(end)


@contextlib.contextmanager
def blocked(signals):
    """Hold `signals` back; those that came meanwhile arrive afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def send_to_group(part, sign):
    """Send a signal to a part that lives, and to whatever it has started.

    One that was waited for is left alone: its number may belong to somebody else by now.
    """
    if part.poll() is None:
        os.killpg(part.pid, sign)


def wait_quietly(part):
    """Give a part the time to end."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        part.wait(GRACE)
