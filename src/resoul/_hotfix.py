"""`hotfix()`: a snippet that is run in the live process, as a transaction."""

import collections
import contextlib
import hashlib
import importlib.util
import linecache
import logging
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final, Self

from resoul import _config, _engine, _headers, _ledger, _probation
from resoul._options import UNSET, Configured
from resoul._outside import Outside
from resoul._policy import namespace_of
from resoul._rehearse import rehearse_it
from resoul._reload import strictly, warn
from resoul._update import Update, headline, times

_log = logging.getLogger("resoul")

_SHORT: Final = 4  # digits of the hash in an id, where no other fix has the same


def hotfix(
    path: str | os.PathLike[str] | None = None,
    *,
    source: str | None = None,
    name: str | None = None,
    inside: str | ModuleType | None = None,
    rehearse: bool = False,
    strict: bool | Configured = UNSET,
    timeout: float | Configured | None = UNSET,
    probation: float | None = None,
    max_errors: int = 5,
) -> Update:
    """Run a snippet of Python in the live process, as one transaction.

    path      file of the snippet; or
    source    its text
    name      what the fix is called; the file's name without ".py", or "hotfix"
    inside    a loaded module, or its name: names that the snippet does not bind are
              those of that module
    rehearse  True: first in a child process (a fork); applied here only if that went
              well. A crash, a hang or an exception of the child changes nothing here
    strict    True: what would be a warning refuses the fix, with rehearse=True also what
              it did outside of the process there
    timeout   seconds that the snippet may run; None: no limit
    probation, max_errors  for so many seconds exceptions that leave the new code are
              counted, and at so many the fix undoes itself. None: they are not

    The snippet runs in a namespace of its own (`__name__ == "__hotfix__"`). It imports
    the modules that it is about, defines what is new and assigns it:

        import player

        def fire(self):
            return self.gun.damage * 2

        player.Player.fire = fire

    Functions and classes that it made and bound over old ones are poured into these:
    whoever holds the old one (from-imports, callbacks, bound methods, closures) runs the
    new code. What the snippet itself refers to of the old one means the old code, so that
    a replacement can call what it replaces. Other assignments, deletions, new names, and
    changes of attributes and containers are what they say; importers follow.

    A leading comment `# resoul: replaces player.Player.fire@3f9c` binds the fix to the
    version that it was written against (`source_hash()`): another one refuses (RSL721), as
    does one that can't be told (RSL722); one that contains the fix already makes it
    superseded, and nothing is applied.

    Returns the `Update`. Raises

    PrepareError  the snippet could not be read or compiled, raised something, or took
                  too long; `__cause__` is the original exception
    RefusedError  what it made can't be applied rightly; `reasons` lists all
    UpdateError   an update runs in this thread already
    TypeError, ValueError  for arguments that can't be

    and then what it had changed is as before: names, attributes, contents and order of
    containers, modules that it had imported (not those that a header names). See
    docs/hotfix.md for what is isolated while it runs, and what can't be taken back.
    """
    if not isinstance(rehearse, bool):
        raise TypeError(f"rehearse must be a bool, not {type(rehearse).__name__}")
    fix = Snippet.of(path, source=source, name=name, inside=inside)
    options = _options(strict, timeout)
    with _probation.reserved(probation, max_errors) as watch:
        sys.audit("resoul.hotfix", fix.name, fix.digest)
        update, trial = Update("hotfix"), Update("hotfix")
        if rehearse:
            with fix.logged(trial, "rehearsal of"):
                fix.rehearse(trial, options)
        with fix.logged(update, "hotfix"):
            fix.apply(update, options)
            _ledger.note(update)
        update.warnings += [n for n in trial.warnings if n.code == "RSL621"]
        if watch is not None and update.state == "committed":
            watch.start(update, fix.filename)
    return update


def check_hotfix(
    path: str | os.PathLike[str],
    *,
    strict: bool | Configured,
    timeout: float | Configured | None,
) -> Update:
    """What the fix in that file would change: it is run in a child process."""
    fix = Snippet.of(path, source=None, name=None, inside=None)
    sys.audit("resoul.check", (fix.name,))
    update = Update("hotfix")
    with fix.logged(update, "rehearsal of"):
        fix.rehearse(update, _options(strict, timeout))
    fix.forget_later()
    return update


