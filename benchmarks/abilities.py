"""What is compared: cases, which are in the folder of that name, a file for each group.

A case has modules (old source, new source) and a function that gets a `Live`: it takes
hold of things, calls `live.update()` and looks. It returns True, False, or a text that
begins with "yes", "no" or "partly" and says what was seen. What it raises means no.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any


class Live:
    """The modules of a case as attributes, and the tool that updates them."""

    report: object = None
    error: BaseException | None = None
    update: Callable[..., object]

    def __getattr__(self, name: str) -> ModuleType: ...  # set by compare.py


@dataclass(frozen=True)
class Ability:
    group: str
    title: str
    sources: dict[str, tuple[str, str]]
    run: Callable[[Any], bool | str]
    short: bool  # also in the README


ABILITIES: list[Ability] = []


def ability(
    group: str, title: str, *, short: bool = False, **sources: tuple[str, str]
) -> Callable[[Callable[[Any], bool | str]], Callable[[Any], bool | str]]:
    def add(run: Callable[[Any], bool | str]) -> Callable[[Any], bool | str]:
        ABILITIES.append(Ability(group, title, sources, run, short))
        return run

    return add


def versions(text: str) -> tuple[str, str]:
    """The same source with 1 and with 2 for VERSION."""
    return text.replace("VERSION", "1"), text.replace("VERSION", "2")


USER = "from m import {0}\n\n\ndef call(*args):\n    return {0}(*args)\n"


def user(name: str) -> tuple[str, str]:
    """Another module that did `from m import name`; it does not change."""
    return USER.format(name), USER.format(name)


def verdict(found: dict[str, bool]) -> bool | str:
    """Yes, no, or partly with what doesn't work."""
    bad = [name for name, good in found.items() if not good]
    if bad and len(bad) < len(found):
        return f"partly: not {', '.join(bad)}"
    return not bad
