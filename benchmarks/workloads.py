"""Source text of the modules that are measured.

A tag is part of every body, so that another tag changes every function and a call tells
which source runs. `edited` changes one function only.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shape:
    """How much a module defines."""

    functions: int
    classes: int
    methods: int = 10
    factories: int = 0  # further functions that return a closure


BIG = Shape(functions=450, classes=100, factories=50)  # 500 functions
PAUSE = Shape(functions=1_000, classes=100)
LINES_4000 = Shape(functions=200, classes=42)

FUNCTION = '''
def f{i}(a, b=2, *, c=3):
    """Function {i}."""
    x = a * {i} + b
    for k in range(c):
        x += math.sqrt(k + {i})
    return {tag}
'''

FACTORY = '''
def make{i}(step):
    """Closures that count."""
    total = {i}

    def count(a):
        nonlocal total
        total += a * step
        return {tag}

    return count
'''

CLASS = '''
class C{i}:
    """Class {i}."""

    kind = {i}

    def __init__(self, value):
        self.value = value
'''

METHOD = """
    def m{j}(self, a, b={j}):
        y = self.value + a * {i}
        if y > b:
            y -= b
        return {tag}
"""


def source(shape: Shape, tag: int, only: int | None = None) -> str:
    """The module's text. With `only`, just f0 returns that instead of the tag."""
    parts = ['"""A module that is measured."""\n\nimport math\n']
    for i in range(shape.functions):
        parts.append(
            FUNCTION.format(i=i, tag=only if only is not None and i == 0 else tag)
        )
    parts += [FACTORY.format(i=i, tag=tag) for i in range(shape.factories)]
    for i in range(shape.classes):
        parts.append(CLASS.format(i=i))
        parts += [METHOD.format(i=i, j=j, tag=tag) for j in range(shape.methods - 1)]
    return "".join(parts)


SMALL = '''
"""Module {i} of a program."""

import logging
from dataclasses import dataclass

_log = logging.getLogger(__name__)

LIMIT = {i}
NAMES = ["a{i}", "b{i}"]


class Item{i}:
    """Something."""

    def __init__(self, size):
        self.size = size

    def area(self, other=LIMIT):
        return self.size * other

    def grow(self, by):
        self.size += by
        if self.size > LIMIT:
            _log.debug("item %s is large", self.size)
        return self


def load(names=NAMES):
    """Read them."""
    found = []
    for name in names:
        try:
            found.append(Item{i}(len(name)))
        except ValueError as error:
            _log.warning("no %s: %s", name, error)
    return found


def total(items, *, start=0):
    for item in items:
        start += item.area()
    return start
'''


def write_many(folder: Path, count: int) -> list[str]:
    """A folder of `count` small modules; their names."""
    names = [f"small{i}" for i in range(count)]
    for i, name in enumerate(names):
        (folder / f"{name}.py").write_text(SMALL.format(i=i))
    return names
