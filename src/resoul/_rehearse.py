"""`check()`: what an update would do, found out without touching the program."""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, Final, NoReturn

from resoul import _base, _engine
from resoul._options import UNSET, Configured
from resoul._reload import Request
from resoul._update import Update

# Beyond its own time limits (one for bodies, one for what runs after the commit) a child
# may take so many seconds to plan, to commit and to report.
_GRACE: Final = 5.0
# How often it is looked whether a child has ended whose pipe is still open, because a
# process that it started has it, too.
_LOOK_MS: Final = 50

_ERRORS: Final = {
    error.__name__: error
    for error in (_engine.UpdateError, _engine.PrepareError, _engine.RefusedError)
}


class ChildError(Exception):
    """What was raised in the process in which an update was rehearsed.

    It is the cause of the exception that `check()` raises; str() is its traceback.
    """


def check(
    modules: str | ModuleType | Iterable[str | ModuleType] | None = None,
    *,
    hotfix: str | os.PathLike[str] | None = None,
    rehearse: bool = False,
    execute: str | Configured = UNSET,
    data: str | Configured = UNSET,
    take: str | Iterable[str] = (),
    delete: str | Iterable[str] = (),
    strict: bool | Configured = UNSET,
    timeout: float | Configured | None = UNSET,
    base: _base.Base | None = None,
) -> Update:
    """Find out what a `reload()` with these arguments would do, or a hotfix.

    hotfix    the file of a snippet: it is rehearsed. Only `strict` and `timeout` can be
              given with it
    rehearse  False: the sources are read and compared, and nothing is executed. True:
              the whole update is made in a child process (a fork), which reports and
              ends; hooks run there, too

    Returns an `Update` whose state is "checked": what would run and take new contents,
    as the sources tell, by the rules of execute="changed". What only executing tells
    (whether a class can be laid out anew, whether anything raises) is not in it. Raises
    PrepareError for syntax errors and RefusedError where sources are not known.

    A rehearsal returns an `Update` whose state is "rehearsed", or raises what `reload()`
    would raise; `__cause__` then shows the traceback of the original exception. A child
    that crashes, ends itself or hangs is a PrepareError. In this process nothing changes.

    The child is a copy of this process that has one thread and ends at once: no
    `atexit` functions run, and what this process has printed is not written twice. But
    what bodies and hooks do outside of the process (files, sockets, databases) is done.
    It is killed after twice `timeout` and 5 s. Raises NotImplementedError where the
    platform can't fork, and UpdateError inside of an update.
    """
    if not isinstance(rehearse, bool):
        raise TypeError(f"rehearse must be a bool, not {type(rehearse).__name__}")
    if hotfix is not None:
        given = (modules, base, *(take or ()), *(delete or ()))
        if any(given) or execute is not UNSET or data is not UNSET:
            raise TypeError(
                "check(hotfix=) takes no modules and no options of a reload"
            )
        from resoul import _hotfix

        return _hotfix.check_hotfix(hotfix, strict=strict, timeout=timeout)
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
    sys.audit("resoul.check", request.names)
    if not rehearse:
        with request.logged(update, "check of the reload"):
            if request.modules:
                _compare(request, update)
        update.state = "checked"
        return update
    with request.logged(update, "rehearsal of the reload"):
        rehearse_it(
            update,
            lambda: _engine.reload(request.modules, update=update, **request.options),
            request.options["timeout"],
            ", ".join(request.names),
        )
    return update


def _compare(request: Request, update: Update) -> None:
    named = ("allowed", "data", "take", "delete", "base", "strict")
    options = {name: request.options[name] for name in named}
    _engine.check(request.modules, update=update, **options)


# -- in the child ----------------------------------------------------------------------
def _perform(update: Update, make: Callable[[], None], pipe: int) -> NoReturn:
    """Make the update, report and end."""
    import json

    code = 1
    try:
        report = json.dumps(_attempt(update, make)).encode() + b"\n"
        while report:
            report = report[os.write(pipe, report) :]
        code = 0
    finally:
        os._exit(code)  # whatever is raised: this process has no life of its own


def _attempt(update: Update, make: Callable[[], None]) -> dict[str, Any]:
    error = None
    try:
        make()
    except BaseException as raised:
        error = _described(raised)
    return {"update": update.to_dict(), "error": error}


