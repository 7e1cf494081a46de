"""The object that describes an update."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from resoul._engine import Change, Lagging, Notice

if TYPE_CHECKING:
    from datetime import datetime

    from resoul._engine import Entry

# What an update knowingly did not do, or did without effect on what code means.
_QUIET_ACTIONS = frozenset({"kept", "stays", "moved", "pending"})

_CHANGE_FIELDS = (
    "module",
    "qualname",
    "kind",
    "action",
    "reason",
    "filename",
    "lineno",
)
_NOTICE_FIELDS = ("code", "module", "qualname", "filename", "lineno", "message")
_LAGGING_FIELDS = ("module", "qualname", "count", "places")

_PLACES_SHOWN = 3


class Update:
    """One update: what it changed, what it kept and why, and what it cost.

    kind        "reload", "hotfix" or "undo"
    state       "preparing", "checked", "prepared", "committed", "undone", "abandoned",
                "failed", "rehearsed", or "superseded" (a hotfix that what lives contains
                already): only a committed one has changed anything, and an undone one had
    id          name and the beginning of the hash, "weapons@3f9c": the same in every
                process that made this update. None until it is committed
    name        the names of the modules; of a hotfix its own; of an undo "undo-" and that
                of what it took back, or "redo-" if that was an undo
    hash        SHA-256 of the names of the modules and their new sources, or of a hotfix'
                text, in full
    time        when it was committed, in UTC
    undoes      an undo: id of the update that it took back
    undone_by   id of the undo that took it back, or None
    probation   a hotfix with probation=: "running", "passed", "failed: " and why,
                "undone"; else None
    modules     names of the modules that took part, in the order in which they ran; of a
                hotfix those of which it changed names
    changes     list of Change, one for each definition, binding or data name
    warnings    list of Notice
    lagging     list of Lagging: frames that still run old code, grouped by function
    prepare_ns  reading, compiling and executing the new source
    plan_ns     finding out what has to change
    pause_ns    from the first to the last write
    blocked_ns  the longest that other threads stood still because of the update

    Times are nanoseconds. An update is true if it changed something, or would (prepared,
    rehearsed); lines that only moved, and what was kept, don't count. `print(update)`
    shows a tree.
    """

    __slots__ = (
        "__weakref__",
        "_below",
        "_entry",
        "_probation",
        "_record",
        "_time_ns",
        "blocked_ns",
        "changes",
        "hash",
        "id",
        "kind",
        "lagging",
        "modules",
        "name",
        "pause_ns",
        "plan_ns",
        "prepare_ns",
        "probation",
        "state",
        "undoes",
        "undone_by",
        "warnings",
    )

    kind: str
    state: str
    id: str | None
    name: str | None
    hash: str | None
    undoes: str | None
    undone_by: str | None
    probation: str | None
    _probation: Any  # _probation.py, while it runs
    _below: "list[Update]"  # failed on probation: what this kept of them goes with it
    _entry: "Entry | None"
    _record: Any  # _ledger.py
    _time_ns: int
    modules: tuple[str, ...]
    changes: list[Change]
    warnings: list[Notice]
    lagging: list[Lagging]
    prepare_ns: int
    plan_ns: int
    pause_ns: int
    blocked_ns: int

    def __init__(self, kind: str, modules: Iterable[str] = ()) -> None:
        self.kind = kind
        self.state = "preparing"
        self.id = None
        self.name = None
        self.hash = None
        self.undoes = None
        self.undone_by = None
        self._entry = None
        self._probation = None
        self._below = []
        self.probation = None
        self._record = None
        self._time_ns = 0
        self.modules = tuple(modules)
        self.changes = []
        self.warnings = []
        self.lagging = []
        self.prepare_ns = 0
        self.plan_ns = 0
        self.pause_ns = 0
        self.blocked_ns = 0

    def __bool__(self) -> bool:
        return any(change.action not in _QUIET_ACTIONS for change in self.changes)

    def __repr__(self) -> str:
        return f"<resoul.Update: {headline(self)}>"

    def __str__(self) -> str:
        return "\n".join(self._lines())

    @property
    def time(self) -> "datetime | None":
        if not self._time_ns:
            return None
        from datetime import UTC, datetime  # not before somebody asks

        return datetime.fromtimestamp(self._time_ns / 1e9, UTC)

    def undo(self, *, only: str | None = None, conflicts: str = "refuse") -> "Update":
        """Put back what the update changed, as an update of its own, and return that.

        only       "code": functions and classes; data stays
        conflicts  what holds something else by now, because the program or a later
                   update has changed it. "refuse": then nothing is undone; "keep": it
                   stays and is listed among the warnings

        Raises

        ConflictError  something was changed since; `conflicts` lists all of it
        UpdateError    the update is not in the history any more, or was undone

        and then the program is as it was. See docs/undo.md.
        """
        from resoul._history import undo_of  # which knows Update

        return undo_of(self, only=only, conflicts=conflicts)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dicts, lists, strings and numbers, ready for JSON."""
        return {
            "kind": self.kind,
            "state": self.state,
            "id": self.id,
            "name": self.name,
            "hash": self.hash,
            "time": self.time.isoformat() if self.time else None,
            "undoes": self.undoes,
            "undone_by": self.undone_by,
            "probation": self.probation,
            "modules": list(self.modules),
            "changes": [_record(change, _CHANGE_FIELDS) for change in self.changes],
            "warnings": [_record(notice, _NOTICE_FIELDS) for notice in self.warnings],
            "lagging": [
                _record(group, _LAGGING_FIELDS) | {"places": list(group.places)}
                for group in self.lagging
            ],
            "prepare_ns": self.prepare_ns,
            "plan_ns": self.plan_ns,
            "pause_ns": self.pause_ns,
            "blocked_ns": self.blocked_ns,
        }

    def _lines(self) -> Iterator[str]:
        yield headline(self)
        yield times(self)
        if self.probation:
            yield f"probation {self.probation}"
        waiting = [change for change in self.changes if change.action == "pending"]
        if waiting:
            yield f"{len(waiting)} pending"
            yield from _branches([_pending_text(change) for change in waiting])
        told = [change for change in self.changes if change.action != "pending"]
        for module, changes in _grouped(told):
            yield from _module_lines(module, changes)
        if self.warnings:
            yield _count(len(self.warnings), "warning")
            yield from _branches([notice_text(notice) for notice in self.warnings])
        if self.lagging:
            frames = sum(group.count for group in self.lagging)
            yield f"{_count(frames, 'frame')} still in old code"
            yield from _branches([_lagging_text(group) for group in self.lagging])