def _options(
    strict: bool | Configured, timeout: float | Configured | None
) -> _config.Options:
    return _config.resolve(data=UNSET, execute=UNSET, strict=strict, timeout=timeout)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A fix that was read, and not applied yet.

    text      its source
    name      what it is called
    digest    SHA-256 of its text, hexadecimal
    filename  what tracebacks call it: "<hotfix NAME@HASH>"
    is_new    nothing that was applied is called that
    inside    the module whose names it reads, and that module's name
    """

    text: str
    name: str
    digest: str
    filename: str
    is_new: bool
    inside: ModuleType | None
    module: str | None

    @classmethod
    def of(
        cls,
        path: str | os.PathLike[str] | None,
        *,
        source: str | None,
        name: str | None,
        inside: str | ModuleType | None,
    ) -> Self:
        if (path is None) == (source is None):
            raise TypeError("hotfix() takes either a path or source=")
        if path is not None:
            text, called = _read(path), Path(os.fsdecode(path)).stem
        else:
            if not isinstance(source, str):
                raise TypeError(f"source must be a str, not {type(source).__name__}")
            text, called = source, "hotfix"
        called = _name(name, called)
        module, module_name = _inside(inside)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        filename, is_new = _show(text, called, digest)
        return cls(text, called, digest, filename, is_new, module, module_name)

    def apply(self, update: Update, options: _config.Options) -> None:
        """Run it here, unless what lives contains it already: `update.state` tells."""
        try:
            self._run(update, options)
        except _headers.SupersededError as superseded:
            update.state = "superseded"
            update.warnings = superseded.notices

    def rehearse(self, update: Update, options: _config.Options) -> None:
        """Run it in a child process. `update` gets the report."""
        rehearse_it(
            update,
            lambda: self._try(update, options),
            options.timeout,
            f"hotfix {self.name}",
        )

    def _try(self, update: Update, options: _config.Options) -> None:
        """Run it in the child, and tell what it does outside of the process."""
        outside = Outside()
        try:
            self.apply(update, options)
        except _engine.UpdateError as error:
            for what in outside.seen():
                error.add_note(f"not taken back: {what}")
            raise
        notices = outside.notices(self.name, self.filename)
        if notices and options.strict:
            raise strictly(notices)
        update.warnings += notices

    def _run(self, update: Update, options: _config.Options) -> None:
        before = _Resources.now()
        try:
            _engine.hotfix(
                self.text,
                update=update,
                allowed=options.allowed,
                label=self.name,
                digest=self.digest,
                filename=self.filename,
                inside=self.inside,
                name=self.module,
                ask=lambda: _headers.obey(self.text, self.filename),
                timeout=options.timeout,
                strict=options.strict,
            )
        except _engine.UpdateError as error:
            for left in before.left():
                error.add_note(f"not taken back: {left}")
            raise

    def forget_later(self) -> None:
        """Its source is shown for a while: it was not applied."""
        if self.is_new:
            _forget_later(self.filename)

    @contextlib.contextmanager
    def logged(self, update: Update, what: str) -> Iterator[None]:
        """Log how the update went that is made in the block."""
        try:
            yield
        except _engine.UpdateError as error:
            self.forget_later()
            _log.warning("%s %s was not made: %s", what, self.name, str(error))
            warn(update.warnings)
            raise
        if update.state == "superseded":
            self.forget_later()
            _log.info("%s %s is superseded", what, self.name)
            return
        _log.info("%s; %s", headline(update), times(update))
        warn(update.warnings)


def _read(path: str | os.PathLike[str]) -> str:
    try:
        data = Path(os.fsdecode(path)).read_bytes()
        return importlib.util.decode_source(data)
    except (OSError, SyntaxError, UnicodeError) as error:
        shown = os.fsdecode(path)
        raise _engine.PrepareError(
            f"the hotfix can't be read: {shown}: {error}"
        ) from error


def _name(name: str | None, called: str) -> str:
    if name is None:
        return called
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    if not name or not name.isprintable() or not set(name).isdisjoint("<>@"):
        raise ValueError(f"name={name!r}: a name is printable, without <, > and @")
    return name


def _inside(inside: str | ModuleType | None) -> tuple[ModuleType | None, str | None]:
    if inside is None:
        return None, None
    if isinstance(inside, ModuleType):
        name = namespace_of(inside).get("__name__")
        return inside, name if isinstance(name, str) else "<module without a name>"
    if not isinstance(inside, str):
        raise TypeError(
            f"inside must be a module or its name, not {type(inside).__name__}"
        )
    module = sys.modules.get(inside)
    if not isinstance(module, ModuleType):
        raise ValueError(f"inside={inside!r} is no module that is loaded")
    return module, inside


def _show(text: str, name: str, digest: str) -> tuple[str, bool]:
    """Make tracebacks show the source. Returns what they call it, and if that is new."""
    lines = text.splitlines(keepends=True)
    for digits in range(_SHORT, len(digest) + 1):
        filename = f"<hotfix {name}@{digest[:digits]}>"
        known = linecache.cache.get(filename)
        if known is None or known[2:3] == (lines,):
            break
    is_new = known is None
    with contextlib.suppress(ValueError):
        _unused.remove(filename)  # it may be applied this time
        is_new = True
    # without a time stamp, so that checkcache() leaves it alone
    linecache.cache[filename] = (len(text), None, lines, filename)
    return filename, is_new


# Files of fixes that were not applied, whose tracebacks somebody may still print.
_unused: collections.deque[str] = collections.deque()
_KEPT: Final = 20


def _forget_later(filename: str) -> None:
    """The source of a fix that was not applied is shown for a while."""
    if filename not in _unused:
        _unused.append(filename)
    while len(_unused) > _KEPT:
        linecache.cache.pop(_unused.popleft(), None)


@dataclass(frozen=True, slots=True)
class _Resources:
    """Things outside of Python's objects, which nobody takes back."""

    threads: frozenset[threading.Thread]
    files: frozenset[str]

    @classmethod
    def now(cls) -> Self:
        return cls(frozenset(threading.enumerate()), _engine.descriptors())

    def left(self) -> list[str]:
        """What there is now and was not then."""
        now = type(self).now()
        threads = sorted(thread.name for thread in now.threads - self.threads)
        files = sorted(now.files - self.files)
        return [
            *(f"the thread {name!r} was started" for name in threads),
            *(f"{file} was opened" for file in files),
        ]
