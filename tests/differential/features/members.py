"""What stands in the body of a class.  Parts of a Class: they have no life of their own."""

import dataclasses

from .classtools import Descriptor
from .data import literal
from .decorators import Decorator
from .feature import other

ATTRIBUTE_KINDS = ["int", "str", "tuple", "list", "dict", "set"]


@dataclasses.dataclass(frozen=True)
class Method:
    """kind: method, static, class, property, settable (property), cached, generator, coroutine, private (mangled)"""

    name: str
    kind: str = "method"
    number: int = 1
    default: int = 0
    doc: str = ""
    decorator: str = ""

    def text(self):
        who = {"static": "None", "class": "cls.__name__"}.get(
            self.kind, "self.n, __class__.__name__"
        )
        parameters = (
            []
            if self.kind == "static"
            else ["cls"]
            if self.kind == "class"
            else ["self"]
        )
        if self.called():
            parameters += ["x", f"y={self.default}"] if self.default else ["x"]
        value = (
            f'"{self.name}", {self.number}, {who}'
            + (", x" + ", y" * bool(self.default)) * self.called()
        )
        marks = {"static": "@staticmethod", "class": "@classmethod", "property": "@property", "settable": "@property",
                 "cached": "@functools.cached_property"}  # fmt: skip
        mark = marks.get(self.kind, f"@{self.decorator}" if self.decorator else "")
        lines = [f"{mark}\n"] if mark else []
        lines.append(
            f"{'async ' * (self.kind == 'coroutine')}def {self.name}({', '.join(parameters)}):\n"
        )
        lines.append(f'    """{self.doc}"""\n' if self.doc else "")
        if self.kind == "private":
            lines.append(
                f"    return self.__{self.name}({value})\n\ndef __{self.name}(self, *given):\n    return given, {self.number}\n"
            )
        else:
            lines.append(
                f"    {'yield' if self.kind == 'generator' else 'return'} {value}\n"
            )
        if self.kind == "settable":
            lines.append(
                f"\n@{self.name}.setter\ndef {self.name}(self, value):\n    self.n = value, {self.number}\n"
            )
        return "".join(lines)

    def called(self):
        return self.kind not in ("property", "settable", "cached")

    def family(self):
        """Kinds between which a held bound method can be expected to follow."""
        return (
            "method"
            if self.kind in ("method", "generator", "coroutine", "private")
            else self.kind
        )

    def edits(self, rng):
        label = {
            "method": "method",
            "static": "static method",
            "class": "class method",
            "cached": "cached property",
        }
        yield (
            f"{label.get(self.family(), 'property')} body",
            self.but(number=other(rng, self.number)),
        )
        yield "method docstring", self.but(doc=f"about {rng.randint(1, 99)}")
        if self.called():
            yield (
                "method signature",
                self.but(default=0 if self.default else rng.randint(1, 9)),
            )
        if self.kind == "property":
            yield "property setter added", self.but(kind="settable")
        if self.kind == "settable":
            yield "property setter removed", self.but(kind="property")
        if self.decorator:
            yield "method decorator removed", self.but(decorator="")
        kinds = [
            one
            for one in (
                "method",
                "static",
                "class",
                "property",
                "generator",
                "coroutine",
            )
            if one != self.kind
        ]
        yield "method kind", self.but(kind=rng.choice(kinds), decorator="")

    def but(self, **changes):
        return dataclasses.replace(self, **changes)

    def instance_uses(self, instance, anew):
        if self.kind == "cached" and not anew:
            return []
        if self.called():
            return [f"call({instance}.{self.name}, 5)"]
        if self.kind == "settable" and anew:
            return [
                f"{instance}.{self.name}",
                f"assigned({instance}, '{self.name}', 9)",
            ]
        return [f"{instance}.{self.name}"]

    def class_uses(self, cls):
        return (
            [f"call({cls}.{self.name}, 6)"] if self.kind in ("static", "class") else []
        )

    def members(self):
        names = {
            self.name: "may"
            if self.kind in ("property", "settable", "cached")
            else "must"
        }
        if self.kind == "private":
            names[f"__{self.name}"] = "must"
        return names


@dataclasses.dataclass(frozen=True)
class Attribute:
    name: str
    kind: str
    value: str
    note: str = ""

    def text(self):
        return f"{self.name}{f': {self.note}' if self.note else ''} = {self.value}\n"

    def edits(self, rng):
        yield (
            "class attribute value",
            dataclasses.replace(self, value=literal(rng, self.kind)),
        )
        yield (
            "class annotation",
            dataclasses.replace(self, note=rng.choice(["int", "object", "'Later'"])),
        )
        kind = rng.choice([one for one in ATTRIBUTE_KINDS if one != self.kind])
        yield (
            "class attribute kind",
            dataclasses.replace(self, kind=kind, value=literal(rng, kind)),
        )

    def instance_uses(self, instance, anew):
        return [f"{instance}.{self.name}"]

    def class_uses(self, cls):
        return [f"{cls}.{self.name}"]

    def members(self):
        return {self.name: "must"}


