"""Has the program updated, and says what came of it in a form that fits into JSON.

There are three kinds of updates: "reload" of modules from their files, "hotfix" with a
snippet that the file of that path contains, and "undo" of the latest one, which
concerned these modules.
"""

import importlib
import sys
import time
from pathlib import Path

import resoul


def update(kind, what, engine="resoul"):
    """Make an update of that kind with an engine of ENGINES.

    Returns ``{"applied": True, "text", "update"}`` or ``{"applied": False, "error"}``,
    both with "took_ns", the time of the whole call.  An update that is refused or fails
    to prepare is an answer, not an exception: the game goes on.
    """
    started = time.perf_counter_ns()
    try:
        answer = ENGINES[engine][kind](what)
    except resoul.UpdateError as error:
        answer = {"applied": False, "error": describe(error)}
    answer["took_ns"] = time.perf_counter_ns() - started
    return answer


def reload(modules):
    """One transaction for all modules."""
    return told(resoul.reload(modules))


def hotfix(path):
    """One transaction for the whole snippet."""
    return told(resoul.hotfix(path))


def undo(_modules):
    """The history knows what the latest update was about."""
    return told(resoul.undo())


def told(made):
    """Return the answer for a resoul.Update."""
    return {"applied": True, "text": str(made), "update": made.to_dict()}


def reload_by_hand(modules):
    """What the standard library offers, one module after the other: to compare with."""
    return timed(
        lambda: [importlib.reload(sys.modules[name]) for name in modules],
        "\n".join(f"importlib.reload({name})" for name in modules),
    )


def hotfix_by_hand(path):
    """What a hand-written hotfix script does: run the snippet in the process."""
    code = compile(Path(path).read_text(encoding="utf-8"), path, "exec")
    return timed(lambda: exec(code, {"__name__": "__hotfix__"}), f"exec of {path}")


def timed(call, text):
    """Return the answer for an update that `call()` makes."""
    started = time.perf_counter_ns()
    try:
        call()
    except BaseException as error:
        return {"applied": False, "error": describe(error)}
    whole = time.perf_counter_ns() - started
    names = ("prepare_ns", "plan_ns", "pause_ns", "blocked_ns")
    numbers = dict(zip(names, (0, 0, whole, whole), strict=True))
    return {"applied": True, "text": text, "update": numbers}


ENGINES = {
    "resoul": {"reload": reload, "hotfix": hotfix, "undo": undo},
    # Nobody has kept what a hotfix by hand has replaced, so the files have to do.
    "importlib": {
        "reload": reload_by_hand,
        "hotfix": hotfix_by_hand,
        "undo": reload_by_hand,
    },
}


def describe(error):
    """Return type, text, cause and the place in the new source of an exception.

    The cause of a refusal is the code of its first reason.
    """
    answer = {"type": type(error).__name__, "text": str(error)}
    if isinstance(error, resoul.RefusedError):
        reason = error.reasons[0]
        return answer | {
            "cause": reason.code,
            "cause_text": reason.found,
            "place": f"{reason.filename}:{reason.lineno}",
        }
    cause = error.__cause__ or error
    return answer | {
        "cause": type(cause).__name__,
        "cause_text": str(cause),
        "place": place_of(cause),
    }


def place_of(error):
    """Return "file:line" of where `error` came from; "" where nobody knows."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
