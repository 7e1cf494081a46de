"""Which updates are in force: those that were applied, without those that were undone.

The history forgets its oldest entries; this does not: a hash of each update is kept.
"""

import threading
import time
from bisect import insort
from dataclasses import dataclass, field
from enum import Enum

from resoul._update import Update


class _State(Enum):
    APPLIED = ""
    PARTLY = "partly undone "
    UNDONE = "undone"


@dataclass(order=True, slots=True)
class _Record:
    """An update that was applied. An undo, and an undo of that, change its state."""

    when: int
    hash: str
    state: _State = field(default=_State.APPLIED, compare=False)


_lock = threading.Lock()
_records: list[_Record] = []


def applied() -> list[str]:
    """The full hashes of the updates in force, oldest first.

    One of which an undo has left something is "partly undone " and its hash.
    """
    with _lock:
        return [
            record.state.value + record.hash
            for record in _records
            if record.state is not _State.UNDONE
        ]


def note(update: Update) -> None:
    """A reload or a hotfix was committed."""
    if update.hash is None or not (update._entry is not None or update):
        return  # it changed nothing
    record = _Record(update._time_ns or time.time_ns(), update.hash)
    update._record = record, _State.APPLIED
    with _lock:
        insort(_records, record)


def note_undo(update: Update, undone: Update, *, partly: bool) -> None:
    """`undone` took `update` back, which may be an undo itself."""
    if update._record is None:
        return
    record, state = update._record
    back = _State.APPLIED if state is _State.UNDONE else _State.UNDONE
    undone._record = record, back
    with _lock:
        record.state = _State.PARTLY if partly else back
