"""Which modules may be updated."""

import functools
import os
import site
import sysconfig
from fnmatch import fnmatchcase
from importlib.machinery import EXTENSION_SUFFIXES
from types import ModuleType
from typing import Any

# Debian's Pythons install into directories that sysconfig does not list.
_LIBRARY_NAMES = frozenset({"site-packages", "dist-packages"})


@functools.cache
def _library_folders() -> tuple[str, ...]:
    """Folders of the standard library and of installed packages, resolved."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(name) for name in names}
    if user := site.getusersitepackages():
        folders.add(user)
    return tuple(sorted(os.path.realpath(folder) for folder in folders))


@functools.lru_cache(maxsize=65536)
def _is_library_file(path: str) -> bool:
    """By what the path says, then by where it leads.

    Asked of every module by each hotfix, and each system call lets another thread in,
    which gives the GIL back after a switch interval (5 ms): hence the order, and the
    cache. A file does not become a library by a later change of a link.
    """
    if _says_library(path):
        return True
    folder, name = os.path.split(path)
    real = os.path.join(_resolved(folder), name)
    return _says_library(os.path.realpath(real) if os.path.islink(real) else real)


def _says_library(path: str) -> bool:
    return path.startswith(library_prefixes()) or not _LIBRARY_NAMES.isdisjoint(
        path.split(os.sep)
    )


@functools.lru_cache(maxsize=4096)
def _resolved(folder: str) -> str:
    return os.path.realpath(folder)


def namespace_of(module: ModuleType) -> dict[str, Any]:
    """The dict of a module, without making a lazy module load."""
    namespace: dict[str, Any] = ModuleType.__getattribute__(module, "__dict__")
    return namespace


def _source_file(module: ModuleType) -> str | None:
    """The file (or, of a namespace package, the folder) that a module came from.

    None for built-in, frozen and extension modules: the engine refuses those with a
    reason of their own (RSL103), so the policy has nothing to say about them.
    """
    namespace = namespace_of(module)
    path = namespace.get("__file__")
    if isinstance(path, str):
        return None if path.endswith(tuple(EXTENSION_SUFFIXES)) else path
    try:
        return next(item for item in namespace["__path__"] if isinstance(item, str))
    except (KeyError, TypeError, StopIteration):
        return None


def _fits(names: set[str], patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


class Policy:
    """An immutable answer to "may this module be updated?".

    allow  patterns (as of fnmatch, case matters) of module names; None: every module
           that lies outside the standard library and outside of installed packages
    deny   patterns of modules that may not, whatever `allow` says

    A module goes by each of its names: that under which it is asked for, and its own.
    resoul itself may never be updated.
    """

    __slots__ = ("allow", "deny")

    def __init__(self, allow: tuple[str, ...] | None, deny: tuple[str, ...]) -> None:
        self.allow = allow
        self.deny = deny

    def __call__(self, name: str, module: ModuleType) -> bool:
        own = namespace_of(module).get("__name__")
        names = {name, own} if isinstance(own, str) else {name}
        if any(each == "resoul" or each.startswith("resoul.") for each in names):
            return False
        if _fits(names, self.deny):
            return False
        if self.allow is not None:
            return _fits(names, self.allow)
        path = _source_file(module)
        return path is None or not _is_library_file(path)


@functools.cache
def library_prefixes() -> tuple[str, ...]:
    """Beginnings of the paths of library files, as paths are written and resolved."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(name) for name in names}
    return tuple(
        sorted({folder + os.sep for folder in folders | set(_library_folders())})
    )
