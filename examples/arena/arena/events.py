"""The registry of callbacks: who wants to know when something happens."""

from collections.abc import Callable

HANDLERS: dict[str, list[Callable]] = {}


def on(event):
    """Decorate a function so that `emit(event, ...)` calls it."""

    def register(function):
        HANDLERS.setdefault(event, []).append(function)
        return function

    return register


def emit(event, *args):
    """Call everyone who asked for `event`, in the order in which they asked."""
    for handler in HANDLERS.get(event, ()):
        handler(*args)
