"""The goals, and whether what was measured reaches them."""

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

NOT_BUILT = 'execute="changed" is not built yet: measured with execute="all"'


@dataclass(frozen=True)
class Goal:
    """One promise: `value` must not be above `limit`. None: it was not measured."""

    key: str
    what: str
    unit: str
    limit: float
    value: float | None
    note: str = ""

    @property
    def reached(self) -> bool | None:
        return None if self.value is None else self.value <= self.limit

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "reached": self.reached}

    def __str__(self) -> str:
        verdict = {True: "reached", False: "NOT reached", None: "not measured"}
        number = "" if self.value is None else f"{self.value:.3g} {self.unit}".strip()
        line = (
            f"({self.key}) {verdict[self.reached]:12} {number:>9}"
            f"  (limit {self.limit:g} {self.unit}".rstrip()
            + f")  {self.what}"
        )
        return line + (f"\n{'':17}{self.note}" if self.note else "")


def ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else above / below


def floor(imports: float | None, reading: float | None) -> float | None:
    """What imports would cost beside the reading of their sources."""
    if imports is None or reading is None:
        return None
    return ratio(imports + reading, imports)


class Results:
    """Runs of one session, by scenario."""

    def __init__(self, runs: dict[str, list[dict[str, Any]]]):
        self.runs = runs

    def values(self, scenario: str, field: str) -> list[float]:
        """One value for each process: the median of its edits."""
        found = []
        for run in self.runs.get(scenario, ()):
            value = run.get(field)
            if value is not None and value != []:
                found.append(median(value) if isinstance(value, list) else value)
        return found

    def median(self, scenario: str, field: str) -> float | None:
        found = self.values(scenario, field)
        return median(found) if found else None


def evaluate(results: Results, counts: dict[str, Any], built: bool) -> list[Goal]:
    """All goals of issue 3."""
    note = "" if built else NOT_BUILT

    def of(scenario: str, field: str = "cpu", scale: float = 1.0) -> float | None:
        found = results.median(scenario, field)
        return None if found is None else found * scale

    big = "reload/{}/0/no/{}/BIG".format
    heavy = "reload/{}/5000000/no/{}/BIG".format
    goals = [
        Goal(
            "a",
            'execute="all", everything changed, against importlib.reload (CPU time)',
            "x",
            1.15,
            ratio(of(big("resoul-all", "all")), of(big("importlib", "all"))),
            "on the clock: "
            + text(
                ratio(
                    of(big("resoul-all", "all"), "wall"),
                    of(big("importlib", "all"), "wall"),
                )
            ),
        ),
        Goal(
            "b",
            "one changed function, against compiling the module (CPU time)",
            "x",
            0.3,
            ratio(
                of(big("resoul", "one")),
                of(big("resoul", "one"), "compile"),
            ),
            note,
        ),
        Goal(
            "c",
            "with 5 million objects alive, against without: one changed function",
            "x",
            1.1,
            ratio(of(heavy("resoul", "one")), of(big("resoul", "one"))),
            'everything changed, execute="all": '
            + text(ratio(of(heavy("resoul-all", "all")), of(big("resoul-all", "all"))))
            + ("; " + note if note else ""),
        ),
        Goal(
            "d",
            "pause for 1,000 functions and 100 classes of 10 methods, all changed",
            "ms",
            0.3,
            of("reload/resoul-all/0/no/all/PAUSE", "pause_ns", 1e-6),
        ),
        Goal(
            "e",
            "blocked while one function of a 4,000-line module changes",
            "ms",
            5.0,
            of("blocked/resoul", "blocked_ns", 1e-6),
            "longest gap that another thread saw: "
            + text(of("blocked/resoul", "gap", 1e3), "ms")
            + ("; " + note if note else ""),
        ),
        Goal(
            "f",
            "import of 1,000 modules with the recorder, against without (CPU time)",
            "x",
            1.02,
            ratio(of("imports/yes"), of("imports/no")),
            "nothing but reading the sources, three system calls each: "
            + text(floor(of("imports/no"), of("imports/no", "reading")))
            + "; instructions: "
            + text(counts.get("imports")),
        ),
        Goal(
            "g",
            "instructions of a call after three updates, against fresh: the worst kind",
            "x",
            1.01,
            max(
                (kind["ratio"] for kind in counts.get("calls", {}).values()),
                default=None,
            ),
            specialised(counts),
        ),
        Goal(
            "h",
            "instructions of calls and allocations after `import resoul`, against without",
            "x",
            1.005,
            counts.get("idle"),
            f"left in the interpreter: {', '.join(counts['left']) or 'nothing'}"
            if "left" in counts
            else "",
        ),
    ]
    return goals


def specialised(counts: dict[str, Any]) -> str:
    if "opcodes" not in counts:
        return ""
    other = [kind for kind, same in counts["opcodes"].items() if not same]
    return "specialised instructions " + (
        f"differ: {', '.join(other)}" if other else "as fresh for all kinds"
    )


def text(value: float | None, unit: str = "x") -> str:
    return "not measured" if value is None else f"{value:.3g} {unit}"