def _described(error: BaseException) -> dict[str, Any]:
    import traceback

    cause = error.__cause__ or error.__context__
    return {
        "type": type(error).__name__,
        "text": str(error),
        "reasons": [tuple(reason) for reason in getattr(error, "reasons", ())],
        "notes": getattr(error, "__notes__", []),
        "cause": "".join(traceback.format_exception(cause)) if cause else "",
    }


# -- in the parent ---------------------------------------------------------------------
def rehearse_it(
    update: Update, make: Callable[[], None], seconds: float, what: str
) -> None:
    """Make an update in a child process. `update` gets the child's report.

    make     makes it: called in the child
    seconds  the time limit of what runs, or 0
    what     names it in messages

    Raises what making it has raised there; PrepareError for a child that crashes, ends
    itself or hangs.
    """
    report = _report(update, make, seconds, what)
    _fill(update, report["update"])
    if report["error"]:
        _raise(report["error"])
    if update.state == "committed":
        update.state = "rehearsed"


def _report(
    update: Update, make: Callable[[], None], seconds: float, what: str
) -> dict[str, Any]:
    import json  # the child uses it, too: it should not have to import anything
    import traceback  # noqa: F401

    _flush()
    ours, theirs = os.pipe()
    try:
        child = _engine.fork()
        if child == 0:
            _perform(update, make, theirs)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    try:
        watch = _Watch(child, ours, 2 * seconds + _GRACE if seconds else None)
        data, ending = watch.result()
    finally:
        os.close(ours)
    if not data.endswith(b"\n"):
        raise _engine.PrepareError(f"the process that rehearsed {what} {ending}")
    report: dict[str, Any] = json.loads(data)
    return report


def _flush() -> None:
    """What this process has printed is not the child's to write."""
    for file in (sys.stdout, sys.stderr):
        if file is not None and not file.closed:
            file.flush()


class _Watch:
    """A child, and the pipe into which it writes one line.

    limit  seconds after which it is killed, or None
    """

    def __init__(self, child: int, pipe: int, limit: float | None) -> None:
        self._child = child
        self._pipe = pipe
        self._limit = limit
        self._ending: str | None = None  # known as soon as it has ended

    def result(self) -> tuple[bytes, str]:
        """What it wrote, complete with a newline at the end; and how it ended."""
        try:
            data = self._read()
        finally:
            if self._ending is None:
                self._kill()
        return data, self._ending or ""

    def _read(self) -> bytes:
        data = bytearray()
        start = time.monotonic()
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        while not data.endswith(b"\n"):
            if poll.poll(_LOOK_MS):
                chunk = os.read(self._pipe, 1 << 16)
                if not chunk:
                    self._wait(0)
                    break
                data += chunk
            elif self._ending is not None:
                break
            else:
                self._wait(os.WNOHANG)
            if self._limit is not None and time.monotonic() - start > self._limit:
                self._kill()
                self._ending = f"was still at it after {self._limit:g} s: killed"
                break
        return bytes(data)

    def _kill(self) -> None:
        # it may have ended, and a SIGCHLD handler have waited for it
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        self._wait(0)

    def _wait(self, flags: int) -> None:
        try:
            ended, status = os.waitpid(self._child, flags)
        except ChildProcessError:
            self._ending = "ended, nobody knows how"  # a SIGCHLD handler waited for it
            return
        if ended:
            self._ending = _ending(os.waitstatus_to_exitcode(status))


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended itself with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was ended by {name}"


def _fill(update: Update, report: dict[str, Any]) -> None:
    """The opposite of `Update.to_dict()`."""
    update.state = report["state"]
    update.modules = tuple(report["modules"])
    update.changes = [
        _engine.Change(tuple(change.values())) for change in report["changes"]
    ]
    update.warnings = [
        _engine.Notice(tuple(notice.values())) for notice in report["warnings"]
    ]
    update.lagging = [
        _engine.Lagging((*list(group.values())[:-1], tuple(group["places"])))
        for group in report["lagging"]
    ]
    for name in ("prepare_ns", "plan_ns", "pause_ns", "blocked_ns"):
        setattr(update, name, report[name])


def _raise(report: dict[str, Any]) -> NoReturn:
    kind = _ERRORS.get(report["type"])
    if kind is not None:
        error = kind(report["text"])
    else:
        words = f"{report['type']}: {report['text']}"
        error = _engine.PrepareError(f"the rehearsal failed: {words}")
    if isinstance(error, _engine.RefusedError):
        error.reasons = [_engine.Reason(tuple(reason)) for reason in report["reasons"]]
    for note in report["notes"]:
        error.add_note(note)
    raise error from (ChildError(report["cause"]) if report["cause"] else None)
