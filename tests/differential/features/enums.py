"""Enum, IntEnum, StrEnum, Flag, IntFlag."""

import dataclasses

from .feature import Edit, Feature, Use, other

PAYLOAD = ("IntEnum", "StrEnum", "IntFlag")  # the member is its value


@dataclasses.dataclass(frozen=True)
class Enumeration(Feature):
    base: str
    names: tuple  # (name, number) pairs
    method: int = 0
    prop: int = 0
    doc: str = ""
    tupled: bool = False  # members with a __init__
    alias: bool = False

    def text(self):
        lines = [
            f"class {self.name}(enum.{self.base}):\n",
            f'    """{self.doc}"""\n' if self.doc else "",
        ]
        lines += [f"    {name} = {self.value(number)}\n" for name, number in self.names]
        lines += [f"    ALIAS = {self.names[0][0]}\n"] * self.alias
        if self.tupled:
            lines.append(
                "\n    def __init__(self, first, second):\n        self.first = first\n        self.second = second\n"
            )
        if self.method:
            lines.append(
                f"\n    def describe(self):\n        return {self.method}, self.name, self.value\n"
            )
        if self.prop:
            lines.append(
                f"\n    @property\n    def label(self):\n        return {self.prop}, self.name\n"
            )
        return "".join(lines)

    def value(self, number):
        if self.base in ("Flag", "IntFlag"):
            return str(2**number)
        if self.base == "StrEnum":
            return f"'v{number}'"
        return f"({number}, 'second')" if self.tupled else str(number)

    def edits(self, rng, names):
        free = [n for n in range(1, 12) if n not in dict(self.names).values()]
        at = rng.randrange(len(self.names))
        new = (names.new("K"), rng.choice(free))
        pairs = list(self.names)
        found = [
            Edit("enum member added", self.but(names=(*pairs, new))),
            Edit(
                "enum member inserted", self.but(names=(*pairs[:at], new, *pairs[at:]))
            ),
            Edit("enum method", self.but(method=other(rng, self.method))),
            Edit("enum property", self.but(prop=other(rng, self.prop))),
            Edit("enum docstring", self.but(doc=f"about {rng.randint(1, 99)}")),
        ]
        if len(pairs) > 1:
            found.append(
                Edit(
                    "enum member removed",
                    self.but(names=(*pairs[:at], *pairs[at + 1 :])),
                )
            )
            found.append(
                Edit("enum members reordered", self.but(names=tuple(pairs[::-1])))
            )
        if not self.alias:
            found.append(Edit("enum alias added", self.but(alias=True)))
        renamed = (*pairs[:at], (new[0], pairs[at][1]), *pairs[at + 1 :])
        found.append(Edit("enum member renamed", self.but(names=renamed)))
        if self.base not in PAYLOAD or rng.random() < 0.15:
            changed = (*pairs[:at], (pairs[at][0], new[1]), *pairs[at + 1 :])
            found.append(
                Edit(
                    "enum member value",
                    self.but(names=changed),
                    ("RSL205",) if self.base in PAYLOAD else (),
                )
            )
        if (
            self.base not in ("Flag", "IntFlag")
            and len(pairs) > 1
            and self.base not in PAYLOAD
        ):
            values = [number for _, number in pairs]
            swapped = tuple(
                (name, number)
                for (name, _), number in zip(
                    pairs, values[1:] + values[:1], strict=True
                )
            )
            found.append(Edit("enum values swapped", self.but(names=swapped)))
        return found

    def uses(self):
        e = f"M.{self.name}"
        found = [f"[(one.name, one.value) for one in {e}]", f"list({e}.__members__)", f"len({e})", f"[str(one) for one in {e}]",
                 f"[repr(one) for one in {e}]"]  # fmt: skip
        for name, number in self.names:
            found += [f"{e}.{name}.value", f"{e}['{name}'].name", f"{e}({self.value(number)}).name", f"{e}.{name} in {e}",
                      f"pickled({e}.{name}) is {e}.{name}", f"type({e}.{name}) is {e}", f"hash({e}.{name}) == hash({e}['{name}'])"]  # fmt: skip
            found += [f"{e}.{name}.describe()"] * bool(self.method)
            found += [f"{e}.{name}.label"] * bool(self.prop)
            found += [f"{e}.{name}.first"] * self.tupled
        if self.alias:
            found.append(f"{e}.ALIAS is {e}.{self.names[0][0]}")
        if self.base in ("Flag", "IntFlag"):
            found += [
                f"({e}.{self.names[0][0]} | {e}.{self.names[-1][0]}).value",
                f"list({e}({2 ** self.names[0][1]}))",
                f"~{e}.{self.names[0][0]}",
            ]
        if self.base in PAYLOAD:
            found += [
                f"{e}.{self.names[0][0]} == {self.value(self.names[0][1])}",
                f"{e}.{self.names[0][0]} < {e}.{self.names[-1][0]}",
            ]
        return [Use(text) for text in found]

    def holds(self):
        e = f"M.{self.name}"
        found = {"class": e, "imported": f"holder.M_{self.name}"}
        for name, _ in self.names:
            found[f"member {name}"] = f"{e}.{name}"
            found[f"key {name}"] = f"{{{e}.{name}: 'found'}}"
        return found

    def held_uses(self, key):
        what, _, name = key.partition(" ")
        if what == "class":
            return [
                Use(f"H is M.{self.name}", "=bool True"),
                Use("[one.name for one in H]"),
            ]
        if what == "imported":
            return [Use(f"holder.M_{self.name} is M.{self.name}", "=bool True")]
        if name not in dict(self.names):
            return []
        if what == "key":
            return [Use(f"H[M.{self.name}.{name}]", "=str 'found'")]
        found = [Use(f"H is M.{self.name}.{name}", "=bool True"), Use("H.value"), Use("H.name"), Use(f"isinstance(H, M.{self.name})"),
                 Use(f"pickled(H) is M.{self.name}.{name}", "=bool True")]  # fmt: skip
        return (
            found
            + [Use("H.describe()")] * bool(self.method)
            + [Use("H.label")] * bool(self.prop)
        )

    def held_after(self, history, key):
        name = key.partition(" ")[2]
        if not all(isinstance(one, Enumeration) for one in history):
            return []
        if name and any(name not in dict(one.names) for one in history):
            return []  # a member that went is another one when it comes back
        return self.held_uses(key)

    def loose(self, old):
        # what a flag's values were combined to so far
        return {f"{self.name}._value2member_map_"} if "Flag" in self.base else set()

    def members(self):
        found = {self.name: "must", f"{self.name}._iter_member_": "may"}
        if self.method:
            found[f"{self.name}.describe"] = "must"
        if self.prop:
            found[f"{self.name}.label"] = "may"
        return found


def make_enum(rng, names):
    base = rng.choice(["Enum", "Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"])
    count = rng.randint(2, 4)
    numbers = rng.sample(range(1, 6), count)
    pairs = tuple((names.new("K"), number) for number in numbers)
    return Enumeration(name=names.new("E"), base=base, names=pairs, method=rng.choice([0, 5]), prop=rng.choice([0, 5]),
                       tupled=base == "Enum" and rng.random() < 0.3)  # fmt: skip


MAKERS = [make_enum, make_enum]
