"""`reload()`."""

import logging
import sys
from collections.abc import Iterable
from types import ModuleType

from resoul import _base, _config, _engine
from resoul._options import UNSET, Configured
from resoul._policy import Policy, namespace_of
from resoul._update import Update, headline, notice_text, times

_log = logging.getLogger("resoul")


def reload(
    modules: str | ModuleType | Iterable[str | ModuleType] | None = None,
    *,
    execute: str | Configured = UNSET,
    data: str | Configured = UNSET,
    take: str | Iterable[str] = (),
    delete: str | Iterable[str] = (),
    strict: bool | Configured = UNSET,
    timeout: float | Configured | None = UNSET,
    base: _base.Base | None = None,
) -> Update:
    """Bring the new source of modules into the running program, as one transaction.

    modules  a name, a module or an iterable of these; all must be loaded. They are
             executed in the order that their imports ask for. None: every module that
             may be updated and whose source is another one now, by its contents; those
             whose file is gone are skipped with a warning
    execute  "changed": of the new body only statements that changed run, and definitions
             that read at module level what these rebind. "all": the whole new body runs,
             as an import would. Either in a namespace of its own, before anything changes
    data     for data whose assignment changed. "merge": it takes the new value if the live
             one is still the literal that the old source gave it, else the change is
             pending; "keep": the change is pending; "take": it takes the new value
    take     qualified names of data that takes the new value all the same, for
             instance "weapons.GUN_DAMAGE" or "weapons.Gun.range"
    delete   qualified names that are removed though the new source only dropped them
    strict   True: what would be a warning refuses the update
    timeout  seconds that executing the new source may take; None: no limit
    base     the old source, for modules of which it is not known: a path, bytes of a
             file, or text (a str with line ends); or a dict from names to these. Only
             what fits the functions that live is believed

    For what is not given, `configure()` and the file that RESOUL_CONFIG names are
    asked; without them it is execute="changed", data="merge", strict=False, timeout=10.

    Returns the `Update`, which tells what changed. Raises

    PrepareError  the new source could not be read, compiled or executed, or took too
                  long; `__cause__` is the original exception
    RefusedError  the edit can't be applied rightly; `reasons` lists all that was found
    UpdateError   an update runs in this thread already (a module body or a hook called
                  `reload`), or this CPython is not supported

    and then the program is as it was. Another thread's update is waited for.
    """
    options = _config.resolve(
        data=data, execute=execute, strict=strict, timeout=timeout
    )
    gone: list[_engine.Notice] = []
    asked: list[str | ModuleType]
    if modules is None:
        asked, gone = _changed(options.allowed)
    else:
        asked = _modules(modules)
    taken = _qualified("take", take)
    deleted = _qualified("delete", delete)
    names = tuple(_name(module) for module in asked)
    sources = _base.resolve(base, names)
    update = Update("reload", names)
    if not asked:
        update.warnings += gone
        _warn(update)
        return update
    sys.audit("resoul.reload", names)
    try:
        _engine.reload(
            asked,
            update=update,
            allowed=options.allowed,
            data=options.data,
            execute=options.execute,
            take=taken,
            delete=deleted,
            timeout=options.timeout,
            base=sources,
        )
    except _engine.UpdateError as error:
        _log.warning("reload of %s was not made: %s", ", ".join(names), str(error))
        update.warnings += gone
        _warn(update)
        raise
    update.warnings += gone
    _log.info("%s; %s", headline(update), times(update))
    _warn(update)
    return update


def _changed(allowed: Policy) -> tuple[list[str | ModuleType], list[_engine.Notice]]:
    """Modules with another source than the one that lives, and warnings about others."""
    changed, gone = _engine.changed_sources(allowed)
    found = "its source can't be found any more: skipped"
    notices = []
    for name in gone:
        module = sys.modules.get(name)
        file = namespace_of(module).get("__file__") if module else None
        filename = file if isinstance(file, str) else ""
        notices.append(_engine.Notice(("RSL610", name, "", filename, 0, found)))
    return [*changed], notices


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
