"""Instruction counts, under valgrind's cachegrind: the same on a busy machine."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def available() -> bool:
    return shutil.which("valgrind") is not None


def count(script: str, *arguments: object) -> tuple[int, object]:
    """Instructions of the whole process, and what it printed (JSON)."""
    command = [
        "valgrind",
        "--tool=cachegrind",
        "--cache-sim=no",
        "--cachegrind-out-file=/dev/null",
        sys.executable,
        "-X",
        "frozen_modules=on",
        str(HERE / script),
        *map(str, arguments),
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"I +refs: +([\d,]+)", done.stderr)
    if done.returncode != 0 or found is None:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return int(found.group(1).replace(",", "")), json.loads(done.stdout or "null")


def difference(script: str, *arguments: object, low: int, high: int) -> float:
    """Instructions of one round: the last argument is the number of rounds."""
    first, _ = count(script, *arguments, low)
    second, _ = count(script, *arguments, high)
    return (second - first) / (high - low)
