"""`reload()`."""

import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Self

from resoul import _base, _config, _engine, _ledger
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
    request = Request.of(
        modules,
        execute=execute,
        data=data,
        take=take,
        delete=delete,
        strict=strict,
        timeout=timeout,
        base=base,
    )
    update = Update("reload", request.names)
    if not request.modules:
        update.state = "committed"
        update.warnings += request.gone
        warn(update.warnings)
        return update
    sys.audit("resoul.reload", request.names)
    with request.logged(update, "reload"):
        _engine.reload(request.modules, update=update, **request.options)
        _ledger.note(update)
    return update


@dataclass(frozen=True, slots=True)
class Request:
    """Checked arguments of `reload()` and its like.

    modules  what is to be updated
    names    names of these
    gone     warnings about modules that are not
    options  keyword arguments of the engine
    """

    modules: list[str | ModuleType]
    names: tuple[str, ...]
    gone: list[_engine.Notice]
    options: dict[str, Any]

    @classmethod
    def of(
        cls,
        modules: str | ModuleType | Iterable[str | ModuleType] | None,
        *,
        take: str | Iterable[str],
        delete: str | Iterable[str],
        base: _base.Base | None,
        **configurable: Any,
    ) -> Self:
        options = _config.resolve(**configurable)
        gone: list[_engine.Notice] = []
        asked: list[str | ModuleType]
        if modules is None:
            asked, gone = _changed(options.allowed)
            if gone and options.strict:
                raise strictly(gone)
        else:
            asked = _modules(modules)
        names = tuple(_name(module) for module in asked)
        arguments = {
            "allowed": options.allowed,
            "data": options.data,
            "execute": options.execute,
            "take": _qualified("take", take),
            "delete": _qualified("delete", delete),
            "timeout": options.timeout,
            "base": _base.resolve(base, names),
            "strict": options.strict,
        }
        return cls(asked, names, gone, arguments)

    @contextlib.contextmanager
    def logged(self, update: Update, what: str) -> Iterator[None]:
        """Log how the update went that is made in the block."""
        try:
            yield
        except _engine.UpdateError as error:
            names = ", ".join(self.names)
            _log.warning("%s of %s was not made: %s", what, names, str(error))
            update.warnings += self.gone
            warn(update.warnings)
            raise
        update.warnings += self.gone
        _log.info("%s; %s", headline(update), times(update))
        warn(update.warnings)


def changed(
    modules: str | ModuleType | Iterable[str | ModuleType] | None = None,
) -> list[_engine.Change]:
    """The changes of sources that updates knowingly did not apply.

    modules  a name, a module or an iterable of these; None: all that are loaded

    Returns Change records with the action "pending": data that was kept, statements that
    never run again. Each stays pending until `take=` names it, the policy takes it, or the
    source says again what lives.
    """
    pending = _engine.pending()
    if modules is None:
        return pending
    names = {_name(module) for module in _modules(modules)}
    return [change for change in pending if change.module in names]


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


def refusal(reasons: list[_engine.Reason]) -> _engine.RefusedError:
    """The error that lists what only the face knows of, as those of the engine do."""
    error = _engine.RefusedError(
        "\n".join(
            f"{notice_text(_engine.Notice(reason[:6]))}. {reason.todo}"
            for reason in reasons
        )
    )
    error.reasons = reasons
    return error


def strictly(notices: Iterable[_engine.Notice]) -> _engine.RefusedError:
    """What strict=True makes of warnings that the engine does not know of."""
    todo = "Without strict=True that is a warning."
    return refusal([_engine.Reason((*notice, todo)) for notice in notices])


def warn(notices: Iterable[_engine.Notice]) -> None:
    """Log them."""
    for notice in notices:
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
