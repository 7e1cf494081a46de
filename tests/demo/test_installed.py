"""`python -m resoul`, and the demo that comes with an installed resoul."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import resoul

ARENA = Path(__file__).resolve().parents[2] / "examples" / "arena"


@pytest.fixture
def face(tmp_path):
    """Run `python -m resoul` in an empty folder."""

    def run(*arguments, status=0):
        done = subprocess.run(
            [sys.executable, "-m", "resoul", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_the_demo_needs_nothing_but_the_package(face, tmp_path):
    face("demo", "--bots", "10", "--pace", "0", "--json", "seen.json")
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["ok"] and seen["bots_report"]["bots"] == 10
    assert [path.name for path in tmp_path.iterdir()] == ["seen.json"]


def test_the_installed_demo_is_the_one_of_the_examples():
    installed = Path(resoul.__file__).parent / "_arena"

    def content(folder):
        return {
            path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.py")
        }

    assert content(installed) == content(ARENA)


def test_options_of_the_demo_are_the_demos(face):
    assert "--engine {resoul,importlib}" in face("demo", "--help")
    assert "--bots: between 2 and 1000" in face("demo", "--bots", "1", status=2)
    assert "unrecognized arguments: --version" in face("demo", "--version", status=2)


def test_version_help_and_mistakes(face):
    version = face("--version")
    assert version.startswith(f"resoul {resoul.__version__} (")
    assert platform.python_version() in version
    assert "demo" in face("--help")
    assert "which command?" in face(status=2)
    assert "invalid choice: 'dem'" in face("dem", status=2)
