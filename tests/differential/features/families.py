"""Classes that know each other, classes that tell when they are touched, classes made in functions."""

import dataclasses

from .feature import Edit, Feature, Use, other


@dataclasses.dataclass(frozen=True)
class Plugins(Feature):
    """A base whose __init_subclass__ keeps a list of its children."""

    number: int
    children: tuple  # (name, number)

    def text(self):
        lines = [
            f"class {self.name}:\n    registry = []\n\n"
            "    def __init_subclass__(cls, **options):\n"
            "        super().__init_subclass__(**options)\n"
            "        cls.registry.append(cls)\n"
            f"        cls.rank = {self.number}\n"
        ]
        for name, number in self.children:
            lines.append(
                f"\n\nclass {name}({self.name}):\n    def run(self):\n"
                f"        return {number}, __class__.__name__\n"
            )
        return "".join(lines)

    @property
    def binds(self):
        return frozenset({self.name, *(name for name, _ in self.children)})

    def edits(self, rng, names):
        (name, number), *rest = self.children
        new = (names.new("Plugin"), rng.randint(1, 99))
        changed = ((name, other(rng, number)), *rest)
        return [
            Edit("plugin body", self.but(children=changed)),
            Edit("plugin added", self.but(children=(*self.children, new))),
        ]

    def uses(self):
        registry = f"M.{self.name}.registry"
        found = [
            Use(f"len({registry}) - len(set({registry}))", "=int 0"),
            Use(
                f"all(vars(M)[one.__name__] is one for one in {registry})", "=bool True"
            ),
        ]
        for name, _ in self.children:
            found += [Use(f"M.{name}().run()"), Use(f"M.{name}.rank")]
        return found

    def holds(self):
        return {f"child {name}": f"M.{name}()" for name, _ in self.children}

    def held_uses(self, key):
        name = key.partition(" ")[2]
        return [Use("H.run()"), Use(f"type(H) is M.{name}", "=bool True")]

    def loose(self, old):
        return {f"{self.name}.registry"}

    def members(self):
        found = {self.name: "must"}
        for name, _ in self.children:
            found |= {name: "must", f"{name}.run": "must", f"{name}.rank": "may"}
        return found


@dataclasses.dataclass(frozen=True)
class Trap(Feature):
    """Instances that note whenever their own code is called: an update never does."""

    number: int

    @property
    def binds(self):
        return frozenset({self.name, f"{self.name}_all", f"{self.name}_calls"})

    def text(self):
        special = {"__eq__": "self, other", "__hash__": "self", "__bool__": "self"}
        special |= {"__len__": "self", "__getattr__": "self, name"}
        lines = [f"{self.name}_calls = []\n\n\nclass {self.name}:\n"]
        lines.append("    def __init__(self, n):\n        vars(self)['n'] = n\n\n")
        for name, parameters in special.items():
            lines.append(
                f"    def {name}({parameters}):\n"
                f"        {self.name}_calls.append('{name}')\n"
                "        raise AttributeError\n\n"
            )
        lines.append(f"    def run(self):\n        return {self.number}, self.n\n\n\n")
        lines.append(
            f"{self.name}_all = [{self.name}(1), {{'at': {self.name}(2)}}, ({self.name}(3),)]\n"
        )
        return "".join(lines)

    def edits(self, rng, names):
        return [Edit("trap method", self.but(number=other(rng, self.number)))]

    def uses(self):
        return [
            Use(f"list(M.{self.name}_calls)", "=<list of 0>"),
            Use(f"M.{self.name}_all[0].run()"),
            Use(f"M.{self.name}_all[1]['at'].run()"),
        ]

    def holds(self):
        return {"instance": f"M.{self.name}(4)"}

    def held_uses(self, key):
        return [Use("H.run()"), Use(f"type(H) is M.{self.name}", "=bool True")]


@dataclasses.dataclass(frozen=True)
class Local(Feature):
    """A class made in a function: every call makes another one."""

    number: int

    def text(self):
        return (
            f"def {self.name}(n):\n    class Local:\n        def run(self):\n"
            f"            return {self.number}, n, __class__.__name__\n\n    return Local\n"
        )

    def edits(self, rng, names):
        return [Edit("local class", self.but(number=other(rng, self.number)))]

    def uses(self):
        return [Use(f"M.{self.name}(1)().run()")]

    def holds(self):
        return {"class": f"M.{self.name}(2)", "instance": f"M.{self.name}(3)()"}

    def held_uses(self, key):
        return [Use("H().run()" if key == "class" else "H.run()", "either")]


def make_plugins(rng, names):
    children = tuple((names.new("Plugin"), rng.randint(1, 99)) for _ in range(2))
    return Plugins(name=names.new("Base"), number=rng.randint(1, 99), children=children)


def make_trap(rng, names):
    return Trap(name=names.new("Trap"), number=rng.randint(1, 99))


def make_local(rng, names):
    return Local(name=names.new("local"), number=rng.randint(1, 99))


MAKERS = [make_plugins, make_trap, make_local]
