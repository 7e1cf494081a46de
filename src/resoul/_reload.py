"""`reload()` and `configure()`."""

import logging
import math
import sys
from collections.abc import Iterable
from types import ModuleType

from resoul import _engine
from resoul._policy import Policy, namespace_of
from resoul._update import Update, headline, notice_text, times

_log = logging.getLogger("resoul")

_policy = Policy()


def configure(
    *,
    allow: str | Iterable[str] | None = None,
    deny: str | Iterable[str] | None = None,
) -> None:
    """Say which modules may be updated.

    allow  patterns of module names, as of fnmatch (`game`, `game.*`); None: every
           module outside the standard library and site-packages
    deny   patterns of modules that may not; wins over `allow`

    What was said before is replaced. Raises TypeError or ValueError for something that
    is no pattern, and then changes nothing.
    """
    global _policy
    _policy = Policy(allow, deny)


def reload(
    modules: str | ModuleType | Iterable[str | ModuleType],
    *,
    execute: str = "all",
    data: str = "keep",
    take: str | Iterable[str] = (),
    delete: str | Iterable[str] = (),
    timeout: float | None = 10,
) -> Update:
    """Bring the new source of modules into the running program, as one transaction.

    modules  a name, a module or an iterable of these; all must be loaded. They are
             executed in the order that their imports ask for
    execute  "all": the whole new body runs, in a namespace of its own, before anything
             changes
    data     "keep": data whose name exists keeps its live value; "take": it takes the
             value that the new source gives it
    take     qualified names of data that takes the new value all the same, for
             instance "weapons.GUN_DAMAGE" or "weapons.Gun.range"
    delete   qualified names that are removed though the new source only dropped them
    timeout  seconds that executing the new source may take; None: no limit

    Returns the `Update`, which tells what changed. Raises

    PrepareError  the new source could not be read, compiled or executed, or took too
                  long; `__cause__` is the original exception
    RefusedError  the edit can't be applied rightly; `reasons` lists all that was found
    UpdateError   an update runs in this thread already (a module body or a hook called
                  `reload`), or this CPython is not supported

    and then the program is as it was. Another thread's update is waited for.
    """
    asked = _modules(modules)
    _one_of("execute", execute, ("all",))
    _one_of("data", data, ("keep", "take"))
    taken = _qualified("take", take)
    deleted = _qualified("delete", delete)
    seconds = _seconds(timeout)
    names = tuple(_name(module) for module in asked)
    update = Update("reload", names)
    if not asked:
        return update
    sys.audit("resoul.reload", names)
    try:
        _engine.reload(
            asked,
            update=update,
            allowed=_policy,
            execute=execute,
            take_all=data == "take",
            take=taken,
            delete=deleted,
            timeout=seconds,
        )
    except _engine.UpdateError as error:
        _log.warning("reload of %s was not made: %s", ", ".join(names), str(error))
        _warn(update)
        raise
    _log.info("%s; %s", headline(update), times(update))
    _warn(update)
    return update


def _warn(update: Update) -> None:
    for notice in update.warnings:
        _log.warning("%s", notice_text(notice))


def _modules(
    modules: str | ModuleType | Iterable[str | ModuleType],
) -> list[str | ModuleType]:
    if isinstance(modules, (str, ModuleType)):
        modules = (modules,)
    elif isinstance(modules, (bytes, bytearray)):
        raise TypeError(f"modules must be names (str), not {type(modules).__name__}")
    try:
        asked = list(modules)
    except TypeError:
        raise TypeError(
            "modules must be a name, a module or an iterable of these, "
            f"not {type(modules).__name__}"
        ) from None
    for module in asked:
        if not isinstance(module, (str, ModuleType)):
            raise TypeError(
                f"modules must hold names (str) or modules, not {type(module).__name__}"
            )
        if isinstance(module, str) and not module:
            raise ValueError("modules holds an empty name")
    return asked


def _name(module: str | ModuleType) -> str:
    if isinstance(module, str):
        return str(module)
    name = namespace_of(module).get("__name__")
    return name if isinstance(name, str) else "<module without a name>"


def _one_of(option: str, value: str, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a str, not {type(value).__name__}")
    if value not in choices:
        supported = " or ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f"{option}={value!r} is not supported, only {supported}")


def _qualified(option: str, names: str | Iterable[str]) -> frozenset[str]:
    if isinstance(names, str):
        names = (names,)
    try:
        found = list(names)
    except TypeError:
        raise TypeError(
            f'{option} must hold qualified names like "weapons.GUN_DAMAGE", '
            f"not be {type(names).__name__}"
        ) from None
    for name in found:
        if not isinstance(name, str):
            raise TypeError(
                f'{option} must hold qualified names like "weapons.GUN_DAMAGE", '
                f"not {type(name).__name__}"
            )
    return frozenset(found)


def _seconds(timeout: float | None) -> float:
    """Seconds for the engine, to which 0 means no limit."""
    if timeout is None:
        return 0.0
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(
            f"timeout must be a number of seconds or None, not {type(timeout).__name__}"
        )
    if not timeout > 0:
        raise ValueError(
            f"timeout={timeout!r} must be more than 0; None means no limit"
        )
    return 0.0 if math.isinf(timeout) else float(timeout)
