"""Runs every case with every tool, each in a fresh process, and writes
docs/comparison.md and the table between the markers of README.md.

    compare.py                  all of it
    compare.py TOOL NUMBER      one case in this process; prints the cell as JSON
"""

import contextlib
import io
import json
import subprocess
import sys
import traceback
from pathlib import Path

from abilities import ABILITIES, Ability, Live
from cases import classes, functions, reports, state, transactions  # noqa: F401
from live import LiveFolder
from updaters import UPDATERS, selects_changed, version_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TOOLS = ("importlib", "autoreload-classic", "autoreload", "jurigged", "resoul")
START, END = "<!-- comparison: made by make compare -->\n", "<!-- comparison end -->\n"

GROUPS = ("Functions", "Classes and instances", "State", "Transactions", "Reports")
ABILITIES.sort(key=lambda ability: GROUPS.index(ability.group))

Cell = str  # "yes", "no", "partly: ...", "no: ..."


# ---- one case -----------------------------------------------------------------------


class Case(Live):
    def __init__(self, tool: str, ability: Ability):
        self._ability = ability
        self._folder = LiveFolder()
        self._updater = UPDATERS[tool]()
        self._updater.start(self._folder.path)
        for name, (old, _) in ability.sources.items():
            self._folder.write(name, old)
        self._modules = [
            self._folder.load(name, old) for name, (old, _) in ability.sources.items()
        ]
        for module in self._modules:
            setattr(self, module.__name__, module)
        self._updater.imported()

    def update(self, **sources: str) -> object:
        """The new sources of the case, or those that are given, and one update."""
        wanted = sources or {
            name: new
            for name, (old, new) in self._ability.sources.items()
            if old != new
        }
        for name, text in wanted.items():
            self._folder.write(name, text)
        changed = [module for module in self._modules if module.__name__ in wanted]
        try:
            self.report = self._updater.update(changed)
        except Exception as error:
            self.error = error
        return self.report


def run_case(tool: str, ability: Ability) -> Cell:
    case = Case(tool, ability)
    try:
        found = ability.run(case)
    except Exception as raised:
        traceback.print_exc()
        return f"no: {type(case.error or raised).__name__}"
    if isinstance(found, str):
        return found
    if not found and case.error is not None:
        return f"no: {type(case.error).__name__}"
    return "yes" if found else "no"


# ---- all of them --------------------------------------------------------------------


def cell_of(tool: str, number: int) -> Cell:
    done = subprocess.run(
        [sys.executable, str(HERE / "compare.py"), tool, str(number)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode < 0:
        return f"no: crashed with signal {-done.returncode}"
    if done.returncode != 0:
        raise SystemExit(f"{tool}, {ABILITIES[number].title}:\n{done.stderr}")
    return json.loads(done.stdout)


def table(cells: dict[tuple[int, str], Cell], short: bool) -> str:
    heads = [f"{UPDATERS[tool].title}" for tool in TOOLS]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(TOOLS)}"]
    group = ""
    for number, ability in enumerate(ABILITIES):
        if short and not ability.short:
            continue
        if not short and ability.group != group:
            group = ability.group
            lines.append(f"| **{group}** |{' |' * len(TOOLS)}")
        row = [cells[number, tool] for tool in TOOLS]
        lines.append(f"| {ability.title} | {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def summary(cells: dict[tuple[int, str], Cell]) -> str:
    counts = []
    for tool in TOOLS:
        yes = sum(cells[number, tool] == "yes" for number in range(len(ABILITIES)))
        counts.append(f"{UPDATERS[tool].title} {yes}")
    return f"Of {len(ABILITIES)} cases, yes: {', '.join(counts)}.\n"


def page(cells: dict[tuple[int, str], Cell]) -> str:
    known = {f"{UPDATERS[tool].title} {version_of(tool)}" for tool in TOOLS}
    note = (
        ""
        if selects_changed()
        else 'This resoul runs the whole new body (`execute="all"`) by default.\n'
    )
    return (
        "# What reloading does: resoul and others\n\n"
        "Made by `make compare`: each cell is a small program of\n"
        "[benchmarks/cases](../benchmarks/cases) that was run with that tool, "
        "in a process of\nits own, with its default settings. *yes*: what the row says is "
        "so; *no* and *partly*: with what\nwas seen, an exception for instance.\n\n"
        f"CPython {sys.version.split()[0]}; {', '.join(sorted(known))}.\n"
        f"{note}\n{summary(cells)}\n{table(cells, short=False)}\n"
        "The tools want different things. `importlib.reload` is asked to run the module "
        "again in the same\nnamespace, and does. IPython's autoreload serves notebooks, "
        "where running on after an error and\nremoving what left the source are wanted; its "
        "classic algorithm is also what the newer one falls\nback to. jurigged watches files "
        "and applies each changed statement on its own, so that the rest\narrives when one "
        "fails. How long each takes: [benchmarks.md](benchmarks.md).\n"
    )


def write(cells: dict[tuple[int, str], Cell]) -> None:
    (ROOT / "docs" / "comparison.md").write_text(page(cells))
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, found, rest = text.partition(START)
    if not found or END not in rest:
        raise SystemExit(f"README.md lacks the lines {START!r} and {END!r}")
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{START}\n{table(cells, short=True)}\n{END}{after}")


def main() -> None:
    if len(sys.argv) == 3:
        with contextlib.redirect_stdout(io.StringIO()):
            cell = run_case(sys.argv[1], ABILITIES[int(sys.argv[2])])
        print(json.dumps(cell))
        return
    cells: dict[tuple[int, str], Cell] = {}
    for number, ability in enumerate(ABILITIES):
        for tool in TOOLS:
            cells[number, tool] = cell_of(tool, number)
        row = " | ".join(cells[number, tool] for tool in TOOLS)
        print(f"{ability.title}\n    {row}", flush=True)
    write(cells)
    print(summary(cells), end="")


if __name__ == "__main__":
    main()
