"""Where the options of an update come from.

What a call says goes before what `configure()` said, that before the file that the
environment variable RESOUL_CONFIG names, and that before the built-in defaults. The
file is read once, when resoul is imported: a mistake in it is seen when the program
starts and not at its first update. See docs/configuration.md.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from resoul import _engine
from resoul._options import (
    UNSET,
    Configuration,
    Configured,
    check,
    policies,
)
from resoul._policy import Policy

_VARIABLE: Final = "RESOUL_CONFIG"
_PROJECT_FILE: Final = "pyproject.toml"

# What the file and configure() said. Only ever changed by one dict.update(), which no
# other thread can interrupt: two that configure different things don't lose any.
_said: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of one update, as the engine takes them."""

    allowed: Policy
    data: Callable[[str], str]
    execute: str
    strict: bool
    timeout: float  # 0: no limit


def configure(
    *,
    allow: str | Iterable[str] | Configured | None = UNSET,
    deny: str | Iterable[str] | Configured = UNSET,
    data: str | Mapping[str, str] | Iterable[tuple[str, str]] | Configured = UNSET,
    execute: str | Configured = UNSET,
    strict: bool | Configured = UNSET,
    timeout: float | Configured | None = UNSET,
    history: int | Configured = UNSET,
    build: str | Configured | None = UNSET,
) -> Configuration:
    """Say which modules may be updated, and how, unless a call says otherwise.

    allow    patterns of module names, as of fnmatch (`game`, `game.*`); None: every
             module outside the standard library and site-packages
    deny     patterns of modules that may not be updated; wins over `allow`
    data     the data policy: "keep", "take" or "merge"; or policies by patterns,
             `{"game.tables.*": "take", "*": "keep"}`: the first pattern that fits a
             module counts; for modules that none fits, the built-in default
    execute  "all" or "changed"
    strict   True: what would be a warning refuses the update
    timeout  seconds that executing the new source may take; None: no limit
    history  how many updates can be undone; older ones are forgotten, and what they held
             is freed
    build    what `fingerprint()` calls the program; None: the environment variable
             RESOUL_BUILD, or a hash of the main program's source

    What is not given stays as it was said before, here or in the file that the
    environment variable RESOUL_CONFIG names. Returns what holds now; `configure()`
    changes nothing. Raises TypeError or ValueError for a value that can't be, and then
    nothing has changed.
    """
    given = {
        "allow": allow,
        "deny": deny,
        "data": data,
        "execute": execute,
        "strict": strict,
        "timeout": timeout,
        "history": history,
        "build": build,
    }
    _say(check(given))
    return Configuration(**_said)


def build() -> str | None:
    """What was said to be the program's build."""
    return Configuration(**_said).build


def _say(options: dict[str, Any]) -> None:
    _said.update(options)
    if "history" in options:
        _engine.keep_history(options["history"])


def resolve(
    *,
    data: str | Configured,
    execute: str | Configured,
    strict: bool | Configured,
    timeout: float | Configured | None,
) -> Options:
    """The options of a call. Raises TypeError or ValueError as configure() does."""
    given = {"data": data, "execute": execute, "strict": strict, "timeout": timeout}
    wanted = Configuration(**(_said | check(given)))
    pairs = policies(wanted)
    return Options(
        allowed=Policy(wanted.allow, wanted.deny),
        data=lambda name: next(p for pattern, p in pairs if fnmatchcase(name, pattern)),
        execute=wanted.execute,
        strict=wanted.strict,
        timeout=0.0 if wanted.timeout is None else wanted.timeout,
    )


def read_environment() -> None:
    """Read the file that RESOUL_CONFIG names, if it names one.

    ValueError if the file can't be read or says what can't be.
    """
    path = os.environ.get(_VARIABLE)
    if path:
        _say(_read(os.path.abspath(path)))


def _read(path: str) -> dict[str, Any]:
    import tomllib  # 3 ms that a program without a file doesn't spend

    place = f"{_VARIABLE}: {path}"
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise ValueError(f"{place} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{place} is not valid TOML: {error}") from error
    if os.path.basename(path) == _PROJECT_FILE:
        place += ": [tool.resoul]"
        content = _section(place, content)
    try:
        return check(content)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}{_advice(content)}") from None


def _section(place: str, content: dict[str, Any]) -> dict[str, Any]:
    tools = content.get("tool")
    section = tools.get("resoul") if isinstance(tools, dict) else None
    if section is None:
        raise ValueError(f"{place} is missing")
    if not isinstance(section, dict):
        raise ValueError(f"{place} must be a table, not {type(section).__name__}")
    return section


def _advice(content: dict[str, Any]) -> str:
    """What people who know TOML by sight only get wrong."""
    if "tool" in content:
        return (
            f"; only a file that is called {_PROJECT_FILE} has its options in "
            "[tool.resoul], others have them at the top"
        )
    data = content.get("data")
    if isinstance(data, dict) and any(isinstance(v, dict) for v in data.values()):
        return '; a pattern with dots in it is written in quotes: "game.tables.*"'
    return ""
