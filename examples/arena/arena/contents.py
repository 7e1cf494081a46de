"""What the live state consists of, object by object: to compare before and after.

Identities alone would miss a list that has other elements than before, and values alone
would miss a list that another one has taken the place of.  So each object gets a path,
and under it its identity and what it contains, in order: names, identities and, where
these fit into JSON, values.  From the players, the rooms, the table and the registry all
is looked at that can be reached.
"""

from collections import deque
from enum import Enum

from .events import HANDLERS
from .players import ROSTER
from .weapons import WEAPONS

PLAIN = {str, int, float, bool, type(None)}
NOTHING = ()


def live_state(world):
    """Return {path: [identity, content]} of players, rooms, table and callbacks."""
    marks = {}
    seen = set()
    for name, root in (
        ("handlers", HANDLERS),
        ("weapons", WEAPONS),
        ("roster", ROSTER),
        ("rooms", world.rooms),
    ):
        mark(marks, name, root, list(parts_of(root)), seen)
    return marks


def mark(marks, path, value, parts, seen):
    """Add `value` with its `parts` to `marks`, and whatever has parts in turn: once."""
    seen.add(id(value))
    content = []
    for name, part in parts:
        if type(part) in PLAIN:
            content.append([name, id(part), part])
            continue
        content.append([name, id(part)])
        if id(part) not in seen and (more := list(parts_of(part))):
            mark(marks, path + name, part, more, seen)
    marks[path] = [id(value), content]


def parts_of(value):
    """Return pairs of name and object: what an object of this game consists of."""
    if isinstance(value, dict):
        return ((f"[{key!r}]", part) for key, part in value.items())
    if isinstance(value, (list, tuple, deque)):
        return ((f"[{index}]", part) for index, part in enumerate(value))
    if isinstance(value, (set, frozenset)):
        return ((f"{{{part!r}}}", part) for part in sorted(value, key=repr))
    ours = type(value).__module__.startswith(__package__ + ".")
    if ours and not isinstance(value, (type, Enum)):
        return ((f".{name}", part) for name, part in vars(value).items())
    return NOTHING
