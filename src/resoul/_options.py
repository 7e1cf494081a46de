"""The options of updates: their names, the values that they may have, the defaults."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

type DataPolicies = str | tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What updates go by where a call says nothing else; `configure()` returns it.

    allow    patterns of modules that may be updated; None: every module outside the
             standard library and site-packages
    deny     patterns of modules that may not; wins over `allow`
    data     "keep", "take" or "merge"; or pairs of a pattern of modules and one of
             these, of which the first that fits counts
    execute  "all" or "changed"
    strict   what would be a warning refuses the update
    timeout  seconds that executing the new source may take; None: no limit
    history  how many updates can be undone
    build    what `fingerprint()` calls the program; None: RESOUL_BUILD or a hash
    """

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    data: DataPolicies = "merge"
    execute: str = "changed"
    strict: bool = False
    timeout: float | None = 10
    history: int = 10
    build: str | None = None


BUILT_IN: Final = Configuration()

_DATA: Final = ("keep", "take", "merge")
_EXECUTE: Final = ("all", "changed")


class Unset(Enum):
    """The value of an option that a call does not give."""

    UNSET = "configured"

    def __repr__(self) -> str:
        return f"<{self.value}>"


UNSET: Final = Unset.UNSET
type Configured = Literal[Unset.UNSET]


def check(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as a Configuration has them. Leaves out what is UNSET.

    Raises TypeError or ValueError for values that can't be, and ValueError for names
    that no option has.
    """
    for name in options:
        if name not in _CHECKS:
            known = ", ".join(_CHECKS)
            raise ValueError(f"{name!r} is no option; there are {known}")
    return {
        name: _CHECKS[name](name, value)
        for name, value in options.items()
        if value is not UNSET
    }


def policies(wanted: Configuration) -> tuple[tuple[str, str], ...]:
    """Pairs of a pattern and a data policy; the last pattern fits all modules."""
    if isinstance(wanted.data, str):
        return (("*", wanted.data),)
    assert isinstance(BUILT_IN.data, str)
    return (*wanted.data, ("*", BUILT_IN.data))


def _patterns(option: str, patterns: str | Iterable[str]) -> tuple[str, ...]:
    if isinstance(patterns, str):
        patterns = (patterns,)
    try:
        found = tuple(patterns)
    except TypeError:
        raise TypeError(
            f"{option} must be a pattern of module names or an iterable of patterns, "
            f"not {type(patterns).__name__}"
        ) from None
    for pattern in found:
        _pattern(option, pattern)
    return found


def _pattern(option: str, pattern: str) -> None:
    if not isinstance(pattern, str):
        raise TypeError(
            f"{option} must hold patterns of module names (str), "
            f"not {type(pattern).__name__}"
        )
    if not pattern:
        raise ValueError(f"{option} holds an empty pattern")


def _allow(option: str, patterns: str | Iterable[str] | None) -> tuple[str, ...] | None:
    return None if patterns is None else _patterns(option, patterns)


def _data(
    option: str, data: str | Mapping[str, str] | Iterable[tuple[str, str]]
) -> DataPolicies:
    if isinstance(data, str):
        return _choice(option, data, _DATA)
    try:
        pairs = tuple(data.items() if isinstance(data, Mapping) else data)
        found = tuple((pattern, policy) for pattern, policy in pairs)
    except (TypeError, ValueError):
        raise TypeError(
            f"{option} must be a policy, or policies by patterns of module names, "
            f"not {type(data).__name__}"
        ) from None
    for pattern, policy in found:
        _pattern(option, pattern)
        _choice(f"{option}[{pattern!r}]", policy, _DATA)
    for pattern, _ in found[:-1]:
        if pattern == "*":
            raise ValueError(
                f'{option}: "*" fits every module, so it has to come last: '
                f"{found[-1][0]!r} would never count"
            )
    return found


def _choice(option: str, value: str, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a str, not {type(value).__name__}")
    _one_of(option, value, choices)
    return str(value)


def _one_of(option: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        supported = " or ".join(
            f'"{choice}"' if isinstance(choice, str) else str(choice)
            for choice in choices
        )
        raise ValueError(f"{option}={value!r} is not supported, only {supported}")


def _execute(option: str, value: str) -> str:
    return _choice(option, value, _EXECUTE)


def _strict(option: str, value: bool) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{option} must be a bool, not {type(value).__name__}")
    return value


def _timeout(option: str, value: float | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(
            f"{option} must be a number of seconds or None, not {type(value).__name__}"
        )
    if not value > 0:
        raise ValueError(f"{option}={value!r} must be more than 0; None means no limit")
    return None if math.isinf(value) else float(value)


def _history(option: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{option} must be an int, not {type(value).__name__}")
    if value < 0:
        raise ValueError(f"{option}={value!r} must not be negative")
    return value


def _build(option: str, value: str | None) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a str or None, not {type(value).__name__}")
    if not value or not value.isprintable() or not set(value).isdisjoint(" +"):
        raise ValueError(
            f"{option}={value!r} must be printable, and have no space and no plus"
        )
    return value


_CHECKS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "allow": _allow,
    "deny": _patterns,
    "data": _data,
    "execute": _execute,
    "strict": _strict,
    "timeout": _timeout,
    "history": _history,
    "build": _build,
}
