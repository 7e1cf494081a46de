"""Classes that the standard library makes from a list of fields: dataclass, NamedTuple, TypedDict, Protocol, ABC."""

import dataclasses

from .feature import Edit, Feature, Use, other


@dataclasses.dataclass(frozen=True)
class Record(Feature):
    """A dataclass."""

    fields: tuple  # (name, type, default) triples
    options: tuple = ()
    method: int = 1
    post: int = 0  # __post_init__ sets this

    def text(self):
        options = (
            f"({', '.join(f'{one}=True' for one in self.options)})"
            if self.options
            else ""
        )
        lines = [f"@dataclasses.dataclass{options}\nclass {self.name}:\n"]
        lines += [
            f"    {name}: {kind} = {default}\n" for name, kind, default in self.fields
        ]
        lines.append(
            f"\n    def total(self):\n        return {self.method}, self.{self.fields[0][0]}\n"
        )
        if self.post:
            lines.append(
                f"\n    def __post_init__(self):\n        self.posted = {self.post}\n"
            )
        return "".join(lines)

    @property
    def layout(self):
        return ("RSL201",) if "slots" in self.options else ()

    def edits(self, rng, names):
        fields, at = list(self.fields), rng.randrange(len(self.fields))
        name, kind, default = fields[at]
        found = [Edit("dataclass method", self.but(method=other(rng, self.method)))]
        if "field(" not in default:
            changed = (
                *fields[:at],
                (name, kind, str(other(rng, int(default)))),
                *fields[at + 1 :],
            )
            found.append(Edit("dataclass default", self.but(fields=changed)))
        retyped = (
            *fields[:at],
            (name, rng.choice(["float", "object", "'Later'"]), default),
            *fields[at + 1 :],
        )
        found.append(Edit("dataclass field type", self.but(fields=retyped)))
        if "slots" not in self.options or rng.random() < 0.2:
            found.append(
                Edit(
                    "dataclass field added",
                    self.but(
                        fields=(
                            *fields,
                            (names.new("field"), "int", str(rng.randint(1, 9))),
                        )
                    ),
                    self.layout,
                )
            )
            factory = (
                names.new("field"),
                "tuple",
                "dataclasses.field(default_factory=tuple)",
            )
            found.append(
                Edit(
                    "dataclass factory added",
                    self.but(fields=(*fields, factory)),
                    self.layout,
                )
            )
            if at:
                found.append(
                    Edit(
                        "dataclass field removed",
                        self.but(fields=(*fields[:at], *fields[at + 1 :])),
                        self.layout,
                    )
                )
        if "slots" not in self.options:
            options = (
                tuple(one for one in self.options if one != "order")
                if "order" in self.options
                else (*self.options, "order")
            )
            found.append(Edit("dataclass option", self.but(options=options)))
            if "frozen" not in self.options:
                found.append(
                    Edit("dataclass post init", self.but(post=other(rng, self.post)))
                )
        return found

    def uses(self):
        c = f"M.{self.name}"
        found = [f"repr({c}(1))", f"{c}(1) == {c}(1)", f"{c}(1).total()", f"str(inspect.signature({c}))", f"{c}.__match_args__",
                 f"[one.name for one in dataclasses.fields({c})]", f"dataclasses.asdict({c}(2))", f"repr(dataclasses.replace({c}(1), {self.fields[0][0]}=5))",
                 f"attempt(setattr, {c}(1), '{self.fields[0][0]}', 9)"]  # fmt: skip
        found += [f"{c}(1) < {c}(2)"] if "order" in self.options else []
        found += [f"hash({c}(1)) == hash({c}(1))"] if "frozen" in self.options else []
        return [Use(text) for text in found]

    def holds(self):
        c = f"M.{self.name}"
        found = {
            "instance": f"{c}(1)",
            "class": c,
            "imported": f"holder.M_{self.name}",
            "subclass": f"subclass({c})",
        }
        if "frozen" in self.options:
            found["key"] = f"{{{c}(1): 'found'}}"
        return found

    def held_uses(self, key):
        c = f"M.{self.name}"
        return {
            "instance": [Use("repr(H)"), Use(f"H == {c}(1)"), Use("H.total()"), Use("dataclasses.asdict(H)"), Use(f"isinstance(H, {c})"),
                         Use("repr(pickled(H))")],
            "class": [Use(f"H is {c}", "=bool True"), Use("repr(H(1))")],
            "imported": [Use(f"holder.M_{self.name} is {c}", "=bool True")],
            "subclass": [Use("repr(H(1))"), Use("H(1) == H(1)"), Use("H(1).total()")],
            "key": [Use(f"H[{c}(1)]")],
        }[key]  # fmt: skip

    def held_after(self, history, key):
        chain = (*history, self)
        if not all(isinstance(one, Record) for one in chain):
            return []
        changed = [
            field
            for one in chain
            for field in one.fields
            if field not in history[0].fields
        ]
        if key in ("instance", "key"):
            if key == "key" and len({tuple(one.fields) for one in chain}) > 1:
                return []
            if key == "instance" and changed:
                # fields that it never got fall back to class attributes; a factory leaves none
                return [
                    Use("H.total()"),
                    Use(f"isinstance(H, M.{self.name})"),
                    Use("repr(H)", "any"),
                ]
        return self.held_uses(key)

    def members(self):
        found = {
            self.name: "must",
            f"{self.name}.total": "must",
            f"{self.name}.__post_init__": "must",
        }
        generated = (
            "__lt__",
            "__le__",
            "__gt__",
            "__ge__",
            "__hash__",
            "__annotate_func__",
            "__annotations_cache__",
        )
        for name in (*[one[0] for one in self.fields], *generated):
            found[f"{self.name}.{name}"] = "may"
        return found