def headline(update: Update) -> str:
    """What was updated, and how many changes of each kind there were."""
    counts: dict[str, int] = {}
    for change in update.changes:
        counts[change.action] = counts.get(change.action, 0) + 1
    said = ", ".join(f"{count} {action}" for action, count in counts.items())
    state = "" if update.state == "committed" else f" ({update.state})"
    what = update.undoes or _names(update.modules)
    return f"{update.kind} of {what}{state}: {said or 'nothing changed'}"


def times(update: Update) -> str:
    """What an update cost."""
    return (
        f"prepare {_time(update.prepare_ns)}, plan {_time(update.plan_ns)}, "
        f"pause {_time(update.pause_ns)}, blocked {_time(update.blocked_ns)}"
    )


def notice_text(notice: Notice) -> str:
    """A warning in one line."""
    name = ".".join(part for part in (notice.module, notice.qualname) if part)
    place = f"({os.path.basename(notice.filename)}:{notice.lineno})"
    words = (notice.code, name, place if notice.lineno else "")
    return f"{' '.join(word for word in words if word)}: {notice.message}"


def _pending_text(change: Change) -> str:
    place = f"({os.path.basename(change.filename)}:{change.lineno})"
    return f"{change.module}.{change.qualname} {place}: {change.reason}"


def _record(record: Change | Notice | Lagging, fields: Iterable[str]) -> dict[str, Any]:
    return {field: getattr(record, field) for field in fields}


