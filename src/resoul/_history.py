"""What can be undone: `undo()`, `history()`."""

import logging
import sys
from collections.abc import Iterator

from resoul import _engine, _ledger
from resoul._reload import warn
from resoul._update import Update, headline, times

_log = logging.getLogger("resoul")

_CONFLICTS = ("refuse", "keep")


class History(list[Update]):
    """Updates, newest first. `print()` shows one in a line."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(_lines(self)) or "no updates"


def history() -> History:
    """The updates that can be undone, newest first, and the undos among them.

    `configure(history=)` says how many are kept.
    """
    return History(_engine.history())


def undo(*, only: str | None = None, conflicts: str = "refuse") -> Update:
    """Take back the latest reload or hotfix that is not undone. See `Update.undo()`.

    Raises UpdateError if there is none.
    """
    for update in _engine.history():
        if update.kind != "undo" and update.state != "undone":
            return undo_of(update, only=only, conflicts=conflicts)
    raise _engine.UpdateError("there is no update that could be undone")


def undo_of(
    update: Update, *, only: str | None, conflicts: str, quiet: bool = False
) -> Update:
    """What `Update.undo()` does. `quiet`: a refusal is the caller's to report."""
    if only not in (None, "code"):
        raise ValueError(f'only={only!r} is not supported, only "code" or None')
    if conflicts not in _CONFLICTS:
        raise ValueError(
            f'conflicts={conflicts!r} is not supported, only "refuse" or "keep"'
        )
    entry = update._entry
    if entry is None:
        raise _engine.UpdateError(_why_not(update))
    undone = Update("undo", update.modules)
    sys.audit("resoul.undo", update.id)
    try:
        _engine.undo(
            entry,
            update=undone,
            only_code=only == "code",
            keep=conflicts == "keep",
        )
    except _engine.UpdateError as error:
        if not quiet:
            _log.warning("undo of %s was not made: %s", update.id, error)
        raise
    left = any(notice.code == "RSL701" for notice in undone.warnings)
    _ledger.note_undo(update, undone, partly=left or only is not None)
    probation = update._probation  # it may end at any time
    if probation is not None:
        probation.cancel("undone")
    _log.info("%s; %s", headline(undone), times(undone))
    warn(undone.warnings)
    below, update._below = update._below, []
    for other in below:
        if other.state == "undone":  # nobody wanted it back
            try:
                take_off(other)
            except _engine.UpdateError as error:
                _log.warning("undo of the rest of %s was not made: %s", other.id, error)
    return undone


def take_off(update: Update) -> list[_engine.Conflict]:
    """Undo it by itself, but for what came later: that is returned.

    What is below a later update goes when that is undone.
    """
    conflicts: list[_engine.Conflict] = []
    try:
        undo_of(update, only=None, conflicts="refuse", quiet=True)
    except _engine.ConflictError as error:
        conflicts = error.conflicts
        undo_of(update, only=None, conflicts="keep")
        later = {conflict.by for conflict in conflicts}
        for other in _engine.history():
            if other.id in later and other.kind != "undo" and other is not update:
                other._below.append(update)
    return conflicts


def _why_not(update: Update) -> str:
    if update.state == "committed":
        return "an update that changed nothing, or that no history was kept of"
    return f"an update that is {update.state} has changed nothing that could be undone"


def _lines(updates: list[Update]) -> Iterator[str]:
    rows = [
        (
            f"{update.time:%Y-%m-%d %H:%M:%S}" if update.time else "",
            update.id or "",
            "undone" if update.state == "undone" else "",
            headline(update)
            + (f"; probation {update.probation}" if update.probation else ""),
        )
        for update in updates
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:3]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*(cell for cell in cells if cell), row[3]]).rstrip()
