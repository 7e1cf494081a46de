"""Tables of a session's results: as text, and for docs/benchmarks.md.

report.py FOLDER        prints the tables of FOLDER/results.json as Markdown
"""

import json
import sys
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from updaters import UPDATERS

BASE = "importlib"

CASES = {
    "one of 500 functions changed": "reload/{}/0/no/one/BIG",
    "the same, 5 million other objects alive": "reload/{}/5000000/no/one/BIG",
    "all functions and methods changed": "reload/{}/0/no/all/BIG",
    "the same, 5 million other objects alive ": "reload/{}/5000000/no/all/BIG",
    "all changed, 1,000 closures alive": "reload/{}/0/yes/all/BIG",
    "the same, 5 million other objects alive  ": "reload/{}/5000000/yes/all/BIG",
}


def seconds(runs: list[dict[str, Any]], field: str = "wall") -> list[float]:
    """One value for each process."""
    return [median(run[field]) for run in runs if field in run]


def middle(runs: list[dict[str, Any]], field: str = "wall") -> float | None:
    found = seconds(runs, field)
    return median(found) if found else None


def spread(values: list[float]) -> float:
    """Half of the middle half's width."""
    if len(values) < 2:
        return 0.0
    low, _, high = quantiles(values, n=4, method="inclusive")
    return (high - low) / 2


def cell(runs: list[dict[str, Any]], base: float | None) -> str:
    if not runs:
        return ""
    limits = [run["longer_than"] for run in runs if "longer_than" in run]
    value = middle(runs)
    if value is None:
        return f"over {max(limits)} s"
    shown = f"{value * 1e3:.4g} ms ± {spread(seconds(runs)) * 1e3:.2g}"
    return shown + (f" ({value / base:.3g} x)" if base else "")


def stays_old(runs: list[dict[str, Any]]) -> list[str]:
    """Kinds of holders that went on with old code, at least once."""
    kinds: dict[str, bool] = {}
    for run in runs:
        for kind, good in run.get("follow", {}).items():
            kinds[kind] = kinds.get(kind, True) and good
    return [kind for kind, good in kinds.items() if not good]


def rows(data: dict[str, Any]) -> list[tuple[str, ...]]:
    """Case, tool, time, CPU time as ratio, who stays on old code."""
    found = []
    for case, pattern in CASES.items():
        base_runs = data["runs"].get(pattern.format(BASE), [])
        base, base_cpu = middle(base_runs), middle(base_runs, "cpu")
        for name, cls in UPDATERS.items():
            runs = data["runs"].get(pattern.format(name), [])
            if not runs or (name == "resoul" and not data["changed_is_built"]):
                continue
            cpu = middle(runs, "cpu")
            found.append(
                (
                    case.strip(),
                    cls.title,
                    cell(runs, base),
                    f"{cpu / base_cpu:.3g} x" if cpu and base_cpu else "",
                    ", ".join(stays_old(runs)) or ("all follow" if cpu else ""),
                )
            )
    return found


HEAD = ("", "", "time (against importlib.reload)", "CPU time", "stays on old code")


def grouped(found: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """A case is named once."""
    return [
        (row[0] if i == 0 or found[i - 1][0] != row[0] else "", *row[1:])
        for i, row in enumerate(found)
    ]


def hotfixes(data: dict[str, Any]) -> list[tuple[str, str]]:
    """What a hotfix costs, and an assignment in one."""
    found = []
    names = ("hotfix/0", "hotfix/5000000")
    plain, heavy = (data["runs"].get(name, []) for name in names)
    for field, what in (("cpu", "hotfix of one function"), ("undo", "its undo")):
        few, many = middle(plain, field), middle(heavy, field)
        if few and many:
            found.append(
                (
                    what,
                    f"{few * 1e3:.3g} ms; with 5 million other objects alive "
                    f"{many * 1e3:.3g} ms ({many / few:.3g} x)",
                )
            )
    if pause := middle(heavy, "pause_ns"):
        found.append(("its pause", f"{pause / 1e3:.0f} us"))
    runs = [run["recording"] for run in data["runs"].get("recording", [])]
    for kind in runs[0] if runs else ():
        ours, plainly = (
            median(run[kind][way] for run in runs) for way in ("snippet", "exec")
        )
        found.append(
            (
                f"one assignment in a snippet: {kind}",
                f"{ours:.0f} ns, with exec() {plainly:.0f} ns",
            )
        )
    return found


def tables(data: dict[str, Any]) -> str:
    table = [HEAD, *grouped(rows(data))]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
    lines = []
    for row in table:
        if row[0]:
            lines += ["", row[0]]
        lines.append(
            "    "
            + "  ".join(
                text.ljust(width)
                for text, width in zip(row[1:], widths[1:], strict=True)
            ).rstrip()
        )
    for row in hotfixes(data):
        lines.append("    " + "  ".join(text.ljust(42) for text in row).rstrip())
    for kind, count in data["counts"].get("calls", {}).items():
        lines.append(
            f"    {kind:16} {count['fresh']:8.1f} instructions fresh, "
            f"{count['updated']:8.1f} after three updates"
        )
    return "\n".join(lines) + "\n"


def markdown(data: dict[str, Any]) -> str:
    lines = [
        f"| {' | '.join(HEAD)} |",
        f"|{'---|' * len(HEAD)}",
        *(f"| {' | '.join(row)} |" for row in grouped(rows(data))),
        "",
        "| goal | | limit | measured | |",
        "|---|---|---|---|---|",
    ]
    for goal in data["goals"]:
        verdict = {True: "reached", False: "**not reached**", None: "not measured"}
        value = "" if goal["value"] is None else f"{goal['value']:.3g} {goal['unit']}"
        lines.append(
            f"| {goal['key']} | {goal['what']} | {goal['limit']:g} {goal['unit']} | "
            f"{value} | {verdict[goal['reached']]}. {goal['note']} |"
        )
    if rows_of_hotfixes := hotfixes(data):
        lines += ["", "| hotfixes | |", "|---|---|"]
        lines += [f"| {what} | {cost} |" for what, cost in rows_of_hotfixes]
    if data["counts"].get("calls", {}):
        lines += [
            "",
            "| call of | instructions, fresh | after three updates |",
            "|---|---|---|",
        ]
        lines += [
            f"| {kind} | {count['fresh']:.1f} | {count['updated']:.1f} |"
            for kind, count in data["counts"].get("calls", {}).items()
        ]
    return "\n".join(lines) + "\n"


def session_text(data: dict[str, Any]) -> str:
    where = data["machine"]
    load = " to ".join(
        f"{numbers[0]:.0f}" for numbers in where["load_at_start_and_end"]
    )
    known = {
        f"{UPDATERS[name].title.partition(',')[0]} {version}"
        for name, version in where["versions"].items()
    }
    rounds = max(len(runs) for runs in data["runs"].values())
    return (
        f"CPython {where['python']}, {where['system']} {where['machine']}, "
        f"{where['cores']} cores, load {load} (others were working on the machine); "
        f"at most {rounds} processes for each cell; {', '.join(sorted(known))}.\n"
    )


def main() -> None:
    data = json.loads((Path(sys.argv[1]) / "results.json").read_text())
    page = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
    start, end = "<!-- results: made by report.py -->\n", "<!-- results end -->\n"
    before, found, rest = page.read_text().partition(start)
    if not found or end not in rest:
        raise SystemExit(f"{page.name} lacks the lines {start!r} and {end!r}")
    text = f"{session_text(data)}\n{markdown(data)}"
    page.write_text(f"{before}{start}\n{text}\n{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    main()
