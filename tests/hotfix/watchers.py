"""The ids of dict, type and function watchers: taken by tests, and counted."""

import contextlib
import ctypes

DICT = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)
FUNCTION = DICT
TYPE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_CALLBACKS = {
    "Dict": DICT(lambda *args: 0),
    "Func": FUNCTION(lambda *args: 0),
    "Type": TYPE(lambda arg: 0),
}


@contextlib.contextmanager
def all_taken(kind="Dict"):
    """Within the block no id is free. Gives those that were."""
    add = getattr(
        ctypes.pythonapi, f"Py{'Function' if kind == 'Func' else kind}_AddWatcher"
    )
    clear = getattr(
        ctypes.pythonapi, f"Py{'Function' if kind == 'Func' else kind}_ClearWatcher"
    )
    ids = []
    try:
        with contextlib.suppress(RuntimeError):
            while True:
                ids.append(add(_CALLBACKS[kind]))
        yield ids
    finally:
        for number in ids:
            clear(number)


def free(kind="Dict"):
    """How many ids are free."""
    with all_taken(kind) as ids:
        return len(ids)