def _grouped(changes: Iterable[Change]) -> Iterator[tuple[str, list[Change]]]:
    groups: dict[str, list[Change]] = {}
    for change in changes:
        groups.setdefault(change.module, []).append(change)
    yield from groups.items()


class _Node:
    """A name in the tree of one module: a class, or what lies in it."""

    __slots__ = ("changes", "children")

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.children: dict[str, _Node] = {}


def _module_lines(module: str, changes: Sequence[Change]) -> Iterator[str]:
    root = _Node()
    moved = 0
    for change in changes:
        if change.action == "moved":
            moved += 1
            continue
        node = root
        for part in _path(change.qualname):
            node = node.children.setdefault(part, _Node())
        node.changes.append(change)
    own = "; ".join(_facts(change) for change in root.changes)
    yield f"{module or 'elsewhere'}  {own}".rstrip()
    rows = _rows(root, "", last=not moved)
    width = max((len(label) for label, _ in rows), default=0)
    for label, row in rows:
        yield f"{label:<{width}}  {_facts(row)}".rstrip()
    if moved:
        yield f"└─ {_count(moved, 'definition')} only moved to other lines"


def _path(qualname: str) -> list[str]:
    """`make.<locals>.inner` is one name: what lies in a function is no member of it. So is
    `TABLE['a.b']`."""
    name, bracket, key = qualname.partition("[")
    head, local, tail = name.partition(".<locals>.")
    parts = head.split(".") if head else []
    if parts:
        parts[-1] += local + tail + bracket + key
    return parts


def _rows(node: _Node, lead: str, *, last: bool) -> list[tuple[str, Change | None]]:
    """Label and change of each line below `node`. last: nothing follows below it."""
    rows: list[tuple[str, Change | None]] = []
    names = sorted(node.children, key=lambda name: _first_line(node.children[name]))
    for name in names:
        child = node.children[name]
        at_end = last and name == names[-1]
        branch, below = ("└─ ", "   ") if at_end else ("├─ ", "│  ")
        first = child.changes[0] if child.changes else None
        rows.append((f"{lead}{branch}{name}", first))
        rows += [(lead + below, change) for change in child.changes[1:]]
        rows += _rows(child, lead + below, last=True)
    return rows


def _first_line(node: _Node) -> float:
    """For the order of a source file; what has no line there comes last."""
    lines: list[float] = [change.lineno for change in node.changes if change.lineno]
    lines += [_first_line(child) for child in node.children.values()]
    return min(lines, default=math.inf)


def _facts(change: Change | None) -> str:
    if change is None:
        return ""
    facts = f"{change.action:<7}  {change.kind:<8}"
    if change.lineno:
        facts += f"  {os.path.basename(change.filename)}:{change.lineno}"
    return f"{facts}  {change.reason}" if change.reason else facts.rstrip()


def _branches(texts: Sequence[str]) -> Iterator[str]:
    for number, text in enumerate(texts, 1):
        yield ("└─ " if number == len(texts) else "├─ ") + text


def _lagging_text(group: Lagging) -> str:
    places = list(dict.fromkeys(os.path.basename(place) for place in group.places))
    shown = places[:_PLACES_SHOWN] + ["..."] * (len(places) > _PLACES_SHOWN)
    at = f" at {', '.join(shown)}" if shown else ""
    return f"{group.module}.{group.qualname}: {_count(group.count, 'frame')}{at}"


def _names(modules: Sequence[str]) -> str:
    if len(modules) > 4:
        return f"{', '.join(modules[:3])} and {len(modules) - 3} more"
    return ", ".join(modules) or "no modules"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _time(ns: int) -> str:
    if ns < 1_000_000:
        return f"{ns / 1_000:.0f} µs"
    if ns < 1_000_000_000:
        return f"{ns / 1_000_000:.1f} ms"
    return f"{ns / 1_000_000_000:.2f} s"
