"""`follow()`: a folder of hotfixes as the state that is wanted."""

import contextlib
import importlib.util
import itertools
import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

from resoul import _config, _engine, _history, _hotfix, _leases
from resoul._update import Update

_log = logging.getLogger("resoul")

_ON_ERROR: Final = ("continue", "stop")
_YOUNG: Final = 1.0  # seconds, where there is no interval


@dataclass(frozen=True, slots=True)
class FileStatus:
    """What has become of a file.

    name    of the file
    state   "applied", "superseded" (what lives contains it already), "failed", "waiting",
            "left out" (its owner, mode or kind is not safe), "changed in place" (as
            applied before that), "stays" (gone, and could not be undone)
    id      of the update, if it is applied
    reason  why it is not applied, or not as it is now
    """

    name: str
    state: str
    id: str | None
    reason: str


type _Identity = tuple[int, int, int, int]  # device, inode, size, time in ns


@dataclass(slots=True)
class _File:
    name: str
    taken: _Identity | None = None  # what was applied, or has failed
    seen: _Identity | None = None  # at the last poll
    data: bytes = b""  # what was taken
    update: Update | None = None  # while it is applied
    turn: int = 0  # the how-many-th to be applied it was
    gone: bool = False  # its removal was looked at
    state: str = "waiting"
    reason: str = "it is new"
    told: tuple[str, str] = field(default=("", ""))
    held: int | None = (
        None  # a descriptor: while it is open no other file has its inode
    )

    def take(self, identity: _Identity, descriptor: int) -> None:
        self.release()
        self.taken, self.held = identity, os.dup(descriptor)

    def release(self) -> None:
        held, self.held = self.held, None
        if held is not None:
            os.close(held)

    __del__ = release

    def say(self, state: str, reason: str = "") -> None:
        self.state, self.reason = state, reason


class _NotNow(Exception):
    """The file is not taken at this poll: state and reason."""


def follow(
    folder: str | os.PathLike[str],
    *,
    interval: float | None = 1.0,
    on_error: str = "continue",
) -> "Follower":
    """Apply the hotfixes in a folder, and go on doing so. POSIX only.

    folder    its `*.py`, in the order of their names. Files have to be renamed into it,
              and it and they have to belong to root or to the user that runs this, and to
              be writable by nobody else
    interval  seconds between two looks at the folder, taken by a daemon thread; None: the
              program calls `poll()` itself, where it suits it
    on_error  what becomes of files behind one that fails: "continue": they are applied;
              "stop": they wait

    What is there now is applied before this returns. A file that appears is applied, one
    that is removed is undone, one that was replaced is undone and applied anew. One that
    fails is left out, reported (logger "resoul", `status()`), and tried again when it
    changes. See docs/follow.md.

    Returns the `Follower`, which is also a context manager. Raises TypeError or
    ValueError for arguments that can't be, NotImplementedError without POSIX.
    """
    if os.name != "posix":
        raise NotImplementedError(
            "follow() has to know owners and modes of files: POSIX"
        )
    if interval is not None:
        if isinstance(interval, bool) or not isinstance(interval, (int, float)):
            raise TypeError(
                "interval must be a number of seconds or None, "
                f"not {type(interval).__name__}"
            )
        if not 0 < interval <= threading.TIMEOUT_MAX:
            raise ValueError(f"interval={interval!r} must be more than 0")
    if on_error not in _ON_ERROR:
        raise ValueError(
            f'on_error={on_error!r} is not supported, only "continue" or "stop"'
        )
    return Follower(os.fsdecode(folder), interval, stops=on_error == "stop")


