"""The option `base=`: what the source was that is live."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from resoul._policy import namespace_of

type Source = str | bytes | os.PathLike[str]
type Base = Source | Mapping[str, Source] | Mapping[ModuleType, Source]


def resolve(base: Base | None, names: Iterable[str]) -> dict[str, str | bytes] | None:
    """Sources by names of modules, as the engine takes them; files are read.

    names  the modules that are updated; one source alone is that of the only one

    Raises TypeError or ValueError for what can't be a source, and OSError for a file
    that can't be read.
    """
    if base is None:
        return None
    if isinstance(base, Mapping):
        return {_name(key): _source(value) for key, value in base.items()}
    source = _source(base)
    asked = tuple(names)
    if len(asked) != 1:
        raise ValueError(
            "base must be a dict from names of modules to their old sources if not "
            f"exactly one module is named (here: {len(asked)})"
        )
    return {asked[0]: source}


def _name(key: str | ModuleType) -> str:
    if isinstance(key, ModuleType):
        key = namespace_of(key).get("__name__", "")
    if not isinstance(key, str):
        raise TypeError(
            "base must be a dict whose keys are names (str) or modules, not "
            f"{type(key).__name__}"
        )
    return str(key)


def _source(source: Source) -> str | bytes:
    """Text or the bytes of a file. A str of one line without its end is a path."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, os.PathLike):
        return Path(source).read_bytes()
    if not isinstance(source, str):
        raise TypeError(
            "base must give sources as text (str), as bytes or as a path, not "
            f"{type(source).__name__}"
        )
    if "\n" in source or "\r" in source:
        return str(source)
    if not source:
        raise ValueError('base gives an empty path; an empty source is b""')
    return Path(source).read_bytes()
