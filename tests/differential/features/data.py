"""Data of all kinds: constants, containers, sentinels, locks, tables of definitions."""

import dataclasses

from .feature import Datum, Edit, Feature, Use, other

CONTAINERS = {"list", "dict", "set", "bytearray", "deque"}


def literal(rng, kind):
    n, k = rng.randint(1, 99), rng.randint(1, 99)
    return {
        "int": f"{n}",
        "big": f"{10**20 + n}",
        "float": f"{n}.5",
        "str": f"'text {n}'",
        "bytes": f"b'{n}'",
        "none": "None",
        "tuple": f"({n}, 'a', ({k},))",
        "list": f"[{n}, {k}]",
        "dict": f"{{'a': {n}, 'b': [{k}]}}",
        "set": f"{{{n}, {k}}}",
        "frozenset": f"frozenset(({n}, {k}))",
        "bytearray": f"bytearray(b'{n}')",
        "deque": f"collections.deque([{n}, {k}])",
        "nested": f"{{'rows': [{{'n': {n}}}, {{'n': {k}}}], 'at': ({n}, [{k}])}}",
    }[kind]


LITERALS = ["int", "big", "float", "str", "bytes", "none", "tuple", "list", "dict", "set", "frozenset", "bytearray",
            "deque", "nested"]  # fmt: skip
IDENTITIES = {
    "sentinel": "object()",
    "lock": "threading.Lock()",
    "logger": "logging.getLogger('differential')",
    "contextvar": "contextvars.ContextVar('differential')",
    "event": "threading.Event()",
    "weakset": "weakref.WeakSet()",
}


def exact_kind(kind):
    return "dict" if kind == "nested" else kind


@dataclasses.dataclass(frozen=True)
class Data(Feature):
    kind: str
    value: str
    definitions: tuple = ()
    annotated: bool = False

    @property
    def needs(self):
        return frozenset(self.definitions)

    def text(self):
        note = ": typing.Any" if self.annotated else ""
        return f"{self.name}{note} = {self.value}\n"

    def data(self):
        note = ": typing.Any" if self.annotated else ""
        kind = exact_kind(self.kind)
        return [Datum(self.name, self.value, kind, written=note)]

    def edits(self, rng, names):
        found = [Edit("data annotated", self.but(annotated=not self.annotated))]
        if self.kind in LITERALS:
            kind = rng.choice([one for one in LITERALS if one != self.kind])
            found.append(
                Edit("data kind", self.but(kind=kind, value=literal(rng, kind)))
            )
            if self.kind != "none":
                found.append(
                    Edit("data value", self.but(value=literal(rng, self.kind)))
                )
            if self.kind in ("dict", "list"):
                opened, closed = self.value[:-1], self.value[-1]
                item = "'new': 1" if self.kind == "dict" else "'new'"
                found.append(
                    Edit(
                        "data element added",
                        self.but(value=f"{opened}, {item}{closed}"),
                    )
                )
        elif self.kind in IDENTITIES:
            kind = rng.choice(LITERALS)
            found.append(
                Edit(
                    "sentinel becomes data",
                    self.but(kind=kind, value=literal(rng, kind)),
                )
            )
        elif self.kind in ("dict of definitions", "list of definitions"):
            found.append(
                Edit(
                    "table of definitions",
                    maker_of_definitions(rng, names, self.name) or self,
                )
            )
        elif self.kind == "instance":
            found.append(
                Edit(
                    "instance argument",
                    self.but(value=f"{self.definitions[0]}({rng.randint(1, 99)})"),
                )
            )
        return found

    def uses(self):
        return [Use(f"type(M.{self.name}).__name__")]

    def holds(self):
        return {"object": f"M.{self.name}"}

    def mutations(self, rng):
        n = rng.randint(100, 199)
        return {
            "int": [(self.name, f"M.{self.name} = {n}", f"{n}")],
            "str": [(self.name, f"M.{self.name} = 'live {n}'", f"'live {n}'")],
            "none": [(self.name, f"M.{self.name} = [{n}]", f"[{n}]")],
            "list": [
                (self.name, f"M.{self.name}.append({n})", f"[*{self.value}, {n}]")
            ],
            "dict": [
                (
                    self.name,
                    f"M.{self.name}['live'] = {n}",
                    f"{{**{self.value}, 'live': {n}}}",
                )
            ],
            "set": [(self.name, f"M.{self.name}.add({n})", f"{{*{self.value}, {n}}}")],
            "bytearray": [
                (self.name, f"M.{self.name}.append(33)", f"{self.value} + b'!'")
            ],
            "deque": [
                (
                    self.name,
                    f"M.{self.name}.append({n})",
                    f"{self.value} + collections.deque([{n}])",
                )
            ],
        }.get(self.kind, [])


def maker_of_definitions(rng, names, name):
    from .classes import Class
    from .functions import Function

    found = names.of(Function, Class)
    if not found:
        return None
    chosen = rng.sample(found, min(len(found), rng.randint(1, 3)))
    definitions = tuple(one.name for one in chosen)
    if rng.random() < 0.5:
        value = "{" + ", ".join(f"'{one}': {one}" for one in definitions) + "}"
        return Data(
            name=name, kind="dict of definitions", value=value, definitions=definitions
        )
    return Data(
        name=name,
        kind="list of definitions",
        value="[" + ", ".join(definitions) + "]",
        definitions=definitions,
    )


def make_literal(rng, names):
    kind = rng.choice(LITERALS)
    return Data(name=names.new("D"), kind=kind, value=literal(rng, kind))


def make_identity(rng, names):
    kind = rng.choice([*IDENTITIES, "sentinel", "sentinel"])
    return Data(name=names.new("S"), kind=kind, value=IDENTITIES[kind])


def make_table(rng, names):
    return maker_of_definitions(rng, names, names.new("T"))


def make_instance(rng, names):
    from .classes import Class

    found = [one for one in names.of(Class) if one.makes_instances()]
    if not found:
        return None
    chosen = rng.choice(found).name
    return Data(
        name=names.new("X"),
        kind="instance",
        value=f"{chosen}({other(rng, 0)})",
        definitions=(chosen,),
    )


def make_alias(rng, names):
    from .functions import Function

    found = names.of(Function)
    return (
        Alias(name=names.new("alias"), target=rng.choice(found).name) if found else None
    )


@dataclasses.dataclass(frozen=True)
class Alias(Feature):
    """`alias = f`: a binding of something that has its own definition."""

    target: str

    @property
    def needs(self):
        return frozenset({self.target})

    def text(self):
        return f"{self.name} = {self.target}\n"

    def edits(self, rng, names):
        from .functions import Function

        found = [one.name for one in names.of(Function) if one.name != self.target]
        return (
            [Edit("alias changed", self.but(target=rng.choice(found)))] if found else []
        )

    def uses(self):
        return [Use(f"M.{self.name} is M.{self.target}", "=bool True")]

    def holds(self):
        return {"alias": f"M.{self.name}"}

    def held_after(self, history, key):
        return (
            [Use(f"H is M.{history[0].target}", "=bool True")]
            if isinstance(history[0], Alias)
            else []
        )


MAKERS = [
    make_literal,
    make_literal,
    make_identity,
    make_table,
    make_instance,
    make_alias,
]
