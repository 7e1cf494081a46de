"""Classes."""

import dataclasses
import re

from .classtools import ClassDecorator, Meta
from .feature import Datum, Edit, Feature, Use, indent, other
from .members import (
    Attribute,
    Described,
    Dunder,
    Inner,
    Method,
    make_attribute,
    make_described,
    make_dunder,
    make_member,
    make_method,
)

# codes with which other bases may be refused
BASES = ("RSL201", "RSL203", "RSL206")
BUILTIN_BASES = ("Exception", "LookupError", "dict", "list")


@dataclasses.dataclass(frozen=True)
class Class(Feature):
    bases: tuple = ()
    metaclass: str = ""
    members_: tuple = ()
    decorators: tuple = ()
    slots: tuple | None = None  # beyond n and made
    init: int = 1
    chain: int = 0  # a method that asks super() too
    doc: str = ""
    generic: bool = False
    reload_data: tuple | None = (
        None  # names for _reload_data; ("*",) for _reload_all_data
    )
    del_func: bool = False

    @property
    def needs(self):
        used = {*self.bases, *self.decorators, self.metaclass}
        used |= {one.descriptor for one in self.members_ if isinstance(one, Described)}
        used |= {one.decorator for one in self.members_ if isinstance(one, Method)}
        return frozenset(
            one for one in used if one and "." not in one and one not in BUILTIN_BASES
        )

    def text(self):
        heads = [
            *self.bases,
            *([f"metaclass={self.metaclass}"] if self.metaclass else []),
        ]
        head = (
            f"class {self.name}{'[T]' * self.generic}"
            + (f"({', '.join(heads)})" if heads else "")
            + ":\n"
        )
        parts = [f'"""{self.doc}"""\n'] if self.doc else []
        if self.slots is not None:
            parts.append(f"__slots__ = {(*self.own_slots(), *self.slots)}\n")
        if self.reload_data == ("*",):
            parts.append("_reload_all_data = True\n")
        elif self.reload_data is not None:
            parts.append(f"_reload_data = {set(self.reload_data) or 'set()'}\n")
        parts += ["_del_func = True\n"] * self.del_func
        parts.append(
            f"\ndef __init__(self, n=1):\n    {self.super_init()}self.n = n\n    self.made = {self.init}\n"
        )
        if self.chain:
            parts.append(
                f'\ndef chain(self):\n    above = getattr(super(), "chain", tuple)\n    return ("{self.name}", {self.chain}, *above())\n'
            )
        parts += ["\n" + one.text() for one in self.members_]
        return (
            "".join(f"@{one}\n" for one in self.decorators)
            + head
            + indent("".join(parts))
        )

    def own_slots(self):
        return (
            ()
            if any(one not in BUILTIN_BASES and "." not in one for one in self.bases)
            else ("n", "made")
        )

    def super_init(self):
        return (
            "super().__init__(n)\n    "
            if any(one in ("Exception", "LookupError") for one in self.bases)
            else ""
        )

    def makes_instances(self):
        return True

    # -- edits ------------------------------------------------------------------------------------------------------

    def edits(self, rng, names):
        return [*self.member_edits(rng, names), *self.frame_edits(rng, names)]

    def member_edits(self, rng, names):
        found = []
        for number, one in enumerate(self.members_):
            for kind, new in one.edits(rng):
                found.append(Edit(kind, self.with_members(number, new)))
            if isinstance(one, Method):
                found.append(Edit("method removed", self.with_members(number)))
                found.append(
                    Edit(
                        "method renamed",
                        self.with_members(
                            number, dataclasses.replace(one, name=names.new("meth"))
                        ),
                    )
                )
            elif isinstance(one, Attribute) and one.name not in (
                self.reload_data or ()
            ):
                found.append(Edit("class attribute removed", self.with_members(number)))
            elif isinstance(one, Dunder) and one.name != "__getattr__":
                found.append(Edit("dunder removed", self.with_members(number)))
        for kind, one in (("method added", make_method(rng, names, self)), ("class attribute added", make_attribute(rng, names)),
                          ("dunder added", make_dunder(rng, self)), ("descriptor added", make_described(rng, names)),
                          ("nested class added", Inner(names.new("Inner"), rng.randint(1, 99)))):  # fmt: skip
            if one:
                found.append(Edit(kind, self.but(members_=(*self.members_, one))))
        if len(self.members_) > 1:
            found.append(
                Edit("members swapped", self.but(members_=self.members_[::-1]))
            )
        return found

    def with_members(self, number, *new):
        return self.but(
            members_=(*self.members_[:number], *new, *self.members_[number + 1 :])
        )

    def frame_edits(self, rng, names):
        found = [Edit("class docstring", self.but(doc=f"about {rng.randint(1, 99)}")),
                 Edit("init body", self.but(init=other(rng, self.init)))]  # fmt: skip
        if self.chain:
            found.append(
                Edit("super call body", self.but(chain=other(rng, self.chain)))
            )
        plain = [
            one.name
            for one in names.of(Class)
            if one.can_be_base() and one.name not in self.bases
        ]
        builtin = self.bases and self.bases[0] in BUILTIN_BASES
        if (
            plain
            and not builtin
            and self.slots is None
            and not self.metaclass
            and not self.generic
        ):
            chosen = rng.choice(plain)
            if not self.bases:
                found.append(Edit("base added", self.but(bases=(chosen,)), BASES))
            elif len(self.bases) == 1:
                found.append(Edit("base changed", self.but(bases=(chosen,)), BASES))
                if not related(names, chosen, self.bases[0]):
                    found.append(
                        Edit(
                            "second base added",
                            self.but(bases=(*self.bases, chosen)),
                            BASES,
                        )
                    )
                found.append(Edit("base removed", self.but(bases=()), BASES))
            else:
                found.append(
                    Edit("bases swapped", self.but(bases=self.bases[::-1]), BASES)
                )
        if self.bases == ("Exception",):
            found.append(Edit("base changed", self.but(bases=("LookupError",)), BASES))
        metas = [one.name for one in names.of(Meta) if one.name != self.metaclass]
        if not self.bases and metas:
            kind = "metaclass changed" if self.metaclass else "metaclass added"
            found.append(Edit(kind, self.but(metaclass=rng.choice(metas)), ("RSL202",)))
        if not self.bases and self.metaclass:
            found.append(Edit("metaclass removed", self.but(metaclass=""), ("RSL202",)))
        if not self.bases and not self.metaclass:
            found.append(
                Edit("class type parameters", self.but(generic=not self.generic), BASES)
            )
        wraps = [
            one.name
            for one in names.of(ClassDecorator)
            if one.name not in self.decorators
        ]
        if wraps:
            found.append(
                Edit(
                    "class decorator added",
                    self.but(decorators=(rng.choice(wraps), *self.decorators)),
                )
            )
        if self.decorators:
            found.append(
                Edit(
                    "class decorator removed", self.but(decorators=self.decorators[1:])
                )
            )
        if self.slots is not None and rng.random() < 0.3:
            slots = (names.new("slot"),) if not self.slots else ()
            found.append(Edit("slots changed", self.but(slots=slots), ("RSL201",)))
        return found

    def allows(self, dunder):
        """Would this special method get in the way of the others, or of the probes?"""
        if self.bases and self.bases[0] in BUILTIN_BASES:
            return dunder in (
                "__call__",
                "__add__",
                "__getattr__",
                "__enter__",
                "__missing__",
            )
        return dunder != "__class_getitem__" or not self.generic

    def can_be_base(self):
        return (
            self.slots is None
            and not self.generic
            and not self.metaclass
            and not any(one in BUILTIN_BASES for one in self.bases)
        )

    # -- what to try ------------------------------------------------------------------------------------------------

    def instance_uses(self, instance, anew=True):
        found = [
            use for one in self.members_ for use in one.instance_uses(instance, anew)
        ]
        found += [
            f"{instance}.n",
            f"isinstance({instance}, M.{self.name})",
            f"type({instance}) is M.{self.name}",
        ]
        found += [f"{instance}.chain()"] if self.chain else []
        return [Use(text) for text in found]

    def class_uses(self, cls):
        found = [use for one in self.members_ for use in one.class_uses(cls)]
        found += (
            [f"{cls}.hello()"] if self.metaclass and "." not in self.metaclass else []
        )
        found += [f"{cls}[int].__origin__.__name__"] if self.generic else []
        return [Use(text) for text in [*found, f"doc({cls})", f"{cls}.__name__"]]

    def uses(self):
        found = [
            *self.instance_uses(f"M.{self.name}(1)"),
            *self.class_uses(f"M.{self.name}"),
            Use(f"M.{self.name}(3).made"),
        ]
        if "Exception" in self.bases or "LookupError" in self.bases:
            found.append(Use(f"caught(M.{self.name}(1), LookupError)"))
        return found

    def holds(self):
        name = f"M.{self.name}"
        found = {
            "instance": f"{name}(4)",
            "class": name,
            "imported": f"holder.M_{self.name}",
            "subclass": f"subclass({name})",
            "sub instance": f"subclass({name})(5)",
            "key": f"{{{name}: 'found'}}",
            "weak": f"weakref.ref({name})",
            "partial": f"partial({name}, 6)",
            "in list": f"[{name}(7), {name}]",
            "two levels": f"subclass(subclass({name}), 'Third')(8)",
        }
        for one in self.members_:
            if isinstance(one, Method) and one.called():
                found[f"bound {one.name}"] = f"{name}(2).{one.name}"
                if (
                    one.kind in ("method", "generator", "coroutine")
                    and not one.decorator
                ):
                    found[f"function {one.name}"] = f"{name}.{one.name}"
                    if one.kind == "generator":
                        found[f"suspended {one.name}"] = (
                            f"suspend({name}(2).{one.name}, 5)"
                        )
            if isinstance(one, Inner):
                found[f"inner {one.name}"] = f"{name}.{one.name}()"
        return found

    def method(self, name):
        found = [one for one in self.members_ if one.name == name]
        return found[0] if found else None

    def held_uses(self, key):
        if " " in key and key.partition(" ")[0] in (
            "bound",
            "function",
            "inner",
            "suspended",
        ):
            what, _, name = key.partition(" ")
            return self.member_uses(what, self.method(name))
        name = f"M.{self.name}"
        return {
            "instance": [
                *self.instance_uses("H", anew=False),
                *[Use("pickled(H).n")] * (not self.bases),
            ],
            "class": [Use(f"H is {name}", "=bool True"), *self.instance_uses("H(1)")],
            "imported": [Use(f"holder.M_{self.name} is {name}", "=bool True")],
            "subclass": self.sub_uses("H(1)")
            + [use for use in self.class_uses("H") if "[int]" not in use.text],
            "sub instance": self.sub_uses("H"),
            "two levels": self.sub_uses("H"),
            "key": [Use(f"H[{name}]", "=str 'found'")],
            "weak": [Use(f"H() is {name}", "=bool True")],
            "partial": self.instance_uses("H()"),
            "in list": [
                *self.instance_uses("H[0]", anew=False),
                Use(f"H[1] is {name}", "=bool True"),
            ],
        }[key]

    def sub_uses(self, instance):
        return [
            use
            for use in self.instance_uses(instance, anew=False)
            if "type(" not in use.text
        ]

    def member_uses(self, what, member):
        if member is None:
            return []
        if what == "inner":
            return [
                Use("H.run()"),
                Use(f"type(H) is M.{self.name}.{member.name}", "=bool True"),
            ]
        if what == "suspended":
            return [Use("rest(H)", "=str '[]'")]
        if what == "function":
            return [
                Use(f"call(H, M.{self.name}(3), 5)"),
                Use(f"H is M.{self.name}.{member.name}", "=bool True"),
            ]
        return [Use("call(H, 5)")]

    def held_after(self, history, key):
        if not all(isinstance(one, Class) for one in history):
            return []
        what, _, name = key.partition(" ")
        if what in ("bound", "function") and name not in ("list", "instance", "levels"):
            chain = [one.method(name) for one in (*history, self)]
            if None in chain:
                return []
            if len({(one.family(), one.decorator) for one in chain}) > 1:
                return [Use("call(H, 5)", "any")]
        uses = self.held_uses(key)
        if key == "subclass" and len({one.metaclass for one in (*history, self)}) > 1:
            # classes that exist keep their metaclass
            uses = [use for use in uses if "hello" not in use.text]
        # an instance keeps what a cached_property stored in it
        stored = {
            one.name
            for cls in history
            for one in cls.members_
            if getattr(one, "kind", "") == "cached"
        }
        return [use for use in uses if not stored & set(re.findall(r"\w+", use.text))]

    def touches(self, rng):
        return [("instance", f"H.n = {rng.randint(50, 59)}")]

    # -- what lives on ----------------------------------------------------------------------------------------------

    def data(self):
        def policy(name):
            if self.reload_data is None:
                return None
            return (
                "take"
                if self.reload_data == ("*",) or name in self.reload_data
                else "keep"
            )

        return [Datum(f"{self.name}.{one.name}", one.value, one.kind, policy(one.name), one.note)
                for one in self.members_ if isinstance(one, Attribute)] + [
                Datum(f"{self.name}.{one.name}.value", str(one.value), "int")
                for one in self.members_ if isinstance(one, Inner)]  # fmt: skip

    def mutations(self, rng):
        found = []
        for one in self.members_:
            if isinstance(one, Attribute):
                where, n = f"{self.name}.{one.name}", rng.randint(100, 199)
                if one.kind == "int":
                    found.append((where, f"M.{where} = {n}", f"{n}"))
                elif one.kind == "list":
                    found.append(
                        (where, f"M.{where}.append({n})", f"[*{one.value}, {n}]")
                    )
                elif one.kind == "dict":
                    found.append(
                        (
                            where,
                            f"M.{where}['live'] = {n}",
                            f"{{**{one.value}, 'live': {n}}}",
                        )
                    )
        return found

    def members(self):
        found = {self.name: "must"}
        for one in self.members_:
            for name, force in one.members().items():
                name = (
                    f"_{self.name.lstrip('_')}{name}"
                    if name.startswith("__") and not name.endswith("__")
                    else name
                )
                if self.del_func and isinstance(one, (Method, Dunder)):
                    if force == "must" and (
                        isinstance(one, Dunder) or one.family() == "method"
                    ):
                        continue
                    force = "may"
                found[f"{self.name}.{name}"] = force
        if self.chain:
            found[f"{self.name}.chain"] = "may" if self.del_func else "must"
        for one in self.decorators:
            found[f"{self.name}.by_{one}"] = "may"
        for name in ("__parameters__", "__orig_bases__", "__type_params__", "__hash__", "__doc__", "__annotations__", "hooked",
                     "__annotate_func__", "__annotations_cache__", "__classdict__"):  # fmt: skip
            found[f"{self.name}.{name}"] = "may"
        return found


