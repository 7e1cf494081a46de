"""Probation: a fix that fails too often undoes itself."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from typing import Final

from resoul import _engine, _history
from resoul._update import Update

_log = logging.getLogger("resoul")

_monitoring = sys.monitoring
_UNWIND: Final = _monitoring.events.PY_UNWIND
# 0, 1, 2 are what debuggers, coverage and profilers ask for.
_TOOLS: Final = (4, 3, 5)
_NAME: Final = "resoul probation"
_LONGEST: Final = 7 * 24 * 3600
_LOCAL: Final = sys.version_info >= (3, 15)  # RS_PYVERSIONS: PY_UNWIND is a local event


class Probation:
    """A tool of sys.monitoring, taken before the fix is applied."""

    __slots__ = (
        "_codes",
        "_counter",
        "_lock",
        "_seconds",
        "_timer",
        "_tool",
        "_update",
        "max_errors",
    )

    def __init__(self, seconds: float, max_errors: int) -> None:
        """Raises UpdateError if all tools of sys.monitoring are taken."""
        self._seconds = seconds
        self.max_errors = max_errors
        self._lock = threading.Lock()
        self._tool: int | None = _take_tool()
        self._update: Update | None = None
        self._timer: threading.Timer | None = None

    def give_up(self) -> None:
        """Give the tool back if `start()` was not called."""
        if self._update is None:
            self._stop()

    def start(self, update: Update, filename: str) -> None:
        """Count what leaves the code that was compiled as `filename`."""
        codes = _engine.codes_of(filename)
        if not codes:
            update.probation = "passed: no function runs code of it"
            return
        self._update, self._codes = update, codes
        self._counter = _engine.Probation(
            codes, self._seconds, self.max_errors, self._over
        )
        update.probation = "running"
        update._probation = self
        _running.add(self)
        self._watch(self._tool)
        self._wait()

    def cancel(self, outcome: str) -> None:
        """Somebody has undone the update, for instance."""
        self._end(outcome)

    def _watch(self, tool: int | None) -> None:
        assert tool is not None
        _monitoring.register_callback(tool, _UNWIND, self._counter.unwound)
        if _LOCAL:
            for code in self._codes:
                _monitoring.set_local_events(tool, code, _UNWIND)
        else:
            _monitoring.set_events(tool, _UNWIND)

    def _wait(self) -> None:
        timer = threading.Timer(self._seconds, self._end, ("passed",))
        timer.name = _NAME
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError as error:  # the fix is applied: exceptions are counted
            said = (
                "the probation of %s ends with the first exception after its time: %s"
            )
            _log.warning(said, self._update.id if self._update else None, error)
            return
        with self._lock:
            self._timer = timer if self._tool is not None else None
        if self._timer is None:  # it has failed already
            timer.cancel()

    def _end(self, outcome: str) -> bool:
        """True if it was running until now."""
        if not self._stop():
            return False
        assert self._update is not None
        self._update.probation = outcome
        self._update._probation = None
        _log.info("probation of %s: %s", self._update.id, outcome)
        return True

    def _stop(self) -> bool:
        """Give the tool back. Safe to call from any thread, also twice."""
        with self._lock:
            tool, self._tool = self._tool, None
        if tool is None:
            return False
        _running.discard(self)
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if self._update is not None:
            if _LOCAL:
                for code in self._codes:
                    _monitoring.set_local_events(tool, code, 0)
            _monitoring.set_events(tool, 0)
            _monitoring.register_callback(tool, _UNWIND, None)
        _monitoring.free_tool_id(tool)
        return True

    def _over(self, error: BaseException | None) -> None:
        """The engine calls it once: while `error` unwinds, or when the time is up."""
        target = self._fail if error is not None else self._end
        arguments = (error,) if error is not None else ("passed",)
        threading.Thread(target=target, args=arguments, name=_NAME, daemon=True).start()

    def _fail(self, error: BaseException) -> None:
        update = self._update
        assert update is not None
        count = self.max_errors
        said = f"{type(error).__name__}: {error}, {count} error{'s'[: count > 1]}"
        if not self._end(f"failed: {said}"):
            return
        _log.error(
            "%s failed on probation and is undone: %s", update.id, said, exc_info=error
        )
        try:
            kept = _history.take_off(update)
        except _engine.UpdateError as failure:
            update.probation = f"failed: {said}; it could not be undone: {failure}"
            _log.exception("%s could not be undone", update.id)
            return
        if kept:
            names = ", ".join(f"{one.module}.{one.qualname}" for one in kept)
            update.probation = f"failed: {said}; kept, as changed later: {names}"


_running: set[Probation] = set()


@contextlib.contextmanager
def reserved(seconds: float | None, max_errors: int) -> Iterator[Probation | None]:
    """A tool is taken for the block. None if there is no probation.

    It is given back after the block, unless that has started the probation. Raises
    TypeError, ValueError, and UpdateError if there is no tool.
    """
    if isinstance(max_errors, bool) or not isinstance(max_errors, int):
        raise TypeError(f"max_errors must be an int, not {type(max_errors).__name__}")
    if max_errors < 1:
        raise ValueError(f"max_errors={max_errors!r} must be at least 1")
    if seconds is None:
        yield None
        return
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(
            f"probation must be a number of seconds, not {type(seconds).__name__}"
        )
    if not 0 < seconds <= _LONGEST:
        raise ValueError(
            f"probation={seconds!r} must be more than 0 and at most {_LONGEST} seconds"
        )
    probation = Probation(float(seconds), max_errors)
    try:
        yield probation
    finally:
        probation.give_up()


def _take_tool() -> int:
    for tool in _TOOLS:
        try:
            _monitoring.use_tool_id(tool, _NAME)
        except ValueError:
            continue  # it is taken
        return tool
    names = ", ".join(str(_monitoring.get_tool(tool)) for tool in _TOOLS)
    raise _engine.UpdateError(
        f"no tool id of sys.monitoring is free for a probation: {names} have "
        f"{', '.join(map(str, _TOOLS))}; nothing was applied"
    )


def _wait_again() -> None:
    """The child of a fork has no threads."""
    for probation in list(_running):
        probation._lock = threading.Lock()
        probation._wait()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_wait_again)
