"""Names that come from another module of the case.  `where` is a module, `what` a feature of it."""

import dataclasses

from .classes import BASES, BUILTIN_BASES, Class
from .data import Data
from .feature import Edit, Feature, Use, other
from .functions import Function


@dataclasses.dataclass(frozen=True)
class Import(Feature):
    """An import and a function that gives back what was imported."""

    where: str
    target: str
    style: str  # import, as, from, from as
    is_data: bool = False

    @property
    def refers(self):
        return frozenset({(self.where, self.target)})

    @property
    def alias(self):
        return {
            "import": self.where,
            "as": f"{self.name}_module",
            "from": self.target,
            "from as": f"{self.name}_object",
        }[self.style]

    @property
    def binds(self):
        return frozenset({self.name, self.alias})

    def text(self):
        line, value = {
            "import": (f"import {self.where}", f"{self.where}.{self.target}"),
            "as": (
                f"import {self.where} as {self.alias}",
                f"{self.alias}.{self.target}",
            ),
            "from": (f"from {self.where} import {self.target}", self.target),
            "from as": (
                f"from {self.where} import {self.target} as {self.alias}",
                self.alias,
            ),
        }[self.style]
        return f"{line}\n\n\ndef {self.name}():\n    return {value}\n"

    def edits(self, rng, names):
        found = [
            Edit(
                "import style",
                self.but(
                    style=rng.choice([one for one in STYLES if one != self.style])
                ),
            )
        ]
        others = [
            one for one in names.importable(self.where) if one.name != self.target
        ]
        if others:
            new = rng.choice(others)
            found.append(
                Edit(
                    "import target",
                    self.but(target=new.name, is_data=isinstance(new, Data)),
                )
            )
        return found

    def uses(self):
        there = f"{self.where}.{self.target}"
        return [
            Use(
                f"M.{self.name}() is {there} or M.{self.name}() == {there}",
                "=bool True",
            )
        ]

    def holds(self):
        return {"function": f"M.{self.name}"}

    def held_uses(self, key):
        return [
            Use(f"H is M.{self.name}", "=bool True"),
            Use(
                f"H() is {self.where}.{self.target} or H() == {self.where}.{self.target}",
                "=bool True",
            ),
        ]

    def members(self):
        return {self.name: "must", self.alias: "may"}

    def aligned(self):
        """What the fresh process has to do once data of the other module has got the value that lives on."""
        if self.is_data and self.style.startswith("from"):
            return [f"M.{self.alias} = {self.where}.{self.target}"]
        return []


@dataclasses.dataclass(frozen=True)
class Derived(Feature):
    """A class whose base lives in another module."""

    where: str
    target: str
    number: int = 1

    @property
    def refers(self):
        return frozenset({(self.where, self.target)})

    @property
    def binds(self):
        return frozenset({self.name, self.where})

    def text(self):
        return f"""import {self.where}


class {self.name}({self.where}.{self.target}):
    def further(self):
        return {self.number}, self.n, super().__init__ is not None
"""

    def edits(self, rng, names):
        found = [Edit("derived method", self.but(number=other(rng, self.number)))]
        bases = [
            one
            for one in names.importable(self.where)
            if isinstance(one, Class) and usable(one) and one.name != self.target
        ]
        if bases:
            found.append(
                Edit(
                    "imported base changed",
                    self.but(target=rng.choice(bases).name),
                    BASES,
                )
            )
        return found

    def uses(self):
        return [
            Use(f"M.{self.name}(2).further()"),
            Use(f"isinstance(M.{self.name}(2), {self.where}.{self.target})"),
        ]

    def holds(self):
        return {"instance": f"M.{self.name}(3)", "class": f"M.{self.name}"}

    def held_uses(self, key):
        if key == "class":
            return [
                Use(f"H is M.{self.name}", "=bool True"),
                Use(f"issubclass(H, {self.where}.{self.target})"),
            ]
        return [
            Use("H.further()"),
            Use(f"isinstance(H, {self.where}.{self.target})"),
            Use("pickled(H).n"),
        ]

    def members(self):
        return {
            self.name: "must",
            self.where: "may",
            f"{self.name}.further": "must",
            f"{self.name}.hooked": "may",
        }


@dataclasses.dataclass(frozen=True)
class Back(Feature):
    """A function that imports a module which imports this one."""

    where: str
    target: str
    number: int = 1
    style: str = "import"

    @property
    def refers(self):
        return frozenset({(self.where, self.target)})

    def text(self):
        line = (
            f"import {self.where}"
            if self.style == "import"
            else f"from {self.where} import {self.target}"
        )
        value = f"{self.where}.{self.target}" if self.style == "import" else self.target
        return f"def {self.name}():\n    {line}\n\n    return {self.number}, {value}\n"

    def edits(self, rng, names):
        return [Edit("circular function", self.but(number=other(rng, self.number))),
                Edit("circular import style", self.but(style="from" if self.style == "import" else "import"))]  # fmt: skip

    def uses(self):
        return [
            Use(f"M.{self.name}()[1] is {self.where}.{self.target}", "=bool True"),
            Use(f"M.{self.name}()[0]"),
        ]

    def holds(self):
        return {"function": f"M.{self.name}"}

    def held_uses(self, key):
        return [
            Use("H()[0]"),
            Use(f"H()[1] is {self.where}.{self.target}", "=bool True"),
        ]


STYLES = ("import", "as", "from", "from as")


def usable(cls):
    return not any(one in BUILTIN_BASES for one in cls.bases) and cls.slots is None


def make_import(rng, names):
    where = names.elsewhere(rng)
    found = names.importable(where) if where else []
    if not found:
        return None
    target = rng.choice(found)
    return Import(
        name=names.new("via"),
        where=where,
        target=target.name,
        style=rng.choice(STYLES),
        is_data=isinstance(target, Data),
    )


def make_derived(rng, names):
    where = names.elsewhere(rng)
    found = [
        one
        for one in (names.importable(where) if where else [])
        if isinstance(one, Class) and usable(one)
    ]
    if not found:
        return None
    return Derived(
        name=names.new("Derived"),
        where=where,
        target=rng.choice(found).name,
        number=rng.randint(1, 99),
    )


def make_back(rng, names, where, features):
    found = [one for one in features if isinstance(one, (Function, Class))]
    return (
        Back(
            name=names.new("back"),
            where=where,
            target=rng.choice(found).name,
            number=rng.randint(1, 99),
        )
        if found
        else None
    )


MAKERS = [*[make_import] * 2, *[make_derived] * 3]
