"""Has modules updated, and says what came of it in a form that fits into JSON."""

import importlib
import sys
import time

import resoul


def reload(modules, engine="resoul"):
    """Update `modules` with an engine of ENGINES.

    Returns ``{"applied": True, "text", "update"}`` or ``{"applied": False, "error"}``,
    both with "took_ns", the time of the whole call.  An update that is refused or fails
    to prepare is an answer, not an exception: the game goes on.
    """
    started = time.perf_counter_ns()
    try:
        answer = ENGINES[engine](modules)
    except resoul.UpdateError as error:
        answer = {"applied": False, "error": describe(error)}
    answer["took_ns"] = time.perf_counter_ns() - started
    return answer


def with_resoul(modules):
    """One transaction for all modules."""
    update = resoul.reload(modules)
    return {"applied": True, "text": str(update), "update": update.to_dict()}


def with_importlib(modules):
    """What the standard library offers, one module after the other: to compare with."""
    started = time.perf_counter_ns()
    try:
        for name in modules:
            importlib.reload(sys.modules[name])
    except BaseException as error:
        return {"applied": False, "error": describe(error)}
    whole = time.perf_counter_ns() - started
    names = ("prepare_ns", "plan_ns", "pause_ns", "blocked_ns")
    numbers = dict(zip(names, (0, 0, whole, whole), strict=True))
    text = "\n".join(f"importlib.reload({name})" for name in modules)
    return {"applied": True, "text": text, "update": numbers}


ENGINES = {"resoul": with_resoul, "importlib": with_importlib}


def describe(error):
    """Return type, text, cause and the place in the new source of an exception."""
    cause = error.__cause__ or error
    return {
        "type": type(error).__name__,
        "text": str(error),
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
