"""The demo: a game server is updated while 200 bots play on it.

    python -m resoul demo
    python -m resoul demo --bots 50 --json seen.json
    python -m resoul demo --engine importlib    # the same with importlib.reload

Exit status: 0 if every check held, 1 if one did not, 3 if the demo itself could not be
played to the end, 130 after Ctrl-C.  Nothing is left behind in any of these cases.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from driver.acts import ACTS
from driver.edits import EditError
from driver.paper import Paper, complain
from driver.play import Play
from driver.stage import Stage, StageError
from driver.verdict import as_json, judge

LIMIT = 60  # seconds, whatever happens


def parse(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bots", type=int, default=200, help="default: 200")
    parser.add_argument(
        "--pace", type=float, default=2.0, help="seconds of play per act, default: 2"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was seen")
    parser.add_argument("--diff", action="store_true", help="show the edits in full")
    parser.add_argument("--engine", choices=("resoul", "importlib"), default="resoul")
    options = parser.parse_args(arguments)
    if not 2 <= options.bots <= 1000:
        parser.error("--bots: between 2 and 1000, please")
    if not 0 <= options.pace <= 5:
        parser.error("--pace: between 0 and 5 seconds, please")
    return options


def main(arguments=None):
    """Play the demo; return the exit status."""
    options = parse(arguments)
    if os.name != "posix":
        complain("demo: this needs process groups and alarms, which only POSIX has")
        return 3
    sys.stdout.reconfigure(errors="replace")  # print(update) draws with box characters
    signal.signal(signal.SIGTERM, end_by_signal)
    signal.signal(signal.SIGALRM, end_by_clock)
    signal.alarm(LIMIT)
    try:
        return play(options)
    except (StageError, EditError) as error:
        complain(f"demo: {error}")
        return 3
    except KeyboardInterrupt:
        complain("demo: interrupted")
        return 130


def play(options):
    """Play all acts, print and write what was seen; return 0 if every check held."""
    paper = Paper(options.diff)
    with Stage() as stage:
        record = Play(stage, paper, options).run(ACTS)
    checks = judge(record)
    paper.closing(record, checks)
    if options.json:
        text = json.dumps(as_json(record, checks), indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0 if all(check.kept for check in checks) else 1


def end_by_signal(_number, _frame):
    """SIGTERM: leave through all `with` blocks."""
    raise KeyboardInterrupt


def end_by_clock(_number, _frame):
    """The demo took too long."""
    raise StageError(f"not over after {LIMIT} s")


if __name__ == "__main__":
    sys.exit(main())
