"""Fixtures of the whole suite."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from livefolder import LiveFolder, Machinery, text

import resoul

TESTS = Path(__file__).parent

PREAMBLE = """\
import sys
from livefolder import *
from livefolder import LiveFolder
import resoul
live = LiveFolder(sys.argv[1])
"""


def pytest_configure(config):
    # Shells start background jobs with interrupts ignored, and children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line(
        "markers", "whole_bodies: updates run with execute='all', data='keep'"
    )
    config.addinivalue_line(
        "markers", "without_history: updates can't be undone, so that old values die"
    )
    config.addinivalue_line(
        "markers", "refuses(code, ...): the test shows these RSL codes (test_refusals)"
    )


@pytest.fixture
def live(tmp_path):
    """A folder of modules on sys.path; also asserts that updates left no traces."""
    machinery = Machinery()
    folder = LiveFolder(tmp_path)
    try:
        yield folder
    finally:
        folder.close()
    machinery.check()


# Written for whole bodies; tests/select has what changed, by the built-in defaults.
WHOLE_BODIES = {"contract", "hazards", "fault", "differential"}
WHOLE = {"execute": "all", "data": "keep"}


def _runs_whole_bodies(request):
    folder, name = request.path.parent.name, request.path.name
    return request.node.get_closest_marker("whole_bodies") is not None or (
        folder in WHOLE_BODIES and name != "test_configuration.py"
    )


@pytest.fixture(autouse=True)
def how_updates_run(request):
    """What the calls of a test leave open is what its folder was written for."""
    if not _runs_whole_bodies(request):
        yield
        return
    before = resoul.configure()
    resoul.configure(**WHOLE)
    yield
    resoul.configure(data=before.data, execute=before.execute)


@pytest.fixture(autouse=True)
def what_history_keeps(request):
    """All that a test does not ask for is forgotten at its end."""
    if request.node.get_closest_marker("without_history") is not None:
        resoul.configure(history=0)
    yield
    resoul.configure(history=0)
    resoul.configure(history=10)


@pytest.fixture
def program(tmp_path, request):
    """Run a program in a process of its own; returns what it printed.

    `live`, `resoul` and the helpers of livefolder.py are defined in it. A crash,
    an exception or an exit code other than `status` fails the test.
    """

    def run(source, *arguments, status=0, env=None, timeout=100, flags=()):
        folder = tmp_path / "modules"
        folder.mkdir(exist_ok=True)
        script = tmp_path / "program.py"
        whole = f"resoul.configure(**{WHOLE})\n" if _runs_whole_bodies(request) else ""
        script.write_text(PREAMBLE + whole + text(source))
        path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [
                *(sys.executable, "-X", "faulthandler", *flags),
                *(str(script), str(folder), *arguments),
            ],
            env={**os.environ, **(env or {}), "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == status, (
            f"ended with {_ending(done.returncode)}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    return run


def _ending(returncode):
    if returncode < 0:
        return signal.Signals(-returncode).name
    return f"exit code {returncode}"
