"""`prepare()`: an update that is executed now and committed later."""

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Self

from resoul import _base, _engine, _ledger
from resoul._options import UNSET, Configured
from resoul._reload import Request, warn
from resoul._update import Update


class Prepared(Update):
    """An update that was executed and planned, and has changed nothing yet.

    Until it is committed, `changes` tells what it would change; the plan is made anew
    then. While it waits the program goes on, and other updates can be made. It takes
    its memory until it is committed or abandoned; one that nobody refers to any more is
    abandoned. As a context manager it abandons what was not committed:

        with resoul.prepare("weapons") as update:
            if update and not update.warnings:
                update.commit()

    In the child of a fork it is abandoned: the parent has it.
    """

    __slots__ = ("_request", "_waiting")

    _request: Request
    _waiting: _engine.Prepared

    def commit(self) -> Self:
        """Commit it, in any thread, and return it.

        Raises

        RefusedError  what it was prepared on has changed (RSL403: prepare it again),
                      or a new plan, made because the program went on, is refused
        UpdateError   it was committed or abandoned before; or something failed as in
                      `reload()`

        A commit that fails leaves the program as it was before the update was prepared,
        and can't be tried again.
        """
        sys.audit("resoul.reload", self.modules)
        if self.state != "prepared":
            self._waiting.commit(self)  # says why it can't be
        with self._request.logged(self, "commit of the prepared reload"):
            self._waiting.commit(self)
            _ledger.note(self)
        return self

    def abandon(self) -> None:
        """Take back what executing the new source has changed; nothing more will.

        Does nothing the second time. What can't be taken back becomes a warning. Raises
        UpdateError for an update that was committed, or whose commit has failed.
        """
        left = self._waiting.abandon()
        if self.state == "prepared":
            self.state = "abandoned"
            self.changes = []
            self.warnings = left
            warn(left)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.state == "prepared":
            self.abandon()


def prepare(
    modules: str | ModuleType | Iterable[str | ModuleType] | None = None,
    *,
    execute: str | Configured = UNSET,
    data: str | Configured = UNSET,
    take: str | Iterable[str] = (),
    delete: str | Iterable[str] = (),
    strict: bool | Configured = UNSET,
    timeout: float | Configured | None = UNSET,
    base: _base.Base | None = None,
) -> Prepared:
    """Do all of a `reload()` that takes its time, and leave the last step for later.

    The arguments are those of `reload()`. The new source is executed, matched and
    planned; `__before_reload__` and all that comes after it is left to
    `Prepared.commit()`, which does not execute it again.

    What bodies change in other modules while they are executed, and modules that they
    import for the first time, can be seen while the update waits. Raises what
    `reload()` raises, and then the program is as it was.
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
    update = Prepared("reload", request.names)
    update._request = request
    sys.audit("resoul.prepare", request.names)
    with request.logged(update, "prepared reload"):
        update._waiting = _engine.prepare(
            request.modules, update=update, **request.options
        )
        update.state = "prepared"
    return update
