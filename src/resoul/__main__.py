"""`python -m resoul`."""

import argparse
import platform
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

import resoul

# The files of examples/arena, which meson installs here.
_ARENA = Path(__file__).resolve().parent / "_arena"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m resoul",
        description="Change a Python program while it runs.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n"
        "  demo           a game server is updated while bots play on it;\n"
        "                 'demo --help' shows its options",
        allow_abbrev=False,
    )
    python = f"{platform.python_implementation()} {platform.python_version()}"
    parser.add_argument(
        "--version",
        action="version",
        version=f"resoul {resoul.__version__} ({python} on {sys.platform})",
    )
    parser.add_argument("command", choices=["demo"], nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("options", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parser.usage = "%(prog)s [-h] [--version] command [options]"
    parsed = parser.parse_args(arguments)
    if parsed.command is None:
        parser.error("which command?")
    _demo(parsed.options)


def _demo(options: list[str]) -> None:
    sys.argv[1:] = options
    sys.path.insert(0, str(_ARENA))
    runpy.run_path(str(_ARENA / "demo.py"), run_name="__main__")


if __name__ == "__main__":
    main()