def related(names, one, two):
    """Does one class derive from the other?  Such bases may have no consistent order."""
    bases = {cls.name: cls.bases for cls in names.of(Class)}

    def line(name):
        return {name}.union(*(line(base) for base in bases.get(name, ())))

    return one in line(two) or two in line(one)


def make_class(rng, names):
    base = [one.name for one in names.of(Class) if one.can_be_base()]
    metas = [one.name for one in names.of(Meta)]
    cls = Class(
        name=names.new("C"),
        init=rng.randint(1, 99),
        chain=rng.choice([0, 5]),
        doc=rng.choice(["", "said"]),
    )
    choice = rng.random()
    if choice < 0.3 and base:
        chosen = rng.sample(base, min(len(base), rng.choice([1, 1, 2])))
        alone = len(chosen) == 2 and related(names, *chosen)
        cls = cls.but(bases=tuple(chosen[:1] if alone else chosen))
    elif choice < 0.4:
        cls = cls.but(bases=("Exception",))
    elif choice < 0.45:
        cls = cls.but(bases=(rng.choice(["dict", "list"]),))
    elif choice < 0.6 and metas:
        cls = cls.but(metaclass=rng.choice(metas))
    elif choice < 0.67:
        cls = cls.but(slots=())
    elif choice < 0.73:
        cls = cls.but(generic=True)
    wraps = names.of(ClassDecorator)
    if wraps and rng.random() < 0.5:
        cls = cls.but(decorators=(rng.choice(wraps).name,))
    for _ in range(rng.randint(1, 4)):
        one = make_member(rng, names, cls)
        if one:
            cls = cls.but(members_=(*cls.members_, one))
    attributes = [one.name for one in cls.members_ if isinstance(one, Attribute)]
    if attributes and rng.random() < 0.3:
        cls = cls.but(reload_data=rng.choice([("*",), tuple(attributes[:1]), ()]))
    return cls.but(del_func=rng.random() < 0.15)


MAKERS = [make_class]