@dataclasses.dataclass(frozen=True)
class Named(Feature):
    """A NamedTuple."""

    fields: tuple  # (name, default)
    method: int = 1

    def text(self):
        lines = [f"class {self.name}(typing.NamedTuple):\n"]
        lines += [f"    {name}: int = {default}\n" for name, default in self.fields]
        return (
            "".join(lines)
            + f"\n    def total(self):\n        return {self.method}, sum(self)\n"
        )

    def edits(self, rng, names):
        (name, default), *rest = self.fields
        found = [Edit("namedtuple method", self.but(method=other(rng, self.method))),
                 Edit("namedtuple default", self.but(fields=((name, other(rng, default)), *rest)))]  # fmt: skip
        if rng.random() < 0.2:
            found.append(
                Edit(
                    "namedtuple field added",
                    self.but(fields=(*self.fields, (names.new("field"), 1))),
                    ("RSL204",),
                )
            )
        return found

    def uses(self):
        c = f"M.{self.name}"
        found = [f"repr({c}())", f"{c}(7).total()", f"{c}._fields", f"{c}._field_defaults", f"{c}()._asdict()", f"{c}(5)._replace({self.fields[0][0]}=1)",
                 f"pickled({c}(3)) == {c}(3)", f"str(inspect.signature({c}))"]  # fmt: skip
        return [Use(text) for text in found]

    def holds(self):
        return {"instance": f"M.{self.name}(1)", "class": f"M.{self.name}"}

    def held_uses(self, key):
        c = f"M.{self.name}"
        if key == "class":
            return [Use(f"H is {c}", "=bool True"), Use("repr(H())")]
        return [
            Use(f"H.{self.fields[0][0]}"),
            Use("H.total()"),
            Use(f"isinstance(H, {c})"),
            Use(f"H == {c}(1)"),
        ]

    def held_after(self, history, key):
        chain = (*history, self)
        if not all(isinstance(one, Named) for one in chain) or (
            key == "instance" and len({one.fields[1:] for one in chain}) > 1
        ):
            return []
        return self.held_uses(key)

    def members(self):
        found = {self.name: "must", f"{self.name}.total": "must"}
        return found | {f"{self.name}.{name}": "may" for name, _ in self.fields}


@dataclasses.dataclass(frozen=True)
class Typed(Feature):
    """A TypedDict or a Protocol."""

    style: str
    fields: tuple

    def text(self):
        if self.style == "TypedDict":
            return f"class {self.name}(typing.TypedDict):\n" + "".join(
                f"    {name}: {kind}\n" for name, kind in self.fields
            )
        head = f"@typing.runtime_checkable\nclass {self.name}(typing.Protocol):\n"
        return head + "\n".join(
            f"    def {name}(self) -> {kind}: ...\n" for name, kind in self.fields
        )

    def edits(self, rng, names):
        kind = rng.choice(["str", "float", "'Later'", "bytes"])
        found = [Edit(f"{self.style} field added", self.but(fields=(*self.fields, (names.new("run"), kind)))),
                 Edit(f"{self.style} field type", self.but(fields=((self.fields[0][0], kind), *self.fields[1:])))]  # fmt: skip
        if len(self.fields) > 1:
            found.append(
                Edit(f"{self.style} field removed", self.but(fields=self.fields[:-1]))
            )
        return found

    def uses(self):
        c = f"M.{self.name}"
        if self.style == "TypedDict":
            return [
                Use(f"D({c}.__annotations__)"),
                Use(f"sorted({c}.__required_keys__)"),
                Use(f"{c}({self.fields[0][0]}=1)"),
            ]
        offers = ", ".join(f"'{name}': id" for name, _ in self.fields)
        return [
            Use(f"isinstance(type('Offers', (), {{{offers}}})(), {c})"),
            Use(f"isinstance(3, {c})"),
        ]

    def holds(self):
        return {"class": f"M.{self.name}", "imported": f"holder.M_{self.name}"}

    def held_uses(self, key):
        if key == "imported":
            return [Use(f"holder.M_{self.name} is M.{self.name}", "=bool True")]
        return [Use(f"H is M.{self.name}", "=bool True")]

    def members(self):
        found = {self.name: "must"}
        if self.style == "Protocol":
            found |= {f"{self.name}.{name}": "must" for name, _ in self.fields}
        for name in ("__non_callable_proto_members__",):
            found[f"{self.name}.{name}"] = "may"
        return found


