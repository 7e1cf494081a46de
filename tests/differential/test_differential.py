"""1,000 random edits against a fresh process. RESOUL_SEED chooses others; it is printed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .kinds import KINDS

CASES = os.environ.get("RESOUL_CASES", "1000")
CHANGED = os.environ.get("RESOUL_CHANGED_CASES", "300")
SEED = os.environ.get("RESOUL_SEED", "2026")

ROOT = Path(__file__).parents[2]

# Debug builds and sanitizers take several times as long.
SLOW = hasattr(sys, "gettotalrefcount") or "libasan" in os.environ.get("LD_PRELOAD", "")
SECONDS = 3600 if SLOW else 900


def run(tmp_path_factory, cases, execute):
    """What a run in a process of its own counted, and what it printed."""
    answer = tmp_path_factory.mktemp("differential") / "counts.json"
    command = [sys.executable, "-m", "tests.differential", "--cases", cases]
    command += ["--json", str(answer), "--seed", SEED, "--execute", execute]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    return json.loads(answer.read_text())


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    return run(tmp_path_factory, CASES, "all")


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    return run(tmp_path_factory, CHANGED, "changed")


@pytest.mark.timeout(SECONDS)
def test_a_live_process_is_like_a_fresh_one(counts):
    assert counts["failed"] == []
    assert counts["cases"] == int(CASES)


def test_at_most_one_in_twenty_is_refused(counts):
    assert counts["refused"] <= 0.05 * counts["cases"]


def test_every_kind_of_edit_was_made(counts):
    assert not [kind for kind in KINDS if not counts["kinds"].get(kind)]


@pytest.mark.timeout(SECONDS)
def test_so_it_is_where_only_what_changed_runs(changed):
    assert changed["failed"] == []
    assert changed["cases"] == int(CHANGED)


def test_there_at_most_one_in_fifty_is_refused(changed):
    assert changed["refused"] <= 0.02 * changed["cases"]
