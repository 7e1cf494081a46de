"""Headers of hotfixes: which version of a definition they were written against.

# resoul: replaces player.Player.fire@3f9c
"""

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import ModuleType
from typing import Final, Self

from resoul import _engine, _hash, _syntax
from resoul._policy import namespace_of
from resoul._reload import refusal

_LINE: Final = re.compile(r"#\s*resoul:\s*(.*?)\s*$")
_REPLACES: Final = re.compile(r"replaces\s+([\w.]+)@([0-9a-fA-F]{4,64})$")
_NOTHING: Final = object()


class _Verdict(Enum):
    BASE = "what lives is what the fix was written against"
    CONTAINED = "what lives is what the fix makes of it"
    OTHER = "neither"


@dataclass(frozen=True, slots=True)
class _Header:
    """One line. `digest` may be the beginning of a hash."""

    name: str
    digest: str
    line: int


class SupersededError(Exception):
    """What lives contains the hotfix already. `notices` say so of each header."""

    def __init__(self, notices: list[_engine.Notice]) -> None:
        super().__init__()
        self.notices = notices


def obey(text: str, filename: str) -> None:
    """Return if a hotfix may be applied to what lives.

    text, filename  its source, and what it is called there

    Raises SupersededError, and RefusedError for a hotfix whose headers name other
    versions than those that live (RSL721), or that say something that can't be understood
    or found (RSL722).
    """
    lines = list(_lines(text))
    if not lines:
        return
    made = _Made.of(text)
    reasons: list[_engine.Reason] = []
    verdicts: list[tuple[_Header, _Verdict]] = []
    for line, said in lines:
        try:
            header = _parsed(said, line)
            obj = _found(header.name)
            live = _hash.source_hash(obj)
            verdict = _judged(header, live, obj, made)
        except (ValueError, TypeError, _engine.UpdateError) as error:
            todo = (
                "Write `# resoul: replaces MODULE.NAME@HASH`, with four digits or more."
            )
            reasons.append(_reason("RSL722", said, filename, line, str(error), todo))
            continue
        verdicts.append((header, verdict))
        if verdict is _Verdict.OTHER:
            found = (
                f"it replaces {header.digest}, and {live[: len(header.digest)]} lives"
            )
            todo = (
                "Look whether the fix is still right, and write the new hash into it."
            )
            reasons.append(_reason("RSL721", header.name, filename, line, found, todo))
    if reasons:
        raise refusal(reasons)
    if all(verdict is _Verdict.CONTAINED for _, verdict in verdicts):
        raise SupersededError([_notice(header, filename) for header, _ in verdicts])


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Number of each header line in the leading comments, and what it says."""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip().lstrip("\ufeff")
        match = _LINE.match(line)
        if match:
            yield number, match[1]
        elif line and not line.startswith("#"):
            return


def _parsed(said: str, line: int) -> _Header:
    match = _REPLACES.match(said)
    if match is None:
        raise ValueError(f"{said!r} can't be understood")
    return _Header(match[1], match[2].lower(), line)


def _found(name: str) -> object:
    """What the name means. A module that is not loaded yet is imported."""
    module, path = _module_of(name)
    found: object = module
    for part in path:
        if isinstance(found, ModuleType):
            found = namespace_of(found).get(part, _NOTHING)
        else:
            found = inspect.getattr_static(found, part, _NOTHING)
        if found is _NOTHING:
            raise ValueError(f"{name} is not there")
    if not path:
        raise ValueError(f"{name} is a module; a definition in it is meant")
    return found


def _module_of(name: str) -> tuple[ModuleType, list[str]]:
    parts = name.split(".")
    for n in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:n]))
        if isinstance(module, ModuleType):
            return module, parts[n:]
    for n in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:n])
        try:
            return importlib.import_module(module_name), parts[n:]
        except (Exception, SystemExit) as error:
            if not _is_missing(module_name, error):
                said = f"{type(error).__name__}: {error}"
                raise ValueError(f"{module_name} can't be imported: {said}") from error
    raise ValueError(f"there is no module {parts[0]}")


def _is_missing(name: str, error: BaseException) -> bool:
    """Itself, or a package that it would be in; and not something that it imports."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    return missing is not None and f"{name}.".startswith(f"{missing}.")


@dataclass(frozen=True, slots=True)
class _Made:
    """Hashes of the definitions in a fix. A function that the fix gives to `staticmethod()`
    and the like has no decorators there, so that those that live don't count: `bare`."""

    whole: frozenset[str]
    bare: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Self:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return cls(frozenset(), frozenset())  # running it tells
        nodes = [node for _, node in _syntax.definitions(tree)]
        bare = [
            node
            for node in nodes
            if not isinstance(node, ast.Lambda) and not node.decorator_list
        ]
        return cls(
            frozenset(map(_syntax.digest, nodes)), frozenset(map(_syntax.digest, bare))
        )


def _judged(header: _Header, live: str, obj: object, made: _Made) -> _Verdict:
    if any(
        own in made.whole or plain in made.bare for own, plain in _hash.own_hashes(obj)
    ):
        return _Verdict.CONTAINED
    return _Verdict.BASE if live.startswith(header.digest) else _Verdict.OTHER


# ---- answers ----


def _reason(
    code: str, name: str, filename: str, line: int, found: str, todo: str
) -> _engine.Reason:
    module, qualname = _split(name)
    return _engine.Reason((code, module, qualname, filename, line, found, todo))


def _notice(header: _Header, filename: str) -> _engine.Notice:
    module, qualname = _split(header.name)
    found = "superseded: what lives contains the fix already, so it was not applied"
    return _engine.Notice(("RSL724", module, qualname, filename, header.line, found))


def _split(name: str) -> tuple[str, str]:
    """For the report: the longest loaded module, and the rest."""
    parts = name.split(".")
    for n in range(len(parts) - 1, 0, -1):
        if ".".join(parts[:n]) in sys.modules:
            return ".".join(parts[:n]), ".".join(parts[n:])
    return "", name