@dataclasses.dataclass(frozen=True)
class Abstract(Feature):
    """An abstract class and one that implements it."""

    methods: tuple
    number: int = 1
    implements: tuple = ()

    @property
    def binds(self):
        return frozenset({self.name, f"{self.name}Impl"})

    def text(self):
        lines = [f"class {self.name}(abc.ABC):\n"]
        for name in self.methods:
            lines.append(
                f'    @abc.abstractmethod\n    def {name}(self):\n        return "{name}", {self.number}\n\n'
            )
        lines.append(
            f"    def common(self):\n        return {self.number}\n\n\nclass {self.name}Impl({self.name}):\n"
        )
        for name in self.implements:
            lines.append(
                f"    def {name}(self):\n        return {self.number}, super().{name}()\n\n"
            )
        return "".join(lines) + "    pass\n" * (not self.implements)

    def edits(self, rng, names):
        new = names.new("need")
        found = [Edit("abstract body", self.but(number=other(rng, self.number))),
                 Edit("abstract added", self.but(methods=(*self.methods, new), implements=(*self.implements, new))),
                 Edit("abstract unimplemented", self.but(methods=(*self.methods, new)))]  # fmt: skip
        if len(self.methods) > 1:
            found.append(
                Edit(
                    "abstract removed",
                    self.but(methods=self.methods[:-1], implements=self.methods[:-1]),
                )
            )
        return found

    def uses(self):
        c = f"M.{self.name}"
        found = [f"sorted({c}.__abstractmethods__)", f"sorted({c}Impl.__abstractmethods__)", f"attempt({c}Impl)", f"issubclass({c}Impl, {c})",
                 f"attempt({c})", f"isinstance(3, {c})"]  # fmt: skip
        return [Use(text) for text in found] + [
            Use(f"{c}Impl().{name}()") for name in self.implements
        ]

    def holds(self):
        if set(self.methods) > set(self.implements):
            return {"class": f"M.{self.name}"}
        return {"instance": f"M.{self.name}Impl()", "class": f"M.{self.name}", "registered": f"M.{self.name}.register(set)",
                "subclass": f"subclass(M.{self.name}Impl)"}  # fmt: skip

    def held_uses(self, key):
        c = f"M.{self.name}"
        return {
            "instance": [
                Use(f"isinstance(H, {c})"),
                Use("H.common()"),
                *[Use(f"H.{name}()") for name in self.implements],
            ],
            "class": [Use(f"H is {c}", "=bool True")],
            "registered": [Use(f"isinstance(set(), {c})"), Use(f"issubclass(H, {c})")],
            "subclass": [Use("attempt(H)"), Use(f"issubclass(H, {c})")],
        }[key]

    def held_after(self, history, key):
        chain = (*history, self)
        if key == "instance" and any(
            set(one.methods) > set(one.implements) for one in chain
        ):
            return []  # the fresh process can't make one
        return self.held_uses(key)

    def members(self):
        found = {self.name: "must", f"{self.name}Impl": "must"}
        found |= {f"{self.name}.{name}": "must" for name in (*self.methods, "common")}
        return found | {f"{self.name}Impl.{name}": "must" for name in self.implements}


def make_record(rng, names):
    fields = [
        (names.new("field"), "int", str(rng.randint(1, 9)))
        for _ in range(rng.randint(1, 3))
    ]
    if rng.random() < 0.3:
        fields.append(
            (names.new("field"), "tuple", "dataclasses.field(default_factory=tuple)")
        )
    options = rng.choice(
        [(), (), ("frozen",), ("slots",), ("order",), ("frozen", "slots")]
    )
    return Record(
        name=names.new("R"),
        fields=tuple(fields),
        options=options,
        method=rng.randint(1, 99),
    )


def make_named(rng, names):
    fields = tuple(
        (names.new("field"), rng.randint(1, 9)) for _ in range(rng.randint(1, 3))
    )
    return Named(name=names.new("N"), fields=fields, method=rng.randint(1, 99))


def make_typed(rng, names):
    fields = tuple(
        (names.new("run"), rng.choice(["int", "str"])) for _ in range(rng.randint(1, 3))
    )
    style = rng.choice(["TypedDict", "Protocol"])
    return Typed(name=names.new("P"), style=style, fields=fields)


def make_abstract(rng, names):
    methods = tuple(names.new("need") for _ in range(rng.randint(1, 2)))
    return Abstract(
        name=names.new("A"),
        methods=methods,
        implements=methods,
        number=rng.randint(1, 99),
    )


MAKERS = [make_record, make_record, make_named, make_typed, make_abstract]
