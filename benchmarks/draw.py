"""The picture of a session: times of all tools, on a logarithmic scale."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot
from report import CASES, middle, seconds, spread, stays_old
from updaters import UPDATERS

COLOURS = {
    "importlib": "#9a9a9a",
    "autoreload-classic": "#e3a857",
    "autoreload": "#c9713a",
    "jurigged": "#8c6bb1",
    "resoul": "#1b7f5c",
    "resoul-all": "#69b99b",
}


def draw(data: dict[str, Any], path: Path) -> None:
    matplotlib.rcParams["svg.hashsalt"] = "resoul"
    matplotlib.rcParams["svg.fonttype"] = "none"
    tools = [name for name in UPDATERS if name != "resoul" or data["changed_is_built"]]
    figure, axes = pyplot.subplots(figsize=(9, 8), layout="constrained")
    height = 0.85 / len(tools)
    longest = 0.0
    for number, name in enumerate(tools):
        for row, pattern in enumerate(CASES.values()):
            runs = data["runs"].get(pattern.format(name), [])
            value = middle(runs)
            ended = value is None and bool(runs)
            if ended:
                value = float(max(run["longer_than"] for run in runs))
            if value is None:
                continue
            longest = max(longest, value)
            old = stays_old(runs)
            axes.barh(
                row + number * height,
                value * 1e3,
                height=height * 0.9,
                color=COLOURS[name],
                alpha=0.55 if old else 1.0,
                hatch="///" if old else None,
                xerr=spread(seconds(runs)) * 1e3 if not ended else None,
                error_kw={"elinewidth": 0.8},
                label=UPDATERS[name].title if row == 0 else None,
            )
            label = f" over {value:.0f} s" if ended else f" {value * 1e3:,.0f} ms"
            axes.text(
                value * 1e3 * 1.08,
                row + number * height,
                label + (f"  old: {', '.join(old)}" if old else ""),
                va="center",
                fontsize=7,
            )
    axes.set_yticks([row + 0.4 for row in range(len(CASES))])
    axes.set_yticklabels([case.strip() for case in CASES], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(5, max(longest * 1e3, 10) * 60)
    axes.set_xlabel(
        "milliseconds for one update (hatched: some holders go on with old code)"
    )
    axes.set_title("500 functions, 100 classes of 10 methods")
    if longest:
        axes.legend(fontsize=8, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    draw(json.loads((folder / "results.json").read_text()), folder / "reload.svg")
