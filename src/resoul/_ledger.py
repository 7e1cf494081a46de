"""Which updates are in force: those that were applied, without those that were undone.

The history forgets its oldest entries; this does not: a hash of each update is kept.
"""

import threading
import time
from enum import Enum
from typing import Final

from resoul._update import Update


class _State(Enum):
    APPLIED = ""
    PARTLY = "partly undone "
    UNDONE = "undone"


_TIME: Final = 8  # bytes of a record: ns since 1970, then the hash
_RECORD: Final = _TIME + 32

_lock = threading.Lock()
# Records in the order of their times. One object: there is no end to updates.
_records = bytearray()
_exceptions: dict[bytes, _State] = {}  # of records: what an undo has made of it


def applied() -> list[str]:
    """The full hashes of the updates in force, oldest first.

    One of which an undo has left something is "partly undone " and its hash.
    """
    found = []
    with _lock:
        for start in range(0, len(_records), _RECORD):
            record = bytes(_records[start : start + _RECORD])
            state = _exceptions.get(record, _State.APPLIED)
            if state is not _State.UNDONE:
                found.append(state.value + record[_TIME:].hex())
    return found


def note(update: Update) -> None:
    """A reload or a hotfix was committed."""
    if update.hash is None or not (update._entry is not None or update):
        return  # it changed nothing
    when = update._time_ns or time.time_ns()
    record = when.to_bytes(_TIME) + bytes.fromhex(update.hash)
    update._record = record, _State.APPLIED
    with _lock:
        end = len(_records)
        while end and _records[end - _RECORD : end] > record:
            end -= _RECORD
        _records[end:end] = record


def note_undo(update: Update, undone: Update, *, partly: bool) -> None:
    """`undone` took `update` back, which may be an undo itself."""
    if update._record is None:
        return
    record, state = update._record
    back = _State.APPLIED if state is _State.UNDONE else _State.UNDONE
    undone._record = record, back
    with _lock:
        _exceptions.pop(record, None)
        if partly or back is not _State.APPLIED:
            _exceptions[record] = _State.PARTLY if partly else back