# name -> parameters, value, what to try.  __getitem__ ends: without __contains__ or
# __iter__ (in the other version) CPython counts up until it raises IndexError.
DUNDERS = {
    "__len__": ("self", "{k}", "len({i})"),
    "__call__": ("self, x=1", "'called', {k}, x", "{i}(3)"),
    "__repr__": ("self", "'repr {k}'", "repr({i})"),
    "__str__": ("self", "'str {k}'", "str({i})"),
    "__add__": ("self, other", "'add', {k}, other", "{i} + 3"),
    "__radd__": ("self, other", "'radd', {k}, other", "3 + {i}"),
    "__getitem__": (
        "self, at",
        "('item', {k}, at) if isinstance(at, str) else [].pop()",
        "{i}['x']",
    ),
    "__contains__": ("self, what", "what == {k}", "{k} in {i}"),
    "__bool__": ("self", "bool({k} % 2)", "bool({i})"),
    "__iter__": ("self", "iter([{k}])", "list({i})"),
    "__eq__": ("self, other", "other == {k}", "{i} == {k}"),
    "__lt__": ("self, other", "other < {k}", "{i} < {k}"),
    "__getattr__": (
        "self, name",
        "(name, {k}) if name == 'nowhere' else object.__getattribute__(self, name)",
        "{i}.nowhere",
    ),
    "__enter__": ("self", "{k}", "{i}.__enter__()"),
    "__hash__": ("self", "{k}", "hash({i})"),
    "__index__": ("self", "{k}", "[0] * 3 if {i}.__index__() else 0"),
    "__format__": ("self, spec", "f'{{spec}} {k}'", "format({i}, 'x')"),
    "__class_getitem__": ("cls, item", "'of', {k}, item", "type({i})[3]"),
    "__init_subclass__": (
        "cls",
        "setattr(cls, 'hooked', {k})",
        "subclass(type({i})).hooked",
    ),
    "__del__": ("self", "None", "type({i}).__name__"),
    "__missing__": ("self, key", "{k}", "{i}.__missing__(1)"),
    "__await__": ("self", "iter([{k}])", "list({i}.__await__())"),
}


@dataclasses.dataclass(frozen=True)
class Dunder:
    name: str
    number: int = 1

    def text(self):
        parameters, value, _ = DUNDERS[self.name]
        return f"def {self.name}({parameters}):\n    return {value.format(k=self.number)}\n"

    def edits(self, rng):
        yield "dunder body", dataclasses.replace(self, number=other(rng, self.number))

    def instance_uses(self, instance, anew):
        return [DUNDERS[self.name][2].format(i=instance, k=self.number)]

    def class_uses(self, cls):
        return []

    def members(self):
        return {
            self.name: "must",
            **({"__hash__": "may"} if self.name == "__eq__" else {}),
        }


@dataclasses.dataclass(frozen=True)
class Described:
    """An instance of a descriptor class."""

    name: str
    descriptor: str
    number: int = 1

    def text(self):
        return f"{self.name} = {self.descriptor}({self.number})\n"

    def edits(self, rng):
        yield (
            "descriptor argument",
            dataclasses.replace(self, number=other(rng, self.number)),
        )

    def instance_uses(self, instance, anew):
        return [f"{instance}.{self.name}"]

    def class_uses(self, cls):
        return []

    def members(self):
        return {self.name: "may"}


@dataclasses.dataclass(frozen=True)
class Inner:
    """A nested class."""

    name: str
    number: int = 1
    value: int = 1

    def text(self):
        return f"class {self.name}:\n    value = {self.value}\n\n    def run(self):\n        return {self.number}, __class__.__qualname__\n"

    def edits(self, rng):
        yield (
            "nested class method",
            dataclasses.replace(self, number=other(rng, self.number)),
        )
        yield (
            "nested class attribute",
            dataclasses.replace(self, value=other(rng, self.value)),
        )

    def instance_uses(self, instance, anew):
        return [f"{instance}.{self.name}().run()"]

    def class_uses(self, cls):
        return []

    def members(self):
        return {self.name: "may"}


def make_method(rng, names, cls=None):
    kinds = [
        "method",
        "method",
        "static",
        "class",
        "property",
        "settable",
        "cached",
        "generator",
        "coroutine",
        "private",
    ]
    if cls and cls.slots is not None:
        kinds.remove("cached")
    kind = rng.choice(kinds)
    wraps = [one.name for one in names.of(Decorator) if one.style in ("wraps", "bare")]
    decorator = (
        rng.choice(wraps) if kind == "method" and wraps and rng.random() < 0.4 else ""
    )
    return Method(
        names.new("meth"),
        kind,
        rng.randint(1, 99),
        rng.choice([0, 0, 5]),
        "",
        decorator,
    )


def make_member(rng, names, cls):
    kind = rng.choice(["method"] * 3 + ["attribute", "dunder", "described", "inner"])
    return {
        "method": lambda: make_method(rng, names, cls),
        "attribute": lambda: make_attribute(rng, names),
        "dunder": lambda: make_dunder(rng, cls),
        "described": lambda: make_described(rng, names),
        "inner": lambda: Inner(names.new("Inner"), rng.randint(1, 99)),
    }[kind]()


def make_attribute(rng, names):
    kind = rng.choice(ATTRIBUTE_KINDS)
    return Attribute(names.new("attr"), kind, literal(rng, kind))


def make_dunder(rng, cls):
    free = [
        one
        for one in DUNDERS
        if all(one != had.name for had in cls.members_) and cls.allows(one)
    ]
    return Dunder(rng.choice(free), rng.randint(1, 99)) if free else None


def make_described(rng, names):
    found = names.pick(rng, Descriptor)
    return (
        Described(names.new("described"), found.name, rng.randint(1, 99))
        if found
        else None
    )