class Follower:
    """A folder that is followed; `follow()` makes it."""

    def __init__(self, folder: str, interval: float | None, *, stops: bool) -> None:
        self.folder = os.path.abspath(folder)
        self._stops = stops
        self._young = interval if interval is not None else _YOUNG
        self._files: dict[str, _File] = {}
        self._turns = itertools.count(1)
        self._trouble = ""
        self._first = True
        # Fixes run under it, and may ask for the status or stop all this.
        self._lock = threading.RLock()
        self._looking = False
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self.poll()
        if interval is not None:
            self._thread = threading.Thread(
                target=self._run, args=(interval,), name="resoul follow", daemon=True
            )
            self._thread.start()

    def __repr__(self) -> str:
        applied = sum(file.update is not None for file in self._files.values())
        return f"<resoul.Follower: {self.folder}, {applied} applied>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Look no more. What is applied stays."""
        self._end.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        with self._lock:
            for file in self._files.values():
                file.release()

    def status(self) -> list[FileStatus]:
        """What has become of each file, in the order of their names."""
        with self._lock:
            return [
                FileStatus(
                    file.name,
                    file.state,
                    file.update.id if file.update is not None else None,
                    file.reason,
                )
                for _, file in sorted(self._files.items())
            ]

    def poll(self) -> list[FileStatus]:
        """Look at the folder now, in this thread, and return the status.

        Raises UpdateError where a fix in the folder calls it.
        """
        with self._lock:
            if self._looking:
                raise _engine.UpdateError("poll() was called by a fix that it applies")
            self._looking = True
            try:
                self._look_once()
            finally:
                self._looking = False
            self._tell()
        return self.status()

    def _look_once(self) -> None:
        try:
            with self._opened() as folder:
                self._look(folder)
        except OSError as error:
            self._tell_trouble(f"{error.strerror}; nothing is applied or undone")
        except _NotNow as unsafe:
            self._tell_trouble(f"{unsafe}; nothing is applied or undone")
        else:
            self._trouble = ""
            self._first = False

    # ---- one look ----

    def _run(self, interval: float) -> None:
        while not self._end.wait(interval):
            try:
                self.poll()
            except Exception:
                _log.exception("following %s", self.folder)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            unsafe = _unsafe(os.fstat(folder))
            if unsafe:
                raise _NotNow(unsafe)
            yield folder
        finally:
            os.close(folder)

    def _look(self, folder: int) -> None:
        names = sorted(name for name in os.listdir(folder) if _is_fix(name))
        gone = [file for name, file in self._files.items() if name not in names]
        for file in sorted(gone, key=_turn_of, reverse=True):
            self._remove(file)
        blocked = ""
        for name in names:
            file = self._files.setdefault(name, _File(name))
            file.gone = False
            if blocked and file.update is None:
                file.say("waiting", f"{blocked} comes first, and has failed")
                file.taken = None
                continue
            self._look_at(folder, file)
            if self._stops and file.state == "failed":
                blocked = blocked or name

    def _look_at(self, folder: int, file: _File) -> None:
        try:
            data = self._taken(folder, file)
        except _NotNow as reason:
            file.say(*reason.args)
            return
        except OSError as error:
            state = _kept(file, "failed")
            file.say(state, f"it can't be read: {error.strerror}")
            return
        if data is None:
            return
        off: list[_File] = []
        if file.update is not None and not self._take_off(file, off):
            file.say("stays", f"its new version is not applied: {file.reason}")
            self._put_on(off)
            return
        file.data = data
        self._put_on([file, *off])
        if file.update is not None:
            self._put_in_order(file)

    def _taken(self, folder: int, file: _File) -> bytes | None:
        """The contents of a file that has to be applied; None: it is already, or failed.

        Raises _NotNow if it can't be taken, or not yet.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(file.name, flags, dir_fd=folder)
        except OSError as error:
            if os.path.islink(os.path.join(self.folder, file.name)):
                raise _NotNow("left out", "it is a symbolic link") from error
            raise
        try:
            return self._taken_from(descriptor, file)
        finally:
            os.close(descriptor)

    def _taken_from(self, descriptor: int, file: _File) -> bytes | None:
        found = os.fstat(descriptor)
        unsafe = _unsafe(found) or ("" if stat.S_ISREG(found.st_mode) else "no file")
        if unsafe:
            raise _NotNow(_kept(file, "left out"), unsafe)
        identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if identity == file.taken:
            return None
        before, file.seen = file.seen, identity
        if identity != before and not self._is_old(found):
            raise _NotNow(_kept(file, "waiting"), "it was changed just now")
        with _leases.reading(descriptor) as alone:
            if not alone:
                raise _NotNow(
                    _kept(file, "waiting"), "somebody has it open for writing"
                )
            data = _read(descriptor)
        if file.taken is not None and data == file.data:
            file.take(identity, descriptor)  # it was touched, or copied once more
            if file.update is not None:
                file.say("applied")
            return None
        if file.taken is not None and identity[:2] == file.taken[:2]:
            raise _NotNow(
                "changed in place" if file.update is not None else "failed",
                "it was written to in place: rename a new file over it",
            )
        file.take(identity, descriptor)
        return data

    def _is_old(self, found: os.stat_result) -> bool:
        """At the first look files that have been there for a while are taken at once."""
        return self._first and time.time() - found.st_mtime > self._young

    # ---- applying and undoing ----

    def _apply(self, file: _File) -> None:
        name = file.name.removesuffix(".py")
        try:
            text = importlib.util.decode_source(file.data)
            update = _hotfix.hotfix(source=text, name=name)
        except _engine.UpdateError as error:
            file.say("failed", str(error))
            return
        except Exception as error:  # the others follow, whatever it is
            file.say("failed", f"{type(error).__name__}: {error}")
            return
        if update.state == "superseded":
            file.say("superseded", update.warnings[0].message)
            return
        file.update, file.turn = update, next(self._turns)
        file.say("applied")
        self._warn_of_history()

    def _take_off(self, file: _File, off: list[_File]) -> bool:
        """Undo it, and first those files that were applied after it and touch the same.

        off  gets these: they have to be put on again, whatever is returned

        If it can't be undone that is False, and its `reason` says why.
        """
        todo = [file]
        while todo:
            if todo[-1].update is None:
                todo.pop()
                continue
            try:
                _undo(todo[-1])
            except _engine.UpdateError as error:
                above = self._above(todo[-1], error)
                if not above:
                    file.say(file.state, f"it could not be undone: {error}")
                    return False
                todo += above
            else:
                done = todo.pop()
                if done is not file:
                    off.append(done)
        return True

    def _above(self, file: _File, error: _engine.UpdateError) -> list[_File]:
        """The files that keep it from being undone, newest last; none if others do, too."""
        if not isinstance(error, _engine.ConflictError):
            return []
        later = {
            other.update.id: other
            for other in self._files.values()
            if other.update is not None and other.turn > file.turn
        }
        causes = {conflict.by for conflict in error.conflicts}
        if not causes <= later.keys():
            return []
        return sorted((later[cause] for cause in causes), key=_turn_of)

    def _put_on(self, files: list[_File]) -> None:
        for file in sorted(files, key=lambda one: one.name):
            self._apply(file)

    def _remove(self, file: _File) -> None:
        if file.gone:  # and could not be undone
            return
        file.gone = True
        off: list[_File] = []
        if file.update is None or self._take_off(file, off):
            file.say("removed")
            self._log(file)
            file.release()
            del self._files[file.name]
        else:
            file.say("stays", file.reason)
        self._put_on(off)

    def _put_in_order(self, file: _File) -> None:
        """Those behind it, by name, that touch the same have to come after it."""
        later = [
            other
            for other in self._files.values()
            if other.name > file.name
            and other.update is not None
            and other.turn < file.turn
            and _overlap(file, other)
        ]
        off: list[_File] = []
        for other in (
            sorted([file, *later], key=_turn_of, reverse=True) if later else ()
        ):
            if not self._take_off(other, off):
                other.say("applied", f"not in its order: {other.reason}")
                break
            off.append(other)
        self._put_on(off)

    # ---- reports ----

    def _warn_of_history(self) -> None:
        applied = sum(file.update is not None for file in self._files.values())
        kept = _config.configure().history
        if applied > kept:
            _log.warning(
                "%d files of %s are applied, and the history keeps %d updates: those that "
                "it forgets can't be undone; configure(history=)",
                applied,
                self.folder,
                kept,
            )

    def _tell(self) -> None:
        for _, file in sorted(self._files.items()):
            if file.told != (file.state, file.reason):
                self._log(file)

    def _log(self, file: _File) -> None:
        file.told = file.state, file.reason
        quiet = file.state in ("applied", "removed", "waiting", "superseded")
        level = logging.INFO if quiet else logging.WARNING
        path = os.path.join(self.folder, file.name)
        _log.log(level, "follow: %s: %s", path, ": ".join(filter(None, file.told)))

    def _tell_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            _log.warning("follow: %s: %s", self.folder, trouble)


def _read(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 1 << 16):
        parts.append(part)
    return b"".join(parts)


def _kept(file: _File, state: str) -> str:
    """One that is applied stays so while its new version is not taken."""
    return "applied" if file.update is not None else state


def _turn_of(file: _File) -> int:
    return file.turn


def _undo(file: _File) -> None:
    """Raises UpdateError if it can't be undone. Updates that changed nothing, or that
    somebody has undone, need nothing."""
    update = file.update
    assert update is not None
    if update.state == "committed" and (update or update._entry is not None):
        _history.undo_of(update, only=None, conflicts="refuse", quiet=True)
    file.update = None


def _overlap(a: _File, b: _File) -> bool:
    assert a.update is not None
    assert b.update is not None
    names = {(change.module, change.qualname) for change in a.update.changes}
    return any((change.module, change.qualname) in names for change in b.update.changes)


def _is_fix(name: str) -> bool:
    return name.endswith(".py") and not name.startswith((".", "#", "~"))


def _unsafe(found: os.stat_result) -> str:
    """Why it is not, or nothing."""
    if found.st_uid not in (0, os.geteuid()):
        return f"it belongs to user {found.st_uid}, not to root or {os.geteuid()}"
    if found.st_mode & 0o022:
        return f"others may write to it (mode {stat.S_IMODE(found.st_mode):o})"
    return ""
